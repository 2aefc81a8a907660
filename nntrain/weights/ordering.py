"""Tensors of a file by their order, where names tell nothing: two networks of one design make theirs in the same order. Torch-free."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

from nntrain.errors import SpecError

BESIDE: Final = frozenset({"running_mean", "running_var", "num_batches_tracked"})
"""What batch norms keep beside their parameters."""


def in_order(ours: Mapping[str, tuple[object, ...]], theirs: Mapping[str, tuple[int, ...]], head: Collection[str] = ()) -> dict[str, str]:
    """Pair parameters with tensors, the first with the first.

    Args:
        ours: Shapes of our parameters by name, in their order; sizes that are no `int` are not known yet, and fit any.
        theirs: Shapes of the file's tensors by name, in their order; averages of norms among them.
        head: Parameters that may have another shape there, or not be there.

    Returns:
        What is called how there: modules, whose averages go with them, where both call their parameters alike, else parameters.

    Raises:
        SpecError: There are more or fewer, or the shapes of a pair differ.
    """
    names = [name for name in theirs if _leaf(name) not in BESIDE]
    body = [name for name in ours if name not in head]
    if len(names) not in {len(ours), len(body)}:
        counts = f"{len(names):,} parameters there and {len(ours):,} here"
        raise SpecError(f"pairs parameters in their order, and there are {counts}", "the same network; or map: {OURS: THEIRS} by name")
    found: dict[str, str] = {}
    for name, other in zip(ours if len(names) == len(ours) else body, names, strict=True):
        if name not in head and not _fits(ours[name], theirs[other]):
            here = ", ".join(map(str, ours[name]))
            raise SpecError(
                f"pairs parameters in their order, and {other} {list(theirs[other])} is no {name} [{here}]",
                "is the network the same? safetensors files may have another order; or map: {OURS: THEIRS} by name",
            )
        is_alike = _leaf(name) == _leaf(other)
        found[name.rpartition(".")[0] if is_alike else name] = other.rpartition(".")[0] if is_alike else other
    return found


def _leaf(name: str) -> str:
    return name.rpartition(".")[2]


def _fits(ours: tuple[object, ...], theirs: tuple[int, ...]) -> bool:
    return len(ours) == len(theirs) and all(not isinstance(size, int) or size == other for size, other in zip(ours, theirs, strict=True))
