"""Files of a checkpoint with the pieces of tensors that several processes have: a file for each part and process."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any, Final, Protocol

import safetensors.torch
import torch
from torch import Tensor

from nntrain.training.durable import Pieces, tensor_pieces
from nntrain.training.state import flatten


class Finish(Protocol):
    """Waits for what other processes write; gives their files with bytes and digest."""

    size: int
    """How many processes there are."""

    def __call__(self) -> dict[str, dict[str, Any]]: ...


Others = Callable[[Path], Finish]
"""Lets other processes write into a folder."""
SHARDED: Final = "@sharded"
"""Key beside the parts of a checkpoint: by part the names of the tensors of which each process has a piece."""


def joined(name: str, entries: Collection[str], read: Callable[[str], bytes]) -> dict[str, Tensor]:
    """The tensors of a part of which several processes have written a piece each, whole: the pieces lie along the first axis.

    Raises:
        ValueError: There are not the files of all processes.
    """
    files = sorted(file for file in entries if file.startswith(f"{name}-") and file.endswith(".safetensors"))
    if files and files != [shard_file(name, rank, len(files)) for rank in range(len(files))]:
        raise ValueError(f"not the files of all processes: {', '.join(files)}")
    found: dict[str, list[Tensor]] = {}
    for file in files:
        for key, piece in safetensors.torch.load(read(file)).items():
            found.setdefault(key, []).append(piece)
    return {key: torch.cat(parts) for key, parts in found.items()}


def shard_file(name: str, rank: int, size: int) -> str:
    """The file with one process's pieces: `weights-00001-of-00002.safetensors`."""
    return f"{name}-{rank + 1:05d}-of-{size:05d}.safetensors"


def files_of(parts: Mapping[str, Any], size: int | None) -> dict[str, Pieces]:
    """Content of the files of a checkpoint that the first of so many processes writes; of the only one where that is `None`."""
    found: dict[str, Pieces] = {} if size is None else shard_pieces(parts, 0, size)
    for name, tree in parts.items():
        if name == SHARDED:
            continue
        tensors, skeleton = flatten(tree)
        shared = parts.get(SHARDED, {}).get(name, ())
        whole = {key: tensor for key, tensor in tensors.items() if key not in shared}
        found[f"{name}.json"] = (json.dumps(skeleton, allow_nan=False).encode(),)
        if whole:
            found[f"{name}.safetensors"] = tensor_pieces(whole)
    return found


def shard_pieces(parts: Mapping[str, Any], rank: int, size: int) -> dict[str, Pieces]:
    """Content of the files with a process's pieces, by name. Each has one of each part that has some, be it empty."""
    found: dict[str, Pieces] = {}
    for name, keys in parts.get(SHARDED, {}).items():
        tensors = flatten(parts[name])[0]
        found[shard_file(name, rank, size)] = tensor_pieces({key: tensors[key] for key in keys})
    return found
