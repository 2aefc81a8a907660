"""How far predicted classes and true ones agree beyond chance."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from nntrain.errors import SpecError
from nntrain.losses.loss import TargetKind
from nntrain.metrics.classification import MAX_COMPARED, Undefined
from nntrain.metrics.metric import CLASSES, Metric, MetricInfo, MetricState

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from nntrain.modules.metrics import Tally


class MCC(Metric):
    """Matthews correlation coefficient of true and predicted classes (Gorodkin 2004 for several): 1 is perfect, 0 no better than chance.

    Undefined where all rows are of one class or taken for one.
    """

    fits: ClassVar[frozenset[TargetKind]] = CLASSES
    decides: ClassVar[bool] = True

    type: Literal["mcc"] = "mcc"

    def build(self, info: MetricInfo, device: torch.device) -> MetricState:
        from nntrain.modules.metrics import OfCounts, decided

        return OfCounts(info.num_classes, lambda prediction, target: decided(prediction, target, info.threshold), _correlation)


class CohenKappa(Metric):
    """Agreement of true and predicted classes beyond what chance gives (Cohen 1960, 1968): 1 is perfect, 0 is chance.

    There is none for more than 100 classes: it compares each pair of classes.
    """

    main: ClassVar[str | None] = "weights"
    fits: ClassVar[frozenset[TargetKind]] = CLASSES
    decides: ClassVar[bool] = True

    type: Literal["cohen_kappa"] = "cohen_kappa"
    weights: Literal["linear", "quadratic"] | None = None
    """How much worse a far class is than a near one, of classes in order: by their distance, or its square; null: all alike."""

    def check(self, info: MetricInfo) -> None:
        if self.weights is not None and info.num_classes == 2:
            raise SpecError("weights have no effect with two classes", "fix:  cohen_kappa")

    def build(self, info: MetricInfo, device: torch.device) -> MetricState:
        from nntrain.modules.metrics import OfConfusion, decided

        if info.num_classes > MAX_COMPARED:
            return Undefined()
        return OfConfusion(info.num_classes, lambda prediction, target: decided(prediction, target, info.threshold), self._value)

    def _value(self, counts: Tensor) -> Tensor:
        import torch

        place = torch.arange(counts.shape[-1], dtype=counts.dtype)
        apart = (place.unsqueeze(0) - place.unsqueeze(1)).abs()
        costs = apart if self.weights == "linear" else apart.square() if self.weights == "quadratic" else (apart > 0).to(counts.dtype)
        expected = counts.sum(2).unsqueeze(2) * counts.sum(1).unsqueeze(1) / counts.sum((1, 2)).reshape(-1, 1, 1)
        return 1 - (counts * costs).sum((1, 2)) / (expected * costs).sum((1, 2))


def _correlation(tally: Tally) -> Tensor:
    import torch

    actual, predicted, hits = tally.actual / tally.total, tally.predicted / tally.total, (tally.both / tally.total).sum(1)
    spread = (1 - actual.square().sum(1)) * (1 - predicted.square().sum(1))
    return torch.where(spread > 1e-14, (hits - (actual * predicted).sum(1)) / spread.sqrt(), torch.nan)
