"""Which tensor of a checkpoint lies in which file, and the way back.

Weights have a file of their own, for whatever reads such files; all other tensors share one, as each file of a save is to be brought
to the disk by itself. Where several processes have pieces of a part's tensors, there is a file for each part and process.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any, Final, Protocol

import torch
from torch import Tensor

from nntrain.training.durable import Pieces, tensor_pieces
from nntrain.training.state import Json, flatten


class Finish(Protocol):
    """Waits for what other processes write; gives their files with bytes and digest."""

    size: int
    """How many processes there are."""

    def __call__(self) -> dict[str, dict[str, Any]]: ...


Others = Callable[[Path], Finish]
"""Lets other processes write into a folder."""
SHARDED: Final = "@sharded"
"""Key beside the parts of a checkpoint: by part the names of the tensors of which each process has a piece."""


_OF_THEIR_OWN: Final = ("weights", "ema")
"""Parts with a file of their own."""
_REST: Final = "state.safetensors"
"""The file with the tensors of all others, under the name of the part and theirs: `optimizer/head.weight/exp_avg`."""


def tables_of(files: Collection[str], tensors: Callable[[str], dict[str, Tensor]]) -> Callable[[str], dict[str, Tensor]]:
    """What gives the table of a part's tensors: each file is read when it is its turn.

    Args:
        files: Names of all files.
        tensors: Reads a file.
    """
    rest: dict[str, dict[str, Tensor]] = {}
    for key, tensor in (tensors(_REST) if _REST in files else {}).items():
        part, _, name = key.partition("/")
        rest.setdefault(part, {})[name] = tensor

    def table(part: str) -> dict[str, Tensor]:
        own = f"{part}.safetensors"
        found = tensors(own) if part in _OF_THEIR_OWN and own in files else rest.get(part, {})
        return found | joined(part, files, tensors)

    return table


def joined(name: str, files: Collection[str], tensors: Callable[[str], dict[str, Tensor]]) -> dict[str, Tensor]:
    """The tensors of a part of which several processes have written a piece each, whole: the pieces lie along the first axis.

    Raises:
        ValueError: There are not the files of all processes.
    """
    written = sorted(file for file in files if file.startswith(f"{name}-"))
    if written and written != [shard_file(name, rank, len(written)) for rank in range(len(written))]:
        raise ValueError(f"not the files of all processes: {', '.join(written)}")
    found: dict[str, list[Tensor]] = {}
    for file in written:
        for key, piece in tensors(file).items():
            found.setdefault(key, []).append(piece)
    return {key: torch.cat(parts) for key, parts in found.items()}


def shard_file(name: str, rank: int, size: int) -> str:
    """The file with one process's pieces: `weights-00001-of-00002.safetensors`."""
    return f"{name}-{rank + 1:05d}-of-{size:05d}.safetensors"


def taken_apart(parts: Mapping[str, Any], size: int | None) -> tuple[dict[str, Pieces], dict[str, Json]]:
    """Content of the files that the first of so many processes writes (`None`: the only one), and the skeleton of each part."""
    files: dict[str, Pieces] = {} if size is None else shard_pieces(parts, 0, size)
    skeletons: dict[str, Json] = {}
    rest: dict[str, Tensor] = {}
    for name, tree in parts.items():
        if name == SHARDED:
            continue
        tensors, skeletons[name] = flatten(tree)
        shared = parts.get(SHARDED, {}).get(name, ())
        whole = {key: tensor for key, tensor in tensors.items() if key not in shared}
        if name not in _OF_THEIR_OWN:
            rest |= {f"{name}/{key}": tensor for key, tensor in whole.items()}
        elif whole:
            files[f"{name}.safetensors"] = tensor_pieces(whole)
    return files | ({_REST: tensor_pieces(rest)} if rest else {}), skeletons


def shard_pieces(parts: Mapping[str, Any], rank: int, size: int) -> dict[str, Pieces]:
    """Content of the files with a process's pieces, by name. Each has one of each part that has some, be it empty."""
    found: dict[str, Pieces] = {}
    for name, keys in parts.get(SHARDED, {}).items():
        tensors = flatten(parts[name])[0]
        found[shard_file(name, rank, size)] = tensor_pieces({key: tensors[key] for key in keys})
    return found
