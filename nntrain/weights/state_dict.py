"""Finding the tensors in what a file holds: a state dict, or one inside a training checkpoint. Torch-free."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, cast

from nntrain.errors import CheckpointError
from nntrain.weights.stored import TRUST, StoredTensor

AVERAGED: Final = ("state_dict_ema", "model_ema", "ema_state_dict", "ema")
"""Names under which checkpoints have averaged weights, which are the model where there are any."""

NESTED: Final = (*AVERAGED, "state_dict", "model_state_dict", "model", "net", "network", "module", "weights", "params")
"""Names under which checkpoints have a state dict, the first that is found first."""

PREFIXES: Final = {"module.": "DataParallel", "_orig_mod.": "torch.compile"}
"""What some wrappers put before every name."""

MOST_DEPTH: Final = 4
"""Dicts inside dicts that are looked into."""


@dataclass(frozen=True, slots=True)
class Found:
    """The tensors by name, and what is to be told of how they were found."""

    tensors: Mapping[str, StoredTensor]
    notes: tuple[str, ...]


def find_state_dict(value: object, path: Path) -> Found:
    """Find the tensors.

    Raises:
        CheckpointError: There are none.
    """
    where: list[str] = []
    held = _dict(value)
    while not _tensors(held) and len(where) < MOST_DEPTH:
        key = next((name for name in NESTED if _holds_tensors(held.get(name), set())), None)
        if key is None:
            break
        where.append(key)
        held = _dict(held[key])
    notes = [f"the weights are those under {' > '.join(where)}"] if where else []
    if where and where[-1] in AVERAGED:
        notes[0] += ", which are averaged"
    tensors = _tensors(held) or dict(_flattened(held))
    if not tensors:
        raise CheckpointError(f"{path.as_posix()} holds no tensors under names", TRUST)
    for prefix, wrapper in PREFIXES.items():
        if all(name.startswith(prefix) for name in tensors):
            tensors = {name[len(prefix) :]: tensor for name, tensor in tensors.items()}
            notes.append(f"names without {prefix!r}, which {wrapper} adds")
    return Found(tensors, tuple(notes))


def _dict(value: object) -> dict[object, object]:
    return cast("dict[object, object]", value) if isinstance(value, dict) else {}


def _tensors(held: dict[object, object]) -> dict[str, StoredTensor]:
    """The tensors that a dict has under texts; what else it has (counters, versions) is no weight."""
    return {name: tensor for name, tensor in held.items() if isinstance(name, str) and isinstance(tensor, StoredTensor)}


def _holds_tensors(value: object, seen: set[int], depth: int = 0) -> bool:
    """Whether there are tensors in a dict, or in dicts that it has under the known names.

    Each dict is looked at once: a file may have one inside itself.
    """
    held = _dict(value)
    if not held or id(held) in seen or depth > MOST_DEPTH:
        return False
    seen.add(id(held))
    if _tensors(held):
        return True
    return any(_holds_tensors(held.get(name), seen, depth + 1) for name in NESTED)


def _flattened(held: dict[object, object]) -> Iterator[tuple[str, StoredTensor]]:
    """Several state dicts in one, as for a generator and a discriminator: each name behind that of its dict."""
    for key, inner in held.items():
        for name, tensor in _tensors(_dict(inner)).items():
            yield f"{key}.{name}", tensor
