"""Rates that fall by a factor: at fixed intervals, at given times, or a little with each step."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Annotated, ClassVar, Literal

from pydantic import Field, PositiveInt, model_validator
from pydantic_core import PydanticCustomError

from nntrain.schedules.schedule import Horizon, WarmedSchedule, one_unit, steps_of

Gamma = Annotated[float, Field(gt=0, le=1)]


class Step(WarmedSchedule):
    """Multiplies the rate by `gamma` at fixed intervals, counted from the start of the run (torch's StepLR, with a unit)."""

    type: Literal["step"] = "step"
    foreign: ClassVar = {"step_size": "has no unit here: write every_epochs: {value} or every_steps: {value}"}
    every_epochs: PositiveInt | None = None
    """Interval in epochs."""
    every_steps: PositiveInt | None = None
    """Interval in steps (optimizer updates)."""
    gamma: Gamma = 0.1
    """What the rate is multiplied by."""

    @model_validator(mode="after")
    def _has_one_unit(self) -> Step:
        one_unit("every", self.every_steps, self.every_epochs)
        return self

    def warnings(self, horizon: Horizon, max_epochs: int | None) -> Iterator[str]:
        yield from super().warnings(horizon, max_epochs)
        yield from _beyond("every", self.every_steps, self.every_epochs, horizon, max_epochs)

    def main_lr(self, step: int, base_lr: float, horizon: Horizon) -> float:
        return base_lr * self.gamma ** (step // steps_of(self.every_steps, self.every_epochs, horizon))


class MultiStep(WarmedSchedule):
    """Multiplies the rate by `gamma` at each of some times, counted from the start of the run (torch's MultiStepLR, with a unit)."""

    type: Literal["multi_step"] = "multi_step"
    foreign: ClassVar = {"milestones": "has no unit here: write at_epochs: {value} or at_steps: {value}"}
    at_epochs: Annotated[tuple[PositiveInt, ...], Field(min_length=1)] | None = None
    """Epochs after which the rate falls, in order: `[30, 60, 80]`."""
    at_steps: Annotated[tuple[PositiveInt, ...], Field(min_length=1)] | None = None
    """The same in steps (optimizer updates)."""
    gamma: Gamma = 0.1
    """What the rate is multiplied by."""

    @model_validator(mode="after")
    def _has_one_unit_and_order(self) -> MultiStep:
        one_unit("at", self.at_steps, self.at_epochs)
        if any(first >= second for first, second in pairwise(self.at_steps or self.at_epochs or ())):
            raise PydanticCustomError("order", "needs each time once, the earliest first")
        return self

    def warnings(self, horizon: Horizon, max_epochs: int | None) -> Iterator[str]:
        yield from super().warnings(horizon, max_epochs)
        last_step, last_epoch = _last(self.at_steps), _last(self.at_epochs)
        yield from _beyond("at", last_step, last_epoch, horizon, max_epochs)

    def main_lr(self, step: int, base_lr: float, horizon: Horizon) -> float:
        times = self.at_steps or [epoch * horizon.steps_per_epoch for epoch in self.at_epochs or ()]
        return base_lr * self.gamma ** sum(step >= time for time in times)


class Exponential(WarmedSchedule):
    """Falls smoothly, by the factor `gamma` over each interval from the end of the warm-up on: `gamma ** (steps / interval)`.

    torch's ExponentialLR, which falls all at once at the end of each interval, is `step`.
    """

    type: Literal["exponential"] = "exponential"
    foreign: ClassVar = {"decay_steps": "is called every_steps here: write every_steps: {value}"}
    every_epochs: PositiveInt | None = None
    """Interval in epochs."""
    every_steps: PositiveInt | None = None
    """Interval in steps (optimizer updates)."""
    gamma: Annotated[float, Field(gt=0, lt=1)]
    """What the rate is multiplied by over an interval."""

    @model_validator(mode="after")
    def _has_one_unit(self) -> Exponential:
        one_unit("every", self.every_steps, self.every_epochs)
        return self

    def main_lr(self, step: int, base_lr: float, horizon: Horizon) -> float:
        interval = steps_of(self.every_steps, self.every_epochs, horizon)
        return base_lr * self.gamma ** ((step - self.warmup(horizon)) / interval)


def _last(times: Sequence[int] | None) -> int | None:
    return None if times is None else times[-1]


def _beyond(name: str, steps: int | None, epochs: int | None, horizon: Horizon, max_epochs: int | None) -> Iterator[str]:
    """A fall that the run doesn't come to."""
    total = horizon.total_steps
    never = "the rate never falls" if name == "every" else "the last fall never comes"
    if steps is not None and total and steps >= total:
        yield f"scheduler.{name}_steps {steps:,} is not below the {total:,} steps of the run: {never}"
    elif epochs is not None and max_epochs is not None and epochs >= max_epochs:
        yield f"scheduler.{name}_epochs {epochs} is not below training.max_epochs {max_epochs}: {never}"
    elif epochs is not None and total and epochs * horizon.steps_per_epoch >= total:
        interval = f"{epochs} ({epochs * horizon.steps_per_epoch:,} steps)"
        yield f"scheduler.{name}_epochs {interval} is not below the {total:,} steps of the run: {never}"
