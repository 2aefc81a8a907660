"""Numbers of many rows looked at in float64 a portion of rows at a time, so that no copy of all of them is made."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    Array = np.ndarray[Any, Any]

PORTION: Final = 2**16
"""Numbers of a portion. Half a megabyte in float64, which stays in the cache while it is worked on."""

_STEP: Final = 8
"""numpy's sum of a column halves it at a multiple of this, as long as it is longer than a block of 128."""


def portions(values: Array) -> Iterator[slice]:
    """Which rows of values `[N, F]` are taken at a time: all of them where they do not lie in memory row after row."""
    rows, features = values.shape
    if not values.flags.c_contiguous:
        yield slice(0, rows)
        return
    many = max(1, PORTION // max(1, features))
    for start in range(0, max(rows, 1), many):
        yield slice(start, min(start + many, rows))


def in_float64(values: Array, rows: slice) -> Array:
    """Some rows of values `[N, F]` as float64 of their own."""
    return values[rows].astype(np.float64)


def column_sums(values: Array, made: Callable[[Array], Array]) -> Array:
    """Sums over the rows, float64 `[F]`, to the bit what numpy's `sum(axis=0)` of all rows at once is.

    numpy adds the rows of several columns one after another, and a single column in halves of halves.

    Args:
        values: Numbers `[N, F]`.
        made: What is summed, `[M, F]`, of some rows of them in float64 `[M, F]`; it may change what it is given.
    """
    if values.shape[1] == 1 and values.flags.c_contiguous:
        return _halved(values, 0, len(values), made)
    total: Array | None = None
    for rows in portions(values):
        part = made(in_float64(values, rows))
        if total is not None:
            part[0] += total
        total = part.sum(axis=0)
    assert total is not None
    return total


def _halved(values: Array, start: int, count: int, made: Callable[[Array], Array]) -> Array:
    """The sum of `count` rows of one column."""
    if count <= PORTION:
        return made(in_float64(values, slice(start, start + count))).sum(axis=0)
    half = count // 2 - count // 2 % _STEP
    return _halved(values, start, half, made) + _halved(values, start + half, count - half, made)
