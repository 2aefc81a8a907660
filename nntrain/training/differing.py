"""Where two states differ, to the bit: the part, the place in it, and both values."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest
from typing import Any, Final, cast

import torch
from torch import Tensor

from nntrain.training.state import Tree, type_and_shape

CLOCK: Final = ("state/progress/elapsed_s",)
"""What is never the same twice: how long it took."""


def first_difference(ours: Mapping[str, Tree], theirs: Mapping[str, Tree], *, but: Sequence[str] = CLOCK) -> str | None:
    """The first place where two checkpoints differ, in words; `None` where they are equal bit for bit.

    Args:
        ours: Parts by name.
        theirs: Parts that ought to be the same.
        but: Places that may differ: `state/progress/elapsed_s`.
    """
    return next(_differences(dict(ours), dict(theirs), "", frozenset(but)), None)


def first_different_line(ours: bytes, theirs: bytes) -> str | None:
    """The first report in which two histories differ, with both values; `None` where all bytes are equal.

    Args:
        ours: A `history.jsonl`.
        theirs: One that ought to be the same.
    """
    if ours == theirs:
        return None
    pairs = zip_longest(ours.splitlines(), theirs.splitlines())
    number, (mine, other) = next(((number, pair) for number, pair in enumerate(pairs, 1) if pair[0] != pair[1]), (0, (b"", b"")))
    if mine is None or other is None:
        return f"history.jsonl: line {number} is in one of the two only"
    try:
        left, right = json.loads(mine), json.loads(other)
        place = f"history.jsonl: line {number} (step {left['step']})"
    except (ValueError, KeyError, TypeError):
        return f"history.jsonl: line {number}"
    return next(_differences(left, right, place, frozenset()), place)


def _differences(ours: Tree, theirs: Tree, place: str, but: frozenset[str]) -> Iterator[str]:
    if place in but:
        return
    if type(ours) is not type(theirs):
        yield f"{place}: {_shown(ours)} and {_shown(theirs)}"
    elif isinstance(ours, Tensor):
        found = _different_tensor(ours, theirs)
        if found is not None:
            yield f"{place}: {found}"
    elif isinstance(ours, dict):
        yield from _different_entries(cast("dict[Any, Tree]", ours), theirs, place, but)
    elif isinstance(ours, list | tuple):
        left, right = cast("Sequence[Tree]", ours), cast("Sequence[Tree]", theirs)
        if len(left) != len(right):
            yield f"{place}: {len(left)} values and {len(right)}"
        for index, (mine, other) in enumerate(zip(left, right, strict=False)):
            yield from _differences(mine, other, f"{place}/{index}", but)
    elif repr(ours) != repr(theirs):  # as text: NaN is NaN, and 0.0 is not -0.0
        yield f"{place}: {_shown(ours)} and {_shown(theirs)}"


def _different_entries(ours: Mapping[Any, Tree], theirs: Mapping[Any, Tree], place: str, but: frozenset[str]) -> Iterator[str]:
    for key in dict.fromkeys([*ours, *theirs]):
        below = f"{place}/{key}" if place else str(key)
        if key in ours and key in theirs:
            yield from _differences(ours[key], theirs[key], below, but)
        elif below not in but:
            yield f"{below}: is in one of the two only"


def _different_tensor(ours: Tensor, theirs: Tensor) -> str | None:
    if ours.dtype != theirs.dtype or ours.shape != theirs.shape:
        return f"{type_and_shape(ours)} and {type_and_shape(theirs)}"
    left, right = (tensor.detach().cpu().clone(memory_format=torch.contiguous_format).reshape(-1) for tensor in (ours, theirs))
    if not left.numel() or torch.equal(left.view(torch.uint8), right.view(torch.uint8)):
        return None
    width = left.element_size()
    unequal = (left.view(torch.uint8).reshape(-1, width) != right.view(torch.uint8).reshape(-1, width)).any(1)
    first = int(unequal.nonzero()[0])
    count = f"{int(unequal.sum()):,} of {left.numel():,} values differ"
    if not left.dtype.is_floating_point:
        return f"{count}; the first: {left[first].item()} and {right[first].item()}"
    apart = float((left.double() - right.double()).abs().max())
    return f"{count}, by {apart:.3g} at most; the first: {left[first].item():.9g} and {right[first].item():.9g}"


def _shown(value: object) -> str:
    return type_and_shape(value) if isinstance(value, Tensor) else repr(value)
