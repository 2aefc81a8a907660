"""What metrics add up over the batches of a split. All on the device of the predictions; reading a value synchronises."""

from __future__ import annotations

import math
from typing import cast

import torch
from torch import Tensor


class LabelCounts:
    """Counts by class: rows that are of it, rows predicted as it, and rows that are both."""

    def __init__(self, num_classes: int, device: torch.device) -> None:
        self._counts = torch.zeros(3, num_classes, dtype=torch.int64, device=device)

    def update(self, prediction: Tensor, target: Tensor) -> None:
        """Add rows: probabilities `[B, K]` or `[B]`, class indices `[B]`."""
        labels, target = predicted_labels(prediction), target.long()
        hit = labels == target
        for row, (index, count) in enumerate([(target, torch.ones_like(target)), (labels, torch.ones_like(target)), (target, hit.long())]):
            self._counts[row].index_add_(0, index, count)

    def read(self) -> tuple[Tensor, Tensor, Tensor]:
        """Three times float64 `[K]` on the CPU: of the class, predicted, both."""
        actual, predicted, both = self._counts.cpu().double()
        return actual, predicted, both


class ConfusionCounts:
    """Rows by class (down) and predicted class (across)."""

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
    """Mean over rows or values."""

    def __init__(self, device: torch.device) -> None:
        self._sum = torch.zeros((), dtype=accumulator(device), device=device)
        self._count = 0

    def add(self, values: Tensor) -> None:
        """Add values of any shape."""
        self._sum += values.sum(dtype=self._sum.dtype)
        self._count += values.numel()

    def read(self) -> float | None:
        """The mean; `None` where there is nothing, or it is not finite."""
        return finite(float(self._sum) / self._count) if self._count else None


class Scores:
    """All predictions and targets of a split, for metrics that rank rows."""

    def __init__(self) -> None:
        self._predictions: list[Tensor] = []
        self._targets: list[Tensor] = []

    def update(self, prediction: Tensor, target: Tensor) -> None:
        """Add rows."""
        self._predictions.append(prediction)
        self._targets.append(target)

    def read(self) -> tuple[Tensor, Tensor] | None:
        """Predictions `[N, …]` and targets `[N]` on the CPU; `None` where there are none."""
        if not self._predictions:
            return None
        return torch.cat(self._predictions).cpu(), torch.cat(self._targets).cpu()


class Variation:
    """By value of a row: squared differences of target and prediction, and of the target and its mean."""

    def __init__(self) -> None:
        self._origin: Tensor | None = None
        self._sums = torch.zeros(())
        self._rows = 0

    def update(self, prediction: Tensor, target: Tensor) -> None:
        """Add rows, `[B]` or `[B, F]`. Targets are counted from the first row: a large mean would cancel the digits of the spread."""
        kind = accumulator(target.device)
        target, prediction = target.flatten(1).to(kind) if target.ndim > 1 else target.unsqueeze(1).to(kind), prediction.to(kind)
        if self._origin is None:
            self._origin = target[0].clone()
            self._sums = torch.zeros(3, len(self._origin), dtype=kind, device=target.device)
        shifted = target - self._origin
        errors = target - prediction.reshape(target.shape)
        self._sums += torch.stack([errors.square().sum(0), shifted.sum(0), shifted.square().sum(0)])
        self._rows += len(target)

    def read(self) -> tuple[Tensor, Tensor] | None:
        """Float64 `[F]` on the CPU: sum of squared errors, and of squared differences from the mean; `None` below two rows."""
        if self._rows < 2:
            return None
        errors, total, squares = self._sums.cpu().double()
        return errors, (squares - total.square() / self._rows).clamp(min=0)


def predicted_labels(prediction: Tensor) -> Tensor:
    """The likeliest class, int64 `[B]`; of two equal ones the first. `[B]` is the probability of the second of two."""
    return (prediction > 0.5).long() if prediction.ndim == 1 else prediction.argmax(dim=1)


def area_under_curve(score: Tensor, positive: Tensor) -> float | None:
    """Chance that a positive row scores higher than a negative one, ties counted half: the area under the ROC curve.

    By ranks (Mann and Whitney 1947): no curve is drawn.

    Args:
        score: `[N]`.
        positive: Bool `[N]`.

    Returns:
        `None` where one of the two kinds of rows is missing.
    """
    num_positive = int(positive.sum())
    num_negative = len(positive) - num_positive
    if num_positive == 0 or num_negative == 0:
        return None
    _, group, size = cast("tuple[Tensor, Tensor, Tensor]", score.unique(return_inverse=True, return_counts=True))
    mean_rank = size.cumsum(0).double() - (size.double() - 1) / 2
    rank_sum = float(mean_rank[group[positive]].sum())
    return (rank_sum - num_positive * (num_positive + 1) / 2) / (num_positive * num_negative)


def accumulator(device: torch.device) -> torch.dtype:
    """Number format of sums over many rows."""
    return torch.float32 if device.type == "mps" else torch.float64


def finite(value: float) -> float | None:
    """The value, or `None` where it is NaN or infinite."""
    return value if math.isfinite(value) else None
