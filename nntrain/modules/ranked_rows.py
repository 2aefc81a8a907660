"""What is kept of rows that metrics rank by their scores for each class."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

import torch
from torch import Tensor

from nntrain.modules.metrics import Held, OfRows, by_class
from nntrain.modules.narrow import wide
from nntrain.modules.ranking import plain_area, plain_areas

MANY_ROWS: Final = 2**16
"""Rows from which on what is ranked is put together for one class at a time: faster for fewer is all at once."""


JOINED: Final = 2**15
"""Rows that are put together: small tensors that are kept would leave holes in the memory between them."""


class OfRankedRows(OfRows):
    """The area under the ROC curve of up to 127 classes, of few bytes a row where there are many and all of them count alike."""

    def __init__(self, value: Callable[[Tensor, Tensor, Tensor], Tensor], mean: Callable[[Tensor, Callable[[], Tensor]], Tensor]) -> None:
        """Begin with nothing.

        Args:
            value: As `OfRows` takes it.
            mean: The number `[R]` that areas `[R, K]` of classes become; it may ask how many rows are of each, float64 `[R, K]`.
        """
        super().__init__(value)
        self._mean = mean
        self._first = 0
        """Of the batches that are not put together yet, and how many rows these have."""
        self._begun = 0

    def update(self, prediction: Tensor, target: Tensor, weights: Tensor | None = None) -> None:
        """Add rows."""
        super().update(prediction, target.to(torch.int8) if target.dtype == torch.int64 else target, weights)
        self._begun += len(target)
        is_one = not prediction.stride(0)  # the same for all rows, as of a trivial prediction, which takes no memory
        if self._begun >= JOINED and weights is None and not is_one:
            predictions, targets, _ = zip(*self._rows[self._first :], strict=True)
            self._rows[self._first :] = [(torch.cat(predictions), torch.cat(targets), None)]
            self._first, self._begun = len(self._rows), 0

    def held(self) -> Held:
        predictions, targets, weights = super().held()
        return [predictions, None if targets is None else wide(targets), weights]

    def of_members(self, predictions: Tensor, targets: Tensor) -> Tensor | None:
        if targets.ndim != 2 or targets.shape[1] >= MANY_ROWS:
            return None
        found = by_class(predictions.flatten(0, 1), targets.flatten())
        scores, positive = (each.cpu().view(*targets.shape, -1).transpose(1, 2).flatten(0, 1) for each in found)
        areas = plain_areas(scores, positive).view(len(targets), -1)
        return self._mean(areas, lambda: positive.sum(1, dtype=torch.float64).view(areas.shape))

    def values(self) -> Tensor:
        """The number of each weighting."""
        rows = sum(len(target) for _, target, _ in self._rows)
        if rows < MANY_ROWS or any(weights is not None for *_, weights in self._rows):
            return super().values()
        found = [self._area(place) for place in range(by_class(*self._rows[0][:2])[0].shape[1])]
        if any(area is None for area in found):
            return super().values()
        areas, support = (torch.tensor([column], dtype=torch.float64) for column in zip(*filter(None, found), strict=True))
        return self._mean(areas, lambda: support)

    def _area(self, place: int) -> tuple[float, float] | None:
        """The area of a class and how many rows are of it; `None` where a score is no number."""
        score, positive = (torch.cat([by_class(*each[:2])[part][:, place] for each in self._rows]).cpu() for part in (0, 1))
        if math.isnan(float(score.sum())):
            return None
        return plain_area(score, positive), float(positive.sum())
