"""Predictions as people read them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, pairwise
from typing import Any

from nntrain.data.forms.form import CELLS, Form


@dataclass(frozen=True, slots=True)
class Decoded:
    """Predictions as people read them."""

    values: tuple[Any, ...]
    """By row: a class name, a list of labels, a number, a list of numbers, an image: a float32 array [C, H, W] in [0, 1], or a
    mask: an array [H, W] of class indices."""
    probabilities: Mapping[str, tuple[float, ...]] = field(default_factory=dict[str, tuple[float, ...]])
    """By class, then by row; empty for numbers."""
    interval: tuple[tuple[Any, ...], tuple[Any, ...]] | None = None
    """By row, where the value probably lies: the lower limits and the higher ones; `None` for a loss that doesn't tell."""
    separator: str | None = None
    """What stands between two labels of a row in a cell; `None` where values are no lists of labels."""
    shares: Mapping[str, tuple[float, ...]] = field(default_factory=dict[str, tuple[float, ...]])
    """Of masks, how much of a row is taken for a class, by class, then by row; empty for all else."""
    form: Form = field(default=CELLS, compare=False, repr=False)
    """How they are written, as the field of their target says."""

    def by_row(self, counts: Sequence[int]) -> Decoded:
        """Of predictions of units, one after another, those of each row as a list; `counts` has the units of each row."""
        starts = list(accumulate(counts, initial=0))
        values = tuple(list(self.values[start:end]) for start, end in pairwise(starts))
        return Decoded(values, separator=" " if all(isinstance(value, str) for value in self.values) else None)
