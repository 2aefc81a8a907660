"""The base of all schedules: the learning rate as a pure function of the step, so that a resumed run needs no state of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, cast

from pydantic import Field, PositiveInt, model_validator
from pydantic_core import PydanticCustomError

from nntrain.errors import Problem
from nntrain.schema import Component


@dataclass(frozen=True, slots=True)
class Horizon:
    """The length of a run, which schedules are relative to."""

    total_steps: int
    """Steps after which a limit in epochs or steps ends the run; 0 where there is none."""
    steps_per_epoch: int
    """Steps of one pass over the training rows; 0 where it is not known yet."""


class Schedule(Component):
    """How the learning rate changes over the steps."""

    kinds: ClassVar[frozenset[str]] = frozenset({"scheduler"})
    foreign: ClassVar[Mapping[str, str]] = {}
    """Options of torch whose meaning needs more than another name: what is told of them after their name; `{value}` is theirs."""

    @model_validator(mode="before")
    @classmethod
    def _says_its_unit(cls, value: object) -> object:
        options = cast("dict[str, Any]", value) if isinstance(value, dict) else {}
        for name, instead in cls.foreign.items():
            if name in options:
                raise PydanticCustomError("interval_without_unit", cast("Any", f"{name} {instead}"), {"value": str(options[name])})
        if not options:
            return cast("object", value)
        # What a validator like this one hands on is no JSON any more, and a list fits no tuple then.
        return {name: tuple(cast("list[Any]", option)) if isinstance(option, list) else option for name, option in options.items()}

    @property
    def needs_total_steps(self) -> bool:
        """Whether the run must have a limit in epochs or steps."""
        return False

    @property
    def moves_momentum(self) -> bool:
        """Whether it sets the momentum too."""
        return False

    def lr(self, step: int, base_lr: float, horizon: Horizon) -> float:
        """The learning rate of a step.

        Args:
            step: Steps taken before this one: 0 for the first.
            base_lr: The rate in `optimizer.lr`, or of the parameter group.
            horizon: Length of the run.
        """
        raise NotImplementedError

    def reduced(self, lr: float, falls: int) -> float:
        """The rate after a metric that the schedule watches has lowered it some times."""
        return lr

    def momentum(self, step: int, horizon: Horizon) -> float | None:
        """The momentum of a step, where the schedule moves it too: torch's `momentum`, or the first of `betas`."""
        return None

    def problems(self, lr: float) -> Iterator[Problem]:
        """What makes no sense beside the learning rate in `optimizer.lr`."""
        return iter(())

    def warnings(self, horizon: Horizon, max_epochs: int | None) -> Iterator[str]:
        """What lies beyond the end of the run, both numbers named.

        Args:
            horizon: Length of the run, as far as it is known.
            max_epochs: The limit in epochs, if there is one.
        """
        return iter(())


class WarmedSchedule(Schedule):
    """A schedule that may begin with a linear warm-up."""

    warmup_steps: PositiveInt | None = None
    """Steps over which the rate rises linearly to `optimizer.lr`."""
    warmup_fraction: Annotated[float, Field(gt=0, lt=1)] | None = None
    """The same as a fraction of all steps."""

    @model_validator(mode="after")
    def _has_one_warmup(self) -> WarmedSchedule:
        if self.warmup_steps is not None and self.warmup_fraction is not None:
            raise PydanticCustomError("two_warmups", "takes either warmup_steps or warmup_fraction")
        return self

    @property
    def needs_total_steps(self) -> bool:
        return self.warmup_fraction is not None

    def warmup(self, horizon: Horizon) -> int:
        """Steps of the warm-up."""
        if self.warmup_fraction is not None:
            return round(self.warmup_fraction * horizon.total_steps)
        return self.warmup_steps or 0

    def lr(self, step: int, base_lr: float, horizon: Horizon) -> float:
        warmup = self.warmup(horizon)
        if step < warmup:
            return base_lr * (step + 1) / (warmup + 1)
        return self.main_lr(step, base_lr, horizon)

    def warnings(self, horizon: Horizon, max_epochs: int | None) -> Iterator[str]:
        total = horizon.total_steps
        if not total:
            return
        if self.warmup_steps is not None and self.warmup_steps >= total:
            yield f"scheduler.warmup_steps {self.warmup_steps:,} is not below the {total:,} steps of the run: it ends while it warms up"
        if self.warmup_fraction is not None and self.warmup(horizon) == 0:
            yield f"scheduler.warmup_fraction {self.warmup_fraction:g} of {total:,} steps is less than half a step: there is no warm-up"

    def main_lr(self, step: int, base_lr: float, horizon: Horizon) -> float:
        """The learning rate after the warm-up."""
        raise NotImplementedError


def below(min_lr: float, lr: float) -> Iterator[Problem]:
    """A lowest rate that is not below the rate itself."""
    if min_lr >= lr:
        message = f"is {min_lr:g} and not below optimizer.lr {lr:g}: the rate would not fall"
        yield Problem(("scheduler", "min_lr"), message, f"fix:  min_lr: {lr / 100:g}")


def lowest(min_lr: float, base_lr: float) -> float:
    """The rate that a schedule falls to: that of a parameter group which is below `min_lr` from the start never rises."""
    return min(min_lr, base_lr)


def steps_of(steps: int | None, epochs: int | None, horizon: Horizon) -> int:
    """A length that is given in one of two units, in steps."""
    return steps if steps is not None else (epochs or 1) * horizon.steps_per_epoch


def one_unit(name: str, steps: object, epochs: object) -> None:
    """Refuse a length in no unit or in two, in a validator.

    Args:
        name: What the options are called, without their unit: `every`.
        steps: The one in steps.
        epochs: The one in epochs.
    """
    if (steps is None) == (epochs is None):
        raise PydanticCustomError("interval_of_two_units", cast("Any", f"takes either {name}_epochs or {name}_steps"))
