"""What a date field learns of rows a block at a time."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, cast

import numpy as np

from nntrain.data.blockwise.learning import Moments
from nntrain.data.fields.date import NO_DATE, PARTS, date_parts
from nntrain.errors import DataError

if TYPE_CHECKING:
    from nntrain.data.fields.field import Array, State, Values

ROUND: tuple[str, ...] = tuple(part for part in PARTS[:-1] if part != "year")
"""Parts that become a sine and a cosine."""


class DateLearner:
    """Which parts change, where the times begin and end, and the mean of each number that a date becomes."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._times: Moments | None = None
        """Of the seconds, the years and each round part with its sine and cosine, as columns."""

    def add(self, values: Values) -> None:
        """Take in seconds `[N]`."""
        seconds = cast("Array", values)
        present = seconds[~np.isnan(seconds)]
        if not len(present):
            return
        parts = date_parts(present)
        columns = [present, parts["year"]]
        for part in ROUND:
            angle = 2 * np.pi * parts[part]
            columns += [parts[part], np.sin(angle), np.cos(angle)]
        own = Moments.of(np.stack(columns, axis=1))
        self._times = own if self._times is None else self._times.merged(own)

    def state(self) -> State:
        """As `Date.fit` has it. Raises `DataError` where there is no date."""
        import torch

        found = self._times
        if found is None:
            raise DataError(NO_DATE)
        first, last = float(found.low[0]), float(found.high[0])
        changing = found.low != found.high
        span, spread = last - first or 1.0, math.sqrt(found.squares[1] / found.counts[1])
        parts: list[str] = ["year"] if changing[1] else []
        fill: list[float] = [0.0] if changing[1] else []
        for place, part in enumerate(ROUND):
            column = 2 + 3 * place
            if changing[column]:
                parts.append(part)
                fill += [float(found.mean[column + 1]), float(found.mean[column + 2])]
        fill.append((float(found.mean[0]) - first) / span)
        year = float(found.mean[1])
        state = {"parts": parts, "first": first, "span": span, "year": year, "year_scale": spread or 1.0}
        return {**state, "fill": torch.tensor(fill, dtype=torch.float64)}
