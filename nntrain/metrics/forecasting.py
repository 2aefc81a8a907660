"""Metrics of forecasts that no unit and no size of a series enters: errors as shares of what training rows tell of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Literal

from nntrain.errors import SpecError
from nntrain.losses.loss import TargetKind
from nntrain.metrics.metric import VALUES, Direction, Metric, MetricInfo, MetricState

if TYPE_CHECKING:
    import torch
    from torch import Tensor


class MSEScaled(Metric):
    """Mean squared error of the values as they are trained: divided by the scale of the training rows, each column by its own.

    With `normalize: standard` the scale is the standard deviation: so are the figures of published forecasts of several columns given.
    """

    direction: ClassVar[Direction] = "min"
    fits: ClassVar[frozenset[TargetKind]] = VALUES

    type: Literal["mse_scaled"] = "mse_scaled"

    def build(self, info: MetricInfo, device: torch.device) -> MetricState:
        from nntrain.modules.metrics import mean_of

        return mean_of(lambda prediction, target: _shares(prediction, target, info.scale).square())


class MAEScaled(Metric):
    """Mean absolute error of the values as they are trained, as in `mse_scaled`."""

    direction: ClassVar[Direction] = "min"
    fits: ClassVar[frozenset[TargetKind]] = VALUES

    type: Literal["mae_scaled"] = "mae_scaled"

    def build(self, info: MetricInfo, device: torch.device) -> MetricState:
        from nntrain.modules.metrics import mean_of

        return mean_of(lambda prediction, target: _shares(prediction, target, info.scale).abs())


class MASE(Metric):
    """Mean absolute error as a share of the error that repeating the last season makes in the training rows (Hyndman and Koehler 2006).

    Below 1 it is better than that forecast is one season ahead. The season is `data.window.season`, else the row before. Of several
    columns it is the mean over them, each by its own error; undefined where a column repeats itself exactly.
    """

    direction: ClassVar[Direction] = "min"
    fits: ClassVar[frozenset[TargetKind]] = VALUES

    type: Literal["mase"] = "mase"

    def check(self, info: MetricInfo) -> None:
        if not info.forecasts:
            raise SpecError("compares with the rows a season before, and needs a forecast", hint="data.window, and task: forecasting")

    def build(self, info: MetricInfo, device: torch.device) -> MetricState:
        from nntrain.modules.metrics import mean_of

        return mean_of(lambda prediction, target: _shares(prediction, target, info.naive).abs())


def _shares(prediction: Tensor, target: Tensor, units: Sequence[float]) -> Tensor:
    """Errors by value, divided by a unit: one for all, or one for each place of the last axis."""
    from nntrain.modules.metrics import differences

    errors = differences(prediction, target)
    if not units:
        return errors
    unit = errors.new_tensor(units)
    return errors / (unit[0] if len(units) == 1 else unit)
