"""The state of an exported network: `model.safetensors` has its weights, `model.json` everything else, tensors as plain numbers.

No pickle, and nothing that training needed. `model.json` has the digest of the weights, and one of itself.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, cast

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor

from nntrain.errors import CheckpointError
from nntrain.exporting import STATE_FILE
from nntrain.training.durable import tensor_pieces, write_files
from nntrain.training.state import flatten, unflatten
from nntrain.training.verified import read, read_verified

WEIGHTS: Final = "model.safetensors"
FORMAT: Final = 1
"""Version of the layout; a newer one is refused."""

_TYPES: Final = {
    str(kind).removeprefix("torch."): kind
    for kind in (
        *(torch.float16, torch.bfloat16, torch.float32, torch.float64),
        *(torch.bool, torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64),
    )
}
"""Types of tensors that are written as numbers, by name; each of their values is a number of JSON, to the bit."""


def write_state(folder: Path, state: Mapping[str, Any], step: int) -> None:
    """Write the two files; the first of them where there are weights.

    Args:
        folder: Where; they are not there yet.
        state: Trees by part, as `format.Trained` has them.
        step: Steps of the state.

    Raises:
        OSError: The disk is full, or can't be written.
    """
    tensors, skeleton = flatten({part: tree for part, tree in state.items() if part != "weights"})
    files: dict[str, Any] = {}
    if "weights" in state:
        weights, skeleton["weights"] = flatten(state["weights"])
        files = write_files(folder, {WEIGHTS: tensor_pieces(weights)})
    content = {
        "format": FORMAT,
        "step": step,
        **skeleton,
        "tensors": {name: _numbers(tensor) for name, tensor in tensors.items()},
        "files": files,
    }
    text = json.dumps({**content, "sha256": _digest(content)}, allow_nan=False) + "\n"
    write_files(folder, {STATE_FILE: [text.encode()]})


def read_content(folder: Path) -> dict[str, Any]:
    """What `model.json` holds, tensors by name. Raises `CheckpointError` where it is damaged, or newer than this nntrain."""
    path = folder / STATE_FILE
    try:
        content = cast("dict[str, Any]", json.loads(read(path)))
        version, written = content["format"], content.pop("sha256")
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
        raise CheckpointError(f"{path.as_posix()}: damaged ({type(error).__name__})") from None
    if isinstance(version, int) and version > FORMAT:
        raise CheckpointError(f"{path.as_posix()}: format {version} is newer than this nntrain reads ({FORMAT})", "update nntrain")
    if version != FORMAT or written != _digest(content):
        raise CheckpointError(f"{path.as_posix()}: damaged (its content is not what was written)")
    return content


def read_state(folder: Path) -> dict[str, Any]:
    """The state as parts of a checkpoint: `weights`, `fields`, `task`, `state` with the step, perhaps `soup`.

    Raises:
        CheckpointError: A file is missing, damaged, or holds what nntrain does not write.
    """
    content = read_content(folder)
    path = folder / STATE_FILE
    try:
        tensors = {str(name): _tensor(told) for name, told in content["tensors"].items()}
        weights = safetensors.torch.load(read_verified(folder / WEIGHTS, content["files"][WEIGHTS]))
        parts = {part: unflatten(tensors, content[part]) for part in ("fields", "task", "soup") if part in content}
        step = int(content["step"])
        return {**parts, "weights": unflatten(weights, content["weights"]), "state": {"progress": {"step": step}}}
    except (ValueError, TypeError, LookupError, AttributeError, RuntimeError, ArithmeticError, RecursionError, SafetensorError) as error:
        raise CheckpointError(f"{path.as_posix()}: damaged ({type(error).__name__}: {error})") from None


def _numbers(tensor: Tensor) -> dict[str, Any]:
    """A tensor as plain numbers; what is not finite as a word."""
    kind = str(tensor.dtype).removeprefix("torch.")
    assert kind in _TYPES, kind
    flat = cast("list[Any]", tensor.detach().cpu().reshape(-1).tolist())
    values = [str(value) if isinstance(value, float) and not math.isfinite(value) else value for value in flat]
    return {"type": kind, "sizes": list(tensor.shape), "values": values}


def _tensor(told: Mapping[str, Any]) -> Tensor:
    """Undo `_numbers`. Raises `ValueError` and its like for what it does not write."""
    values = [float(value) if isinstance(value, str) else value for value in told["values"]]
    return torch.tensor(values, dtype=_TYPES[told["type"]]).reshape(told["sizes"])


def _digest(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
