"""Mean and standard deviation of columns, added up block by block."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING

import numpy as np

from nntrain.data.portions import in_float64, portions

if TYPE_CHECKING:
    from nntrain.data.fields.field import Array


@dataclass(frozen=True, slots=True)
class Moments:
    """Of each of F columns how many numbers there are, their mean, and the sum of squared distances from it; float64 `[F]` each."""

    count: Array
    mean: Array
    squares: Array

    @classmethod
    def of(cls, numbers: Array) -> Moments:
        """Of rows `[N, F]`, NaN where missing; a portion of them at a time."""
        first, *others = (cls._of_portion(in_float64(numbers, rows)) for rows in portions(numbers))
        return reduce(Moments.merged, others, first)

    @classmethod
    def _of_portion(cls, numbers: Array) -> Moments:
        is_there = ~np.isnan(numbers)
        count = is_there.sum(axis=0).astype(np.float64)
        known = np.where(is_there, numbers, 0.0)
        mean = known.sum(axis=0) / np.maximum(count, 1)
        with np.errstate(over="ignore"):  # what is so large is refused elsewhere, by its name
            return cls(count, mean, (np.where(is_there, known - mean, 0.0) ** 2).sum(axis=0))

    def merged(self, other: Moments) -> Moments:
        """Of the rows of both (Chan, Golub and LeVeque, 1983)."""
        count = self.count + other.count
        step, share = other.mean - self.mean, other.count / np.maximum(count, 1)
        squares = self.squares + other.squares + step**2 * self.count * share
        return Moments(count, self.mean + step * share, squares)

    @property
    def spread(self) -> Array:
        """Standard deviations (by N)."""
        return np.sqrt(self.squares / np.maximum(self.count, 1))
