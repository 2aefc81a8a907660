"""Metrics of classes, row by row. Each is `None` where it is undefined: no rows, or none of the classes that it is about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar, Final, Literal

from pydantic import Field, PositiveInt

from nntrain.errors import SpecError
from nntrain.losses.loss import TargetKind
from nntrain.metrics.metric import CLASSES, LABELS, Direction, Metric, MetricInfo, MetricState

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from nntrain.modules.metrics import Confusion

MAX_COMPARED: Final = 100
"""Classes above which nothing is measured that compares each with all rows or all others: 4,000 would take gigabytes and a minute."""


class Accuracy(Metric):
    """Share of the rows whose likeliest class is the right one; of several labels, of the rows with all labels right."""

    fits: ClassVar[frozenset[TargetKind]] = LABELS
    decides: ClassVar[bool] = True

    type: Literal["accuracy"] = "accuracy"

    def build(self, info: MetricInfo, device: torch.device) -> MetricState:
        from nntrain.modules.metrics import mean_of

        return mean_of(lambda prediction, target: ~_wrong(prediction, target, info.threshold), counts=True)


class TopKAccuracy(Metric):
    """Share of the rows whose right class is among the k likeliest. Of equally likely classes the first ones count as the likelier."""

    main: ClassVar[str | None] = "k"
    fits: ClassVar[frozenset[TargetKind]] = frozenset({"classes", "ordinal"})

    type: Literal["top_k_accuracy"] = "top_k_accuracy"
    k: PositiveInt = 5
    """How many classes may be guessed."""

    def check(self, info: MetricInfo) -> None:
        if info.num_classes and self.k >= info.num_classes:
            raise SpecError(f"is always 1: there are {info.num_classes} classes, and k is {self.k}", "fix:  a smaller k, or accuracy")

    def build(self, info: MetricInfo, device: torch.device) -> MetricState:
        from nntrain.modules.metrics import mean_of

        return mean_of(self._hits, counts=True)

    def _hits(self, prediction: Tensor, target: Tensor) -> Tensor:
        likeliest = prediction.argsort(dim=1, descending=True, stable=True)[:, : self.k]
        return (likeliest == target.unsqueeze(1)).any(dim=1)


class Errors(Metric):
    """Number of the rows that are taken for a wrong class (of several labels: that have one wrong), each counted by its weight."""

    direction: ClassVar[Direction] = "min"
    fits: ClassVar[frozenset[TargetKind]] = LABELS
    decides: ClassVar[bool] = True

    type: Literal["errors"] = "errors"

    def build(self, info: MetricInfo, device: torch.device) -> MetricState:
        import torch

        from nntrain.modules.metrics import OfSums

        def rows(prediction: Tensor, target: Tensor) -> Tensor:
            wrong = _wrong(prediction, target, info.threshold)
            return torch.stack([wrong, torch.ones_like(wrong)], dim=1)

        return OfSums(rows, lambda sums: torch.where(sums[:, 1] > 0, sums[:, 0], torch.nan), counts=True)


class HammingLoss(Metric):
    """Share of the labels that are wrong, over all rows and labels; of one class a row, the share of the rows that are wrong."""

    direction: ClassVar[Direction] = "min"
    fits: ClassVar[frozenset[TargetKind]] = LABELS
    decides: ClassVar[bool] = True

    type: Literal["hamming_loss"] = "hamming_loss"

    def build(self, info: MetricInfo, device: torch.device) -> MetricState:
        from nntrain.modules.metrics import decided, mean_of

        def rows(prediction: Tensor, target: Tensor) -> Tensor:
            labels, truth = decided(prediction, target, info.threshold)
            return labels != truth

        return mean_of(rows)


class LogLoss(Metric):
    """Mean negative logarithm of the probability given to the right class, in nats; probabilities are kept 1.2e-7 away from 0.

    Of several labels it is the mean over them.
    """

    direction: ClassVar[Direction] = "min"
    fits: ClassVar[frozenset[TargetKind]] = LABELS

    type: Literal["log_loss"] = "log_loss"

    def build(self, info: MetricInfo, device: torch.device) -> MetricState:
        from nntrain.modules.metrics import mean_of

        return mean_of(_surprise)


class NLL(Metric):
    """Negative log-likelihood of all labels of a row together, in nats: the sum over its labels, where log_loss is their mean.

    Of music it is the frame-level negative log-likelihood of the literature.
    """

    direction: ClassVar[Direction] = "min"
    fits: ClassVar[frozenset[TargetKind]] = frozenset({"labels"})

    type: Literal["nll"] = "nll"

    def build(self, info: MetricInfo, device: torch.device) -> MetricState:
        from nntrain.modules.metrics import mean_of

        return mean_of(lambda prediction, target: _surprise(prediction, target).sum(dim=1))


class Brier(Metric):
    """Mean squared difference of the probabilities and what came true (Brier 1950): 0 is best.

    Of two classes the second one's probability counts (0 to 1); of more, the differences of all add up (0 to 2); of several labels it
    is the mean over them.
    """

    direction: ClassVar[Direction] = "min"
    fits: ClassVar[frozenset[TargetKind]] = LABELS

    type: Literal["brier"] = "brier"

    def build(self, info: MetricInfo, device: torch.device) -> MetricState:
        from nntrain.modules.metrics import by_class, mean_of

        def rows(prediction: Tensor, target: Tensor) -> Tensor:
            given, true = by_class(prediction, target)
            squares = (given.double() if given.device.type != "mps" else given).sub(true.to(given.dtype)).square()
            return squares.mean(dim=1) if info.kind == "labels" else squares.sum(dim=1)

        return mean_of(rows)


class ECE(Metric):
    """Expected calibration error (Guo et al. 2017, eq. 3): how far the probability of the likeliest class is from how often it is right.

    Rows are put into bins of equal width by that probability; the differences of mean probability and accuracy are averaged by the
    bins' weights. 0 is best.
    """

    direction: ClassVar[Direction] = "min"
    fits: ClassVar[frozenset[TargetKind]] = CLASSES

    type: Literal["ece"] = "ece"
    bins: Annotated[int, Field(ge=2, le=1000)] = 15
    """Number of bins."""

    def build(self, info: MetricInfo, device: torch.device) -> MetricState:
        from nntrain.modules.metrics import OfSums

        return OfSums(self._rows, self._value)

    def _rows(self, prediction: Tensor, target: Tensor) -> Tensor:
        import torch
        from torch.nn import functional

        from nntrain.modules.metrics import accumulator, decided

        labels, truth = decided(prediction, target)
        kind = accumulator(prediction.device)
        prediction = prediction.to(kind)
        sure = torch.maximum(prediction, 1 - prediction) if prediction.ndim == 1 else prediction.amax(dim=1)
        index = (sure * self.bins).ceil().long().sub(1).clamp(0, self.bins - 1)
        place = functional.one_hot(index, self.bins).to(kind)
        return torch.cat([place, place * sure.unsqueeze(1), place * (labels == truth).unsqueeze(1)], dim=1)

    def _value(self, sums: Tensor) -> Tensor:
        weight, sure, right = sums.chunk(3, dim=1)
        return (sure - right).abs().sum(1) / weight.sum(1)


class ConfusionMatrix(Metric):
    """Rows of each class (down) by the class they were taken for (across). Row weights don't act on it: it counts rows.

    There is none for more than 100 classes: it has a number for each pair of classes.
    """

    fits: ClassVar[frozenset[TargetKind]] = CLASSES
    is_table: ClassVar[bool] = True
    monitored: ClassVar[bool] = False
    decides: ClassVar[bool] = True

    type: Literal["confusion_matrix"] = "confusion_matrix"

    def build(self, info: MetricInfo, device: torch.device) -> MetricState:
        from nntrain.modules.metrics import Confusion

        if info.num_classes > MAX_COMPARED:
            return Undefined()
        return _Matrix(Confusion(info.num_classes), info.threshold)


@dataclass(frozen=True, slots=True)
class Undefined:
    """In place of what too many classes make too large."""

    def update(self, prediction: Tensor, target: Tensor, weights: Tensor | None = None) -> None:
        """Nothing is kept."""

    def held(self) -> list[Tensor | None]:
        """Nothing."""
        return []

    def join(self, held: Sequence[list[Tensor | None]]) -> None:
        """Nothing is kept."""

    def compute(self) -> None:
        """There is no value."""
        return


@dataclass(frozen=True, slots=True)
class _Matrix:
    confusion: Confusion
    threshold: float | None

    def update(self, prediction: Tensor, target: Tensor, weights: Tensor | None = None) -> None:
        from nntrain.modules.metrics import decided

        self.confusion.add(*decided(prediction, target, self.threshold), None)

    def compute(self) -> list[list[int]]:
        from nntrain.modules.metrics import counted

        return counted(self.confusion.read()[0])


def _wrong(prediction: Tensor, target: Tensor, threshold: float | None) -> Tensor:
    """Whether a row is taken for something else, or has a wrong label: bool `[B]`."""
    from nntrain.modules.metrics import decided

    labels, truth = decided(prediction, target, threshold)
    wrong = labels != truth
    return wrong.any(dim=1) if wrong.ndim > 1 else wrong


def _surprise(prediction: Tensor, target: Tensor) -> Tensor:
    """Negative logarithm of the probability given to what came true: `[B]`, or `[B, K]` of labels."""
    import torch

    smallest = torch.finfo(torch.float32).eps
    if prediction.ndim == target.ndim:
        given = torch.where(target > 0.5, prediction, 1 - prediction)
    else:
        given = prediction.gather(1, target.long().unsqueeze(1)).squeeze(1)
    return -given.clamp(min=smallest).log()
