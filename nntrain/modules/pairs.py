"""How many pairs of rows a score puts in order, of more rows than memory should hold: counted a digit of the scores at a time."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
import torch
from torch import Tensor

if TYPE_CHECKING:
    Array = np.ndarray[Any, Any]

SORTED: Final = 2**19
"""Rows that are sorted at once."""
_DIGIT: Final = 16
"""Bits of a score that rows are counted by at once."""
_PORTION: Final = 2**16
"""Rows that are counted at once."""

Portions = Callable[[], Iterator[tuple[Tensor, Tensor]]]
"""Goes through all rows: scores `[N]` and whether each row is positive, bool `[N]`, some rows at a time."""


class Area(NamedTuple):
    """What `area_under` finds."""

    area: float
    """NaN where one of the two kinds of rows is missing."""
    positive: int
    """Positive rows."""


def area_under(portions: Portions) -> Area | None:
    """`nntrain.modules.ranking.area_under_curve` of rows that all count once; `None` where a score is no number.

    Pairs are counted in whole numbers, so that it has the bits of the sums there, which are exact too. Memory does not depend on the number
    of rows: they are gone through once for the digits of their scores, and once for every `SORTED` rows.
    """
    kind, rows, positive = torch.float32, 0, 0
    for scores, own in portions():
        if bool(scores.isnan().any()):
            return None
        kind, rows, positive = torch.promote_types(kind, scores.dtype), rows + len(own), positive + int(own.sum())
    if not positive or positive == rows:
        return Area(math.nan, positive)

    def keyed() -> Iterator[tuple[Array, Array]]:
        for scores, own in portions():
            for start in range(0, len(own), _PORTION):
                part = slice(start, start + _PORTION)
                yield _keys(scores[part].cpu().to(kind).numpy()), own[part].cpu().numpy()

    won = _twice_won(keyed, 8 * kind.itemsize, None)
    return Area((won / 2) / (float(positive) * float(rows - positive)), positive)


def _keys(scores: Array) -> Array:
    """Whole numbers that have the order of some floating-point numbers, without a sign."""
    kind = np.uint32 if scores.itemsize == 4 else np.uint64
    bits = (scores + 0.0).view(kind)  # of the two zeros there is one
    sign = kind(1 << (8 * scores.itemsize - 1))
    return np.where(bits & sign, ~bits, bits | sign)


def _twice_won(keyed: Callable[[], Iterator[tuple[Array, Array]]], bits: int, prefix: int | None) -> int:
    """How often a positive row has a higher key than another, and as high a key as another, added up.

    Args:
        keyed: Keys of all rows and whether these are positive, some rows at a time.
        bits: Of a key, from the lowest on, that are not looked at yet.
        prefix: What is above them in the rows that are meant; `None` for all rows.
    """
    shift = bits - _DIGIT
    counts = np.zeros((2, 2**_DIGIT), dtype=np.int64)
    for keys, own in keyed():
        if prefix is not None:
            keys, own = _within(keys, own, prefix << bits, (prefix + 1) << bits)
        digits = ((keys >> keys.dtype.type(shift)) & keys.dtype.type(2**_DIGIT - 1)).astype(np.int64)
        for is_own in (False, True):
            counts[int(is_own)] += np.bincount(digits[own == is_own], minlength=2**_DIGIT)
    won = below = 0
    for first, end in _groups(counts.sum(axis=0)):
        others, own = (int(each[first:end].sum()) for each in counts)
        won += 2 * own * below
        below += others
        low, high = (((prefix or 0) << _DIGIT) + digit << shift for digit in (first, end))
        if not own or not others:
            continue
        if own + others <= SORTED:
            won += _sorted_won([_within(keys, own, low, high) for keys, own in keyed()])
        else:  # a single digit
            won += _twice_won(keyed, shift, low >> shift) if shift else own * others
    return won


def _groups(counts: Array) -> Iterator[tuple[int, int]]:
    """The first digit and the one behind the last of lots of digits that not more than `SORTED` rows have, or of a single one."""
    there = np.flatnonzero(counts).tolist()
    first, rows = there[0], 0
    for digit in there:
        if rows and rows + counts[digit] > SORTED:
            yield first, digit
            first, rows = digit, 0
        rows += int(counts[digit])
    yield first, there[-1] + 1


def _within(keys: Array, own: Array, low: int, high: int) -> tuple[Array, Array]:
    """The rows whose key is at least `low` and below `high`."""
    kind = keys.dtype.type
    places = np.flatnonzero(keys - kind(low) <= kind(high - 1 - low))  # keys below `low` become the largest
    return keys[places], own[places]


def _sorted_won(parts: list[tuple[Array, Array]]) -> int:
    """As `_twice_won`, of rows that are few enough."""
    others, own = (np.concatenate([keys[is_own == kind] for keys, is_own in parts]) for kind in (False, True))
    others.sort()
    own.sort()  # where places are asked for in their order they are found in a fifth of the time
    won = 0
    for start in range(0, len(own), _PORTION):
        won += sum(int(np.searchsorted(others, own[start : start + _PORTION], side).sum()) for side in ("left", "right"))
    return won
