"""What the next rows of a series will be."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar, Literal

from nntrain.tasks.regression import Regression
from nntrain.tasks.task import Target

if TYPE_CHECKING:
    from nntrain.tasks.drawings import Answers, Drawing


class Forecasting(Regression):
    """The rows that follow those of a window: H values of a column, or [H, C] of C columns together (`data.window`).

    A point by `mse`, `mae`, `huber`; with intervals by `quantile` and `gaussian_nll`. Where the past of the targets is an input, what
    repeating the last value, and the last season (`data.window.season`), would score stands beside it.
    """

    field_types: ClassVar[frozenset[str]] = frozenset({"number"})
    forecasts: ClassVar[bool] = True
    references: ClassVar[tuple[str, ...]] = ("last_value", "seasonal_naive")

    type: Literal["forecasting"] = "forecasting"

    def metrics(self, target: Target) -> tuple[str, ...]:
        """Several columns have no common unit."""
        return ("mse_scaled", "mae_scaled", "mase") if "time" in target.spec.axes else ("rmse", "mae", "mase", "smape")

    def in_words(self, answers: Answers) -> str | None:
        return None

    def drawings(self, answers: Answers) -> Iterator[Drawing]:
        from nntrain.tasks.value_drawings import forecast_drawings

        return forecast_drawings(answers)
