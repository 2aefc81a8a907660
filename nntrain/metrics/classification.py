"""Metrics of classes. Each is `None` where it is undefined: no rows, or none of the classes that it is about."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final, Literal

from nntrain.losses.loss import TargetKind
from nntrain.metrics.metric import Direction, Metric, MetricInfo, MetricState

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from nntrain.modules.metrics import ConfusionCounts, LabelCounts, Mean, Scores

MAX_COMPARED: Final = 100
"""Classes above which nothing is measured that compares each with all rows or all others: 4,000 would take gigabytes and a minute."""

_LABELS: frozenset[TargetKind] = frozenset({"classes", "binary"})


class Accuracy(Metric):
    """Share of the rows whose likeliest class is the right one."""

    fits: ClassVar[frozenset[TargetKind]] = _LABELS

    type: Literal["accuracy"] = "accuracy"

    def build(self, info: MetricInfo, device: torch.device) -> MetricState:
        from nntrain.modules.metrics import Mean

        return _Accuracy(Mean(device))


class BalancedAccuracy(Metric):
    """Mean over the classes of the share of their rows that is recognised (recall), so that rare classes count as much as common ones."""

    fits: ClassVar[frozenset[TargetKind]] = _LABELS

    type: Literal["balanced_accuracy"] = "balanced_accuracy"

    def build(self, info: MetricInfo, device: torch.device) -> MetricState:
        from nntrain.modules.metrics import LabelCounts

        return _BalancedAccuracy(LabelCounts(info.num_classes, device))


class F1(Metric):
    """Harmonic mean of precision and recall: of the second class where there are two, else the mean over the classes (macro)."""

    fits: ClassVar[frozenset[TargetKind]] = _LABELS

    type: Literal["f1"] = "f1"

    def build(self, info: MetricInfo, device: torch.device) -> MetricState:
        from nntrain.modules.metrics import LabelCounts

        return _F1(LabelCounts(info.num_classes, device), info.num_classes)


class LogLoss(Metric):
    """Mean negative logarithm of the probability given to the right class, in nats; probabilities are kept 1.2e-7 away from 0."""

    direction: ClassVar[Direction] = "min"
    fits: ClassVar[frozenset[TargetKind]] = _LABELS

    type: Literal["log_loss"] = "log_loss"

    def build(self, info: MetricInfo, device: torch.device) -> MetricState:
        from nntrain.modules.metrics import Mean

        return _LogLoss(Mean(device))


class AUROC(Metric):
    """Area under the ROC curve: how well the probability ranks the rows of a class above the others; the mean over the classes.

    Undefined for more than 100 classes: it keeps all probabilities and sorts them once for each class.
    """

    fits: ClassVar[frozenset[TargetKind]] = _LABELS

    type: Literal["auroc"] = "auroc"

    def build(self, info: MetricInfo, device: torch.device) -> MetricState:
        from nntrain.modules.metrics import Scores

        if info.num_classes > MAX_COMPARED:
            return _Undefined()
        return _AUROC(Scores())


class ConfusionMatrix(Metric):
    """Rows of each class (down) by the class they were taken for (across). Row weights don't act on it: it counts rows.

    There is none for more than 100 classes: it has a number for each pair of classes.
    """

    fits: ClassVar[frozenset[TargetKind]] = _LABELS
    monitored: ClassVar[bool] = False

    type: Literal["confusion_matrix"] = "confusion_matrix"

    def build(self, info: MetricInfo, device: torch.device) -> MetricState:
        from nntrain.modules.metrics import ConfusionCounts

        if info.num_classes > MAX_COMPARED:
            return _Undefined()
        return _ConfusionMatrix(ConfusionCounts(info.num_classes, device))


@dataclass(frozen=True, slots=True)
class _Undefined:
    """In place of what too many classes make too large."""

    def update(self, prediction: Tensor, target: Tensor, weights: Tensor | None = None) -> None:
        """Nothing is kept."""

    def compute(self) -> None:
        return None


@dataclass(frozen=True, slots=True)
class _Accuracy:
    mean: Mean

    def update(self, prediction: Tensor, target: Tensor, weights: Tensor | None = None) -> None:
        from nntrain.modules.metrics import predicted_labels

        self.mean.add(predicted_labels(prediction) == target, weights)

    def compute(self) -> float | None:
        return self.mean.read()


@dataclass(frozen=True, slots=True)
class _BalancedAccuracy:
    counts: LabelCounts

    def update(self, prediction: Tensor, target: Tensor, weights: Tensor | None = None) -> None:
        self.counts.update(prediction, target, weights)

    def compute(self) -> float | None:
        actual, _, both = self.counts.read()
        present = actual > 0
        return float((both[present] / actual[present]).mean()) if bool(present.any()) else None


@dataclass(frozen=True, slots=True)
class _F1:
    counts: LabelCounts
    num_classes: int

    def update(self, prediction: Tensor, target: Tensor, weights: Tensor | None = None) -> None:
        self.counts.update(prediction, target, weights)

    def compute(self) -> float | None:
        actual, predicted, both = self.counts.read()
        if self.num_classes == 2:
            actual, predicted, both = actual[1:], predicted[1:], both[1:]
        seen = actual + predicted > 0  # a class that neither occurs nor is predicted has no F1
        return float((2 * both[seen] / (actual + predicted)[seen]).mean()) if bool(seen.any()) else None


@dataclass(frozen=True, slots=True)
class _LogLoss:
    mean: Mean

    def update(self, prediction: Tensor, target: Tensor, weights: Tensor | None = None) -> None:
        import torch

        smallest = torch.finfo(torch.float32).eps
        given = (
            torch.where(target > 0.5, prediction, 1 - prediction)
            if prediction.ndim == 1
            else prediction.gather(1, target.unsqueeze(1)).squeeze(1)
        )
        self.mean.add(-given.clamp(min=smallest).log(), weights)

    def compute(self) -> float | None:
        return self.mean.read()


@dataclass(frozen=True, slots=True)
class _AUROC:
    scores: Scores

    def update(self, prediction: Tensor, target: Tensor, weights: Tensor | None = None) -> None:
        self.scores.update(prediction, target, weights)

    def compute(self) -> float | None:
        from nntrain.modules.metrics import area_under_curve

        found = self.scores.read()
        if found is None:
            return None
        prediction, target, weights = found
        if prediction.ndim == 1:
            return area_under_curve(prediction, target > 0.5, weights)
        if prediction.shape[1] == 2:
            return area_under_curve(prediction[:, 1], target == 1, weights)
        areas = [area_under_curve(prediction[:, label], target == label, weights) for label in range(prediction.shape[1])]
        defined = [area for area in areas if area is not None]
        return sum(defined) / len(defined) if defined else None


@dataclass(frozen=True, slots=True)
class _ConfusionMatrix:
    counts: ConfusionCounts

    def update(self, prediction: Tensor, target: Tensor, weights: Tensor | None = None) -> None:
        self.counts.update(prediction, target)

    def compute(self) -> list[list[int]]:
        return self.counts.read()
