"""A rate that falls when a metric gets no better: the only schedule with a state."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field, NonNegativeFloat, NonNegativeInt

from nntrain.errors import Problem
from nntrain.schedules.schedule import Horizon, WarmedSchedule, below, lowest


class Plateau(WarmedSchedule):
    """Multiplies the rate by `factor` when a metric has not improved for more than `patience` evaluations (torch's ReduceLROnPlateau)."""

    type: Literal["plateau"] = "plateau"
    monitor: str | None = None
    """Metric to watch, such as `validation.loss`; default: the one that decides which state is the best."""
    factor: Annotated[float, Field(gt=0, lt=1)] = 0.1
    """What the rate is multiplied by."""
    patience: NonNegativeInt = 10
    """Evaluations without an improvement that are let pass; the next one lowers the rate."""
    threshold: NonNegativeFloat = 1e-4
    """Smallest change that counts as an improvement."""
    threshold_mode: Literal["rel", "abs"] = "rel"
    """Whether the threshold is a share of the best value, or in the unit of the metric."""
    cooldown: NonNegativeInt = 0
    """Evaluations after a fall that are not counted."""
    min_lr: NonNegativeFloat = 0.0
    """The lowest rate."""

    def problems(self, lr: float) -> Iterator[Problem]:
        return below(self.min_lr, lr)

    def main_lr(self, step: int, base_lr: float, horizon: Horizon) -> float:
        return base_lr

    def reduced(self, lr: float, falls: int) -> float:
        """A rate after some falls; one that is below `min_lr` before any stays."""
        return max(lr * self.factor**falls, lowest(self.min_lr, lr))
