"""Metrics of values, in raw units. Rows with several values count each of them alike."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from nntrain.losses.loss import TargetKind
from nntrain.metrics.metric import Direction, Metric, MetricInfo, MetricState

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from nntrain.modules.metrics import Mean, Variation

_VALUES: frozenset[TargetKind] = frozenset({"values"})


class MAE(Metric):
    """Mean absolute error, in the unit of the target."""

    direction: ClassVar[Direction] = "min"
    fits: ClassVar[frozenset[TargetKind]] = _VALUES

    type: Literal["mae"] = "mae"

    def build(self, info: MetricInfo, device: torch.device) -> MetricState:
        from nntrain.modules.metrics import Mean

        return _MAE(Mean(device))


class RMSE(Metric):
    """Root of the mean squared error, in the unit of the target."""

    direction: ClassVar[Direction] = "min"
    fits: ClassVar[frozenset[TargetKind]] = _VALUES

    type: Literal["rmse"] = "rmse"

    def build(self, info: MetricInfo, device: torch.device) -> MetricState:
        from nntrain.modules.metrics import Mean

        return _RMSE(Mean(device))


class R2(Metric):
    """Share of the target's variance that is explained: 1 is perfect, 0 as good as the mean of these rows, below 0 worse.

    Of several values it is the mean over them; values that are the same in all rows are left out.
    """

    fits: ClassVar[frozenset[TargetKind]] = _VALUES

    type: Literal["r2"] = "r2"

    def build(self, info: MetricInfo, device: torch.device) -> MetricState:
        from nntrain.modules.metrics import Variation

        return _R2(Variation())


@dataclass(frozen=True, slots=True)
class _MAE:
    mean: Mean

    def update(self, prediction: Tensor, target: Tensor, weights: Tensor | None = None) -> None:
        from nntrain.modules.metrics import differences

        self.mean.add(differences(prediction, target).abs(), weights)

    def compute(self) -> float | None:
        return self.mean.read()


@dataclass(frozen=True, slots=True)
class _RMSE:
    mean: Mean

    def update(self, prediction: Tensor, target: Tensor, weights: Tensor | None = None) -> None:
        from nntrain.modules.metrics import differences

        self.mean.add(differences(prediction, target).square(), weights)

    def compute(self) -> float | None:
        mean = self.mean.read()
        return None if mean is None else math.sqrt(mean)


@dataclass(frozen=True, slots=True)
class _R2:
    variation: Variation

    def update(self, prediction: Tensor, target: Tensor, weights: Tensor | None = None) -> None:
        self.variation.update(prediction, target, weights)

    def compute(self) -> float | None:
        from nntrain.modules.metrics import finite

        found = self.variation.read()
        if found is None:
            return None
        errors, spread = found
        varies = spread > 0
        return finite(float((1 - errors[varies] / spread[varies]).mean())) if bool(varies.any()) else None
