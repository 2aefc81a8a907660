"""DLinear: two linear layers over time."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import PositiveInt

from nntrain.architectures.family import Family
from nntrain.architectures.forecasting import forecast_of
from nntrain.layers.elementwise import Add
from nntrain.layers.requirements import need_known
from nntrain.layers.series import RestoreSeries, SeriesDecomposition, TimeLinear, standardized

if TYPE_CHECKING:
    from nntrain.layers.program import Value
    from nntrain.layers.scope import Scope


class DLinear(Family):
    """DLinear (Zeng et al. 2023): trend and remainder of a series, each through one linear layer over time, added.

    Every column is forecast from its own past, [T, C] -> [H, C]. It is its own output: no layer is added.
    """

    main: ClassVar[str | None] = "kernel_size"

    type: Literal["dlinear"] = "dlinear"
    kernel_size: PositiveInt = 25
    """Steps of the moving average that is the trend, an odd number."""
    individual: bool = False
    """Whether each column has weights of its own; else all share them."""
    reversible_norm: bool = False
    """Whether each series is normalised before and restored after, so that forecasts follow a level that training never had (Li et al.
    2023 call it RLinear)."""
    horizon: PositiveInt | None = None
    """Steps that come out. Default: those that the target has (`data.window.horizon`)."""

    def is_output(self) -> bool:
        return True

    def place(self, scope: Scope, value: Value) -> Value:
        need_known(kernel_size=self.kernel_size, horizon=self.horizon)
        forecast = forecast_of(scope, value.spec, self.horizon, self.type)
        value, moments = standardized(scope, value) if self.reversible_norm else (value, ())
        rest = scope.add(SeriesDecomposition(kernel_size=self.kernel_size), value)
        trend = scope.draft.steps[rest.step or ""].extras[0]
        over_time = TimeLinear(out_steps=forecast.steps * forecast.per_value, individual=self.individual)
        value = scope.add(Add(), *(scope.add(over_time, part) for part in (rest, trend)))
        return forecast.arranged(scope, scope.add(RestoreSeries(), value, *moments) if moments else value)
