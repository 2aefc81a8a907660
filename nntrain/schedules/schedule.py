"""The base of all schedules: the learning rate as a pure function of the step, so that a resumed run needs no state of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

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
    """How the learning rate changes over the steps. Each may begin with a linear warm-up."""

    warmup_steps: PositiveInt | None = None
    """Steps over which the rate rises linearly to `optimizer.lr`."""
    warmup_fraction: Annotated[float, Field(gt=0, lt=1)] | None = None
    """The same as a fraction of all steps."""

    @model_validator(mode="after")
    def _has_one_warmup(self) -> Schedule:
        if self.warmup_steps is not None and self.warmup_fraction is not None:
            raise PydanticCustomError("two_warmups", "takes either warmup_steps or warmup_fraction")
        return self

    @property
    def needs_total_steps(self) -> bool:
        """Whether the run must have a limit in epochs or steps."""
        return self.warmup_fraction is not None

    def warmup(self, horizon: Horizon) -> int:
        """Steps of the warm-up."""
        if self.warmup_fraction is not None:
            return round(self.warmup_fraction * horizon.total_steps)
        return self.warmup_steps or 0

    def lr(self, step: int, base_lr: float, horizon: Horizon) -> float:
        """The learning rate of a step.

        Args:
            step: Steps taken before this one: 0 for the first.
            base_lr: The rate in `optimizer.lr`, or of the parameter group.
            horizon: Length of the run.
        """
        warmup = self.warmup(horizon)
        if step < warmup:
            return base_lr * (step + 1) / (warmup + 1)
        return self.main_lr(step, base_lr, horizon)

    def problems(self, lr: float) -> Iterator[Problem]:
        """What makes no sense beside the learning rate in `optimizer.lr`."""
        return iter(())

    def warnings(self, horizon: Horizon, max_epochs: int | None) -> Iterator[str]:
        """What lies beyond the end of the run, both numbers named.

        Args:
            horizon: Length of the run, as far as it is known.
            max_epochs: The limit in epochs, if there is one.
        """
        total = horizon.total_steps
        if not total:
            return
        if self.warmup_steps is not None and self.warmup_steps >= total:
            yield f"scheduler.warmup_steps {self.warmup_steps:,} is not below the {total:,} steps of the run: it ends while it warms up"
        if self.warmup_fraction is not None and self.warmup(horizon) == 0:
            yield f"scheduler.warmup_fraction {self.warmup_fraction:g} of {total:,} steps is less than half a step: there is no warm-up"

    def main_lr(self, step: int, base_lr: float, horizon: Horizon) -> float:
        """The learning rate after the warm-up; `base_lr` at its first step."""
        raise NotImplementedError
