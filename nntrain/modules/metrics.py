"""What metrics add up over the batches of a split. All on the device of the predictions; reading a value synchronises.

Everything takes R weightings of the rows at once, `[R, B]`: one for a report, many for a bootstrap interval.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import NamedTuple, cast

import torch
from torch import Tensor

Rows = Callable[[Tensor, Tensor], Tensor]
"""Predictions and targets of B rows to the numbers `[B, S]` that are added up."""

Decide = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
"""Predictions and targets to predicted and true classes; see `decided`."""


Held = list[Tensor | None]
"""The tensors of a state; `None` in the place of those that no row has come to."""


class Scalar(ABC):
    """The state of a metric that is a number."""

    @abstractmethod
    def update(self, prediction: Tensor, target: Tensor, weights: Tensor | None = None) -> None:
        """Add rows, with weights `[B]` or `[R, B]`; `None`: each counts once."""

    @abstractmethod
    def values(self) -> Tensor:
        """Float64 `[R]` on the CPU, NaN where the metric is undefined."""

    @abstractmethod
    def held(self) -> Held:
        """What was added up so far."""

    @abstractmethod
    def join(self, held: Sequence[Held]) -> None:
        """Hold what several states of the same metric do, in the order of their rows, in place of its own."""

    def of_members(self, predictions: Tensor, targets: Tensor) -> Tensor | None:
        """The values `[M]` for the predictions of M networks, `[M, N, …]`, that have the bits of `update` and `values` of each.

        Every row counts once, and nothing was added before. `None`: each is to be told by itself.
        """
        return None

    def compute(self) -> float | None:
        """The value of the first weighting; `None` where it is undefined."""
        return finite(float(self.values()[0]))


class Sums:
    """Weighted sums over rows."""

    def __init__(self) -> None:
        self._sums: Tensor | None = None

    def add(self, values: Tensor, weights: Tensor | None) -> None:
        """Add rows `[B, S]` by their weights."""
        kind = accumulator(values.device)
        added = row_weights(weights, len(values), values.device) @ values.to(kind)
        self._sums = added if self._sums is None else self._sums + added

    def held(self) -> Held:
        """The sums."""
        return [self._sums]

    def join(self, held: Sequence[Held]) -> None:
        """Add up what several have added up."""
        (self._sums,) = summed(held)

    def read(self) -> Tensor | None:
        """Float64 `[R, S]` on the CPU; `None` where nothing was added."""
        return None if self._sums is None else self._sums.cpu().double()


class OfSums(Scalar):
    """A number that is a function of weighted sums."""

    def __init__(self, rows: Rows, value: Callable[[Tensor], Tensor], *, counts: bool = False) -> None:
        """Begin with nothing.

        Args:
            rows: What is added up, `[B, S]` of B rows.
            value: What the sums `[R, S]` mean, `[R]`.
            counts: Of rows with one target each, whole numbers are added up, which no order of adding rounds.
        """
        self._rows, self._value, self._sums, self._counts = rows, value, Sums(), counts

    def update(self, prediction: Tensor, target: Tensor, weights: Tensor | None = None) -> None:
        """Add rows."""
        self._sums.add(self._rows(prediction, target), weights)

    def held(self) -> Held:
        return self._sums.held()

    def join(self, held: Sequence[Held]) -> None:
        self._sums.join(held)

    def of_members(self, predictions: Tensor, targets: Tensor) -> Tensor | None:
        if not self._counts or targets.ndim != 2:
            return None
        rows = self._rows(predictions.flatten(0, 1), targets.flatten())
        return self._value(rows.to(accumulator(rows.device)).view(*targets.shape, -1).sum(1).cpu().double())

    def values(self) -> Tensor:
        """The number of each weighting."""
        sums = self._sums.read()
        return undefined() if sums is None else self._value(sums)


def mean_of(rows: Rows, finish: Callable[[Tensor], Tensor] | None = None, *, counts: bool = False) -> OfSums:
    """The weighted mean over rows of `rows`, `[B]` or `[B, F]`, whose values count alike; `finish` maps the means `[R]`.

    `counts` says that the values of rows with one target each are whole numbers.
    """

    def stacked(prediction: Tensor, target: Tensor) -> Tensor:
        kind = accumulator(target.device)
        values = as_rows(rows(prediction, target)).to(kind).mean(dim=1)
        return torch.stack([values, torch.ones_like(values)], dim=1)

    def value(sums: Tensor) -> Tensor:
        means = sums[:, 0] / sums[:, 1]
        return means if finish is None else finish(means)

    return OfSums(stacked, value, counts=counts)


class Tally(NamedTuple):
    """Weights by class: float64 `[R, K]`."""

    actual: Tensor
    """Of the rows that are of the class."""
    predicted: Tensor
    """Of the rows that are taken for it."""
    both: Tensor
    total: Tensor
    """Of all rows, `[R, 1]`."""


class Counts:
    """Adds up a `Tally`. Memory in proportion to the number of classes."""

    def __init__(self, num_classes: int) -> None:
        self._num_classes = num_classes
        self._counts: Tensor | None = None
        self._total: Tensor | None = None

    def add(self, labels: Tensor, target: Tensor, weights: Tensor | None) -> None:
        """Add rows: predicted and true class indices, int64 `[B]`; or predicted and true labels, bool `[B, K]`."""
        factors = row_weights(weights, len(target), target.device)
        if target.ndim == 1:
            added = factors.new_zeros(3, len(factors), self._num_classes)
            hits = factors * (labels == target)
            for row, (index, count) in enumerate([(target, factors), (labels, factors), (target, hits)]):
                added[row].index_add_(1, index, count)
        else:
            added = torch.stack([factors @ part.to(factors.dtype) for part in (target, labels, target & labels)])
            total = factors.sum(dim=1, keepdim=True)
            self._total = total if self._total is None else self._total + total
        self._counts = added if self._counts is None else self._counts + added

    def held(self) -> Held:
        """The counts, and the weight of all rows."""
        return [self._counts, self._total]

    def join(self, held: Sequence[Held]) -> None:
        """Add up what several have counted."""
        self._counts, self._total = summed(held)

    def read(self) -> Tally | None:
        """The counts; `None` where nothing was added."""
        if self._counts is None:
            return None
        actual, predicted, both = self._counts.cpu().double()
        return Tally(actual, predicted, both, actual.sum(1, keepdim=True) if self._total is None else self._total.cpu().double())


class OfCounts(Scalar):
    """A number that is a function of a tally."""

    def __init__(self, num_classes: int, decide: Decide, value: Callable[[Tally], Tensor]) -> None:
        """Take what makes predicted and true classes (see `Counts`) of predictions and targets, and what the counts mean, `[R]`."""
        self._decide, self._value, self._counts, self._num_classes = decide, value, Counts(num_classes), num_classes

    def update(self, prediction: Tensor, target: Tensor, weights: Tensor | None = None) -> None:
        """Add rows."""
        self._counts.add(*self._decide(prediction, target), weights)

    def held(self) -> Held:
        return self._counts.held()

    def join(self, held: Sequence[Held]) -> None:
        self._counts.join(held)

    def of_members(self, predictions: Tensor, targets: Tensor) -> Tensor | None:
        if targets.ndim != 2:
            return None
        labels, truth = self._decide(predictions.flatten(0, 1), targets.flatten())
        if truth.ndim != 1:
            return None
        members, rows = targets.shape
        first = torch.arange(members, device=truth.device).repeat_interleave(rows) * self._num_classes  # each has classes of its own
        counts = Counts(members * self._num_classes)
        counts.add(first + labels, first + truth, None)
        tally = counts.read()
        assert tally is not None
        actual, predicted, both = (each.view(members, -1) for each in tally[:3])
        return self._value(Tally(actual, predicted, both, actual.sum(1, keepdim=True)))

    def values(self) -> Tensor:
        """The number of each weighting."""
        tally = self._counts.read()
        return undefined() if tally is None else self._value(tally)


class Confusion:
    """Weight by class (down) and predicted class (across)."""

    def __init__(self, num_classes: int) -> None:
        self._num_classes = num_classes
        self._counts: Tensor | None = None

    def add(self, labels: Tensor, target: Tensor, weights: Tensor | None) -> None:
        """Add rows: predicted and true class indices, int64 `[B]`."""
        factors = row_weights(weights, len(target), target.device)
        added = factors.new_zeros(len(factors), self._num_classes**2).index_add_(1, target * self._num_classes + labels, factors)
        self._counts = added if self._counts is None else self._counts + added

    def held(self) -> Held:
        """The counts."""
        return [self._counts]

    def join(self, held: Sequence[Held]) -> None:
        """Add up what several have counted."""
        (self._counts,) = summed(held)

    def read(self) -> Tensor:
        """Float64 `[R, K, K]` on the CPU."""
        size = self._num_classes
        counts = torch.zeros(1, size * size) if self._counts is None else self._counts
        return counts.cpu().double().reshape(-1, size, size)


class OfConfusion(Scalar):
    """A number that is a function of a confusion matrix."""

    def __init__(self, num_classes: int, decide: Decide, value: Callable[[Tensor], Tensor]) -> None:
        """Take what makes predicted and true classes, and what the matrices `[R, K, K]` mean, `[R]`."""
        self._decide, self._value, self._confusion = decide, value, Confusion(num_classes)

    def update(self, prediction: Tensor, target: Tensor, weights: Tensor | None = None) -> None:
        """Add rows."""
        self._confusion.add(*self._decide(prediction, target), weights)

    def held(self) -> Held:
        return self._confusion.held()

    def join(self, held: Sequence[Held]) -> None:
        self._confusion.join(held)

    def values(self) -> Tensor:
        """The number of each weighting."""
        return self._value(self._confusion.read())


class OfRows(Scalar):
    """A number that needs all rows at once: they are kept."""

    def __init__(self, value: Callable[[Tensor, Tensor, Tensor], Tensor]) -> None:
        """Take the number `[R]` of predictions `[N, …]`, targets `[N, …]` and weights float64 `[R, N]`, all on the CPU."""
        self._value = value
        self._rows: list[tuple[Tensor, Tensor, Tensor | None]] = []
        """By batch predictions, targets and weights `[R, B]`; `None` where each row counts once."""

    def update(self, prediction: Tensor, target: Tensor, weights: Tensor | None = None) -> None:
        """Add rows."""
        self._rows.append((prediction, target, None if weights is None else row_weights(weights, len(target), target.device)))

    def held(self) -> Held:
        if not self._rows:
            return [None, None, None]
        predictions, targets, _ = zip(*self._rows, strict=True)
        weights = [row_weights(own, len(target), target.device) for _, target, own in self._rows]
        return [torch.cat(predictions), torch.cat(targets), torch.cat(weights, dim=1)]

    def join(self, held: Sequence[Held]) -> None:
        self._rows = [(each[0], each[1], each[2]) for each in held if each[0] is not None and each[1] is not None and each[2] is not None]

    def values(self) -> Tensor:
        """The number of each weighting."""
        predictions, targets, weights = self.held()
        if predictions is None or targets is None or weights is None:
            return undefined()
        return self._value(predictions.cpu(), targets.cpu(), weights.cpu().double())


def summed(held: Sequence[Held]) -> Held:
    """The sum of what several states hold, place by place."""
    found: Held = []
    for tensors in zip(*held, strict=True):
        there = [tensor for tensor in tensors if tensor is not None]
        found.append(None if not there else torch.stack(there).sum(dim=0) if len(there) > 1 else there[0])
    return found


def row_weights(weights: Tensor | None, rows: int, device: torch.device) -> Tensor:
    """Weights `[B]`, `[R, B]` or `None` (each row counts once) as `[R, B]`, in the number format of sums."""
    kind = accumulator(device)
    if weights is None:
        return torch.ones(1, rows, dtype=kind, device=device)
    return weights.to(kind).reshape(-1, rows)


def as_rows(values: Tensor) -> Tensor:
    """`[B]` as `[B, 1]`, and `[B, …]` as `[B, F]`."""
    return values.flatten(1) if values.ndim > 1 else values.unsqueeze(1)


def differences(prediction: Tensor, target: Tensor) -> Tensor:
    """Prediction minus target, in the shape of the target: subtracted in the number format of sums, where a large offset leaves digits."""
    kind = accumulator(target.device)
    return prediction.reshape(target.shape).to(kind) - target.to(kind)


def decided(prediction: Tensor, target: Tensor, threshold: float | None = None) -> tuple[Tensor, Tensor]:
    """Predicted and true classes.

    Args:
        prediction: Probabilities `[B, K]`, or `[B]` of the second of two classes.
        target: Class indices or 0 and 1, `[B]`; 0 or 1 for each label, `[B, K]`.
        threshold: Probability above which the second of two classes, or a label, is taken; `None` stands for 0.5.

    Returns:
        Int64 `[B]` twice (of two equally likely classes the first); bool `[B, K]` twice of labels.
    """
    if target.ndim > 1:
        return prediction > (0.5 if threshold is None else threshold), target > 0.5
    if prediction.ndim == 1:
        return (prediction > (0.5 if threshold is None else threshold)).long(), target.long()
    if threshold is not None and prediction.shape[1] == 2:
        return (prediction[:, 1] > threshold).long(), target.long()
    return prediction.argmax(dim=1), target.long()


def taken(prediction: Tensor, target: Tensor, index: int, threshold: float) -> tuple[Tensor, Tensor]:
    """Whether rows are taken for one class, as its probability is above a threshold, and whether they are of it: bool `[B, 1]` twice."""
    score = prediction[:, index] if prediction.ndim > 1 else prediction if index == 1 else 1 - prediction
    return (score > threshold).unsqueeze(1), (target == index).unsqueeze(1)


def by_class(prediction: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Probabilities `[B, K]` and whether the row is of the class, bool `[B, K]`; a column for the second class only where there are two."""
    if target.ndim > 1:
        return prediction, target > 0.5
    if prediction.ndim == 1:
        return prediction.unsqueeze(1), (target > 0.5).unsqueeze(1)
    if prediction.shape[1] == 2:
        return prediction[:, 1:], (target == 1).unsqueeze(1)
    return prediction, target.unsqueeze(1) == torch.arange(prediction.shape[1], device=target.device)


def undefined() -> Tensor:
    """The value of a metric without rows."""
    return torch.full((1,), math.nan, dtype=torch.float64)


def counted(matrix: Tensor) -> list[list[int]]:
    """A matrix `[K, K]` of whole numbers."""
    return cast("list[list[int]]", matrix.long().tolist())


def accumulator(device: torch.device) -> torch.dtype:
    """Number format of sums over many rows."""
    return torch.float32 if device.type == "mps" else torch.float64


def finite(value: float) -> float | None:
    """The value, or `None` where it is NaN or infinite."""
    return value if math.isfinite(value) else None
