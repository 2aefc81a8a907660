"""The base of all schedules: the learning rate as a pure function of the step, so that a resumed run needs no state of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field, PositiveInt, model_validator
from pydantic_core import PydanticCustomError

from nntrain.schema import Component


@dataclass(frozen=True, slots=True)
class Horizon:
    """The length of a run, which schedules are relative to."""

    total_steps: int
    """Steps after which a limit in epochs or steps ends the run; 0 where there is none."""
    steps_per_epoch: int


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

    def main_lr(self, step: int, base_lr: float, horizon: Horizon) -> float:
        """The learning rate after the warm-up; `base_lr` at its first step."""
        raise NotImplementedError
