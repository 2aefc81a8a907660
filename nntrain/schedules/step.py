"""A rate that falls in steps."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal, cast

from pydantic import Field, PositiveInt, model_validator
from pydantic_core import PydanticCustomError

from nntrain.schedules.schedule import Horizon, Schedule


class Step(Schedule):
    """Multiplies the rate by `gamma` at fixed intervals, counted from the start of the run (torch's StepLR, with a unit)."""

    type: Literal["step"] = "step"
    every_epochs: PositiveInt | None = None
    """Interval in epochs."""
    every_steps: PositiveInt | None = None
    """Interval in steps (optimizer updates)."""
    gamma: Annotated[float, Field(gt=0, le=1)] = 0.1
    """What the rate is multiplied by."""

    @model_validator(mode="before")
    @classmethod
    def _says_its_unit(cls, value: object) -> object:
        if isinstance(value, dict) and "step_size" in value:
            size = cast("dict[str, Any]", value)["step_size"]
            raise PydanticCustomError(
                "interval_without_unit",
                "step_size has no unit here: write every_epochs: {size} or every_steps: {size}",
                {"size": str(size)},
            )
        return cast("object", value)

    @model_validator(mode="after")
    def _is_one(self) -> Step:
        if (self.every_epochs is None) == (self.every_steps is None):
            raise PydanticCustomError("interval_of_two_units", "takes either every_epochs or every_steps")
        return self

    def warnings(self, horizon: Horizon, max_epochs: int | None) -> Iterator[str]:
        yield from super().warnings(horizon, max_epochs)
        total = horizon.total_steps
        if self.every_steps is not None and total and self.every_steps >= total:
            yield f"scheduler.every_steps {self.every_steps:,} is not below the {total:,} steps of the run: the rate never falls"
        elif self.every_epochs is not None and max_epochs is not None and self.every_epochs >= max_epochs:
            yield f"scheduler.every_epochs {self.every_epochs} is not below training.max_epochs {max_epochs}: the rate never falls"
        elif self.every_epochs is not None and total and self.every_epochs * horizon.steps_per_epoch >= total:
            interval = f"{self.every_epochs} ({self.every_epochs * horizon.steps_per_epoch:,} steps)"
            yield f"scheduler.every_epochs {interval} is not below the {total:,} steps of the run: the rate never falls"

    def main_lr(self, step: int, base_lr: float, horizon: Horizon) -> float:
        every = self.every_steps or (self.every_epochs or 1) * horizon.steps_per_epoch
        return base_lr * self.gamma ** (step // every)
