"""What metrics add up over the batches of a split. All on the device of the predictions; reading a value synchronises."""

from __future__ import annotations

import math
from typing import Final, cast

import torch
from torch import Tensor

_ROUNDING: Final = 1e3
"""Rounding of a sum over many rows, in units of the last place."""


class LabelCounts:
    """Weight by class: of the rows that are of it, of those predicted as it, and of those that are both."""

    def __init__(self, num_classes: int, device: torch.device) -> None:
        self._counts = torch.zeros(3, num_classes, dtype=accumulator(device), device=device)

    def update(self, prediction: Tensor, target: Tensor, weights: Tensor | None) -> None:
        """Add rows: probabilities `[B, K]` or `[B]`, class indices `[B]`, weights `[B]` (`None`: each counts once)."""
        labels, target = predicted_labels(prediction), target.long()
        counts = torch.ones(labels.shape, device=labels.device) if weights is None else weights
        counts = counts.to(self._counts.dtype)
        for row, (index, count) in enumerate([(target, counts), (labels, counts), (target, counts * (labels == target))]):
            self._counts[row].index_add_(0, index, count)

    def read(self) -> tuple[Tensor, Tensor, Tensor]:
        """Three times float64 `[K]` on the CPU: of the class, predicted, both."""
        actual, predicted, both = self._counts.cpu().double()
        return actual, predicted, both


class ConfusionCounts:
    """Rows by class (down) and predicted class (across), each counted once."""

    def __init__(self, num_classes: int, device: torch.device) -> None:
        self._num_classes = num_classes
        self._counts = torch.zeros(num_classes * num_classes, dtype=torch.int64, device=device)

    def update(self, prediction: Tensor, target: Tensor) -> None:
        """Add rows: probabilities `[B, K]` or `[B]`, class indices `[B]`."""
        index = target.long() * self._num_classes + predicted_labels(prediction)
        self._counts.index_add_(0, index, torch.ones_like(index))

    def read(self) -> list[list[int]]:
        """The matrix `[K, K]`."""
        return cast("list[list[int]]", self._counts.reshape(self._num_classes, self._num_classes).tolist())


class Mean:
    """Weighted mean over rows, and over the values of a row alike."""

    def __init__(self, device: torch.device) -> None:
        self._sums = torch.zeros(2, dtype=accumulator(device), device=device)

    def add(self, values: Tensor, weights: Tensor | None) -> None:
        """Add values `[B]` or `[B, F]` of rows with weights `[B]` (`None`: each counts once)."""
        values = as_rows(values).to(self._sums.dtype)
        factors = torch.ones_like(values) if weights is None else weights.to(values.dtype).unsqueeze(1).expand_as(values)
        self._sums += torch.stack([(values * factors).sum(), factors.sum()])

    def read(self) -> float | None:
        """The mean; `None` where there is nothing, or it is not finite."""
        total, weight = cast("list[float]", self._sums.tolist())
        return finite(total / weight) if weight else None


class Scores:
    """All predictions, targets and weights of a split, for metrics that rank rows."""

    def __init__(self) -> None:
        self._rows: list[tuple[Tensor, Tensor, Tensor]] = []

    def update(self, prediction: Tensor, target: Tensor, weights: Tensor | None) -> None:
        """Add rows."""
        self._rows.append((prediction, target, torch.ones(len(target), device=target.device) if weights is None else weights))

    def read(self) -> tuple[Tensor, Tensor, Tensor] | None:
        """Predictions `[N, …]`, targets `[N]` and weights `[N]` on the CPU; `None` where there are none."""
        if not self._rows:
            return None
        prediction, target, weights = (torch.cat(part).cpu() for part in zip(*self._rows, strict=True))
        return prediction, target, weights


class Variation:
    """By value of a row: weighted squared differences of target and prediction, and of the target and its mean."""

    def __init__(self) -> None:
        self._origin: Tensor | None = None
        self._sums = torch.zeros(())
        self._rows = 0

    def update(self, prediction: Tensor, target: Tensor, weights: Tensor | None) -> None:
        """Add rows, `[B]` or `[B, F]`. Targets are counted from the first row: a large mean would cancel the digits of the spread."""
        errors = as_rows(differences(prediction, target))
        target = as_rows(target).to(errors.dtype)
        if self._origin is None:
            self._origin = target[0].clone()
            self._sums = torch.zeros(4, len(self._origin), dtype=errors.dtype, device=target.device)
        shifted = target - self._origin
        factors = torch.ones_like(errors) if weights is None else weights.to(errors.dtype).unsqueeze(1).expand_as(errors)
        self._sums += (torch.stack([errors.square(), shifted, shifted.square(), torch.ones_like(errors)]) * factors).sum(1)
        self._rows += len(target)

    def read(self) -> tuple[Tensor, Tensor] | None:
        """Float64 `[F]` on the CPU: sum of squared errors, and of squared differences from the mean; `None` below two rows.

        A spread that is no more than the rounding of the sums is 0.
        """
        if self._rows < 2:
            return None
        noise = _ROUNDING * torch.finfo(self._sums.dtype).eps
        errors, total, squares, weight = self._sums.cpu().double()
        spread = squares - total.square() / weight
        return errors, torch.where(spread > noise * squares, spread, 0.0)


def as_rows(values: Tensor) -> Tensor:
    """`[B]` as `[B, 1]`, and `[B, …]` as `[B, F]`."""
    return values.flatten(1) if values.ndim > 1 else values.unsqueeze(1)


def differences(prediction: Tensor, target: Tensor) -> Tensor:
    """Prediction minus target, in the shape of the target: subtracted in the number format of sums, where a large offset leaves digits."""
    kind = accumulator(target.device)
    return prediction.reshape(target.shape).to(kind) - target.to(kind)


def predicted_labels(prediction: Tensor) -> Tensor:
    """The likeliest class, int64 `[B]`; of two equal ones the first. `[B]` is the probability of the second of two."""
    return (prediction > 0.5).long() if prediction.ndim == 1 else prediction.argmax(dim=1)


def area_under_curve(score: Tensor, positive: Tensor, weights: Tensor) -> float | None:
    """Chance that a positive row scores higher than a negative one, ties counted half: the area under the ROC curve.

    By ranks (Mann and Whitney 1947): no curve is drawn. A pair counts with the product of its rows' weights.

    Args:
        score: `[N]`.
        positive: Bool `[N]`.
        weights: `[N]`.

    Returns:
        `None` where one of the two kinds of rows is missing.
    """
    _, group = cast("tuple[Tensor, Tensor]", score.unique(return_inverse=True))
    weights = weights.double()
    won = group.bincount(weights * positive)
    lost = group.bincount(weights * ~positive)
    pairs = float(won.sum() * lost.sum())
    return float((won * (lost.cumsum(0) - lost / 2)).sum()) / pairs if pairs else None


def accumulator(device: torch.device) -> torch.dtype:
    """Number format of sums over many rows."""
    return torch.float32 if device.type == "mps" else torch.float64


def finite(value: float) -> float | None:
    """The value, or `None` where it is NaN or infinite."""
    return value if math.isfinite(value) else None
