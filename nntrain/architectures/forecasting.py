"""What networks that make a whole forecast share: how many steps and numbers it has, and the shape in which the task takes it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from nntrain.errors import SpecError
from nntrain.layers.rearranging import Rearrange
from nntrain.layers.series import need_series
from nntrain.layers.shape import Flatten
from nntrain.specs import VECTOR, Size, Spec, Unknown

if TYPE_CHECKING:
    from nntrain.layers.program import Value
    from nntrain.layers.scope import Scope


@dataclass(frozen=True, slots=True)
class Forecast:
    """What comes out of a network that forecasts each column of a series from its own past."""

    steps: int
    """Rows that are predicted, H."""
    per_value: int
    """Numbers of each value: 1, or as many as the loss reads."""
    is_row: bool
    """Whether the task takes a row of numbers, not a series [H, C]."""

    def arranged(self, scope: Scope, value: Value) -> Value:
        """Put `[H * per_value, C]` into the shape of the task: `[H, C * per_value]`, or a row."""
        if self.is_row:
            return scope.sequence([Flatten()], value)
        if self.per_value == 1:
            return value
        return scope.sequence([Rearrange(pattern=f"(h {self.per_value}) c -> h (c {self.per_value})")], value)


def forecast_of(scope: Scope, spec: Spec, horizon: int | None, family: str) -> Forecast:
    """What a family is to make of a series.

    Args:
        scope: Where it stands; the task's needs are read off.
        spec: The series.
        horizon: Rows that are predicted, where the config says so.
        family: Its name, for messages.

    Raises:
        SpecError: It is no series, or the task needs something else than a forecast of its features.
    """
    need_series(spec)
    if horizon is not None:
        return Forecast(horizon, 1, is_row=False)
    if len(scope.needs) != 1:
        found = "one" if not scope.needs else f"{len(scope.needs)}: {', '.join(scope.needs)}"
        raise SpecError(
            f"makes one forecast, and the targets are {found}", hint="data.window: {…, targets: together}, or a horizon of its own"
        )
    name, need = next(iter(scope.needs.items()))
    features, rows = spec.size("feature"), need.sizes[0]
    if need.kind != "float" or not need.axes or not isinstance(rows, int):
        raise SpecError(f"makes forecasts, and {name} needs {need.describe()}", hint=f"fix:  layers: [{family}: {{horizon: 1}}, flatten]")
    if need.axes == VECTOR:
        _same(features, 1, family, name)
        return Forecast(rows, 1, is_row=True)
    wanted = need.size("feature")
    if isinstance(features, Unknown) or isinstance(wanted, Unknown) or not isinstance(features, int) or not isinstance(wanted, int):
        return Forecast(rows, 1, is_row=False)
    _same(features, wanted if wanted % features else features, family, name)
    return Forecast(rows, wanted // features, is_row=False)


def _same(features: Size, wanted: int, family: str, name: str) -> None:
    if isinstance(features, int) and features != wanted:
        raise SpecError(
            f"forecasts each column from its own past, and {name} has {wanted} of the window's {features}",
            hint="make every column input and target, leave the others out (role: ignore), or another network: {lstm: 64}, {pool: last}",
        )
