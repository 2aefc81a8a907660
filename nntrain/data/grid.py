"""Values of a column at which a network is asked for its mean prediction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from nntrain.data.fields.field import Array, Values

Cell = float | str
"""A value as people write it."""

LOWEST, HIGHEST = 0.05, 0.95
"""Shares of the rows between which numbers are taken: what few rows have says little of the others."""
MOST_WORDS: Final = 10
"""Categories of a grid."""


@dataclass(frozen=True, slots=True)
class Grid:
    """Some values that rows have."""

    values: Values
    """As the field reads them, `[G]` or `[G, F]`."""
    cells: tuple[tuple[Cell, ...], ...]
    """The same as people write them, by column of the field: one, or one for each of its F features."""
    is_ordered: bool
    """Whether they go from low to high; else the commonest comes first."""


def quantiles(numbers: Array, points: int) -> Array:
    """At most so many of the numbers `[N]` from low to high, in [5 %, 95 %] of the rows; all where there are no more different ones."""
    present = numbers[~np.isnan(numbers)]
    different = np.unique(present)
    if len(different) <= points:
        return different
    return np.unique(np.quantile(present, np.linspace(LOWEST, HIGHEST, points), method="nearest"))
