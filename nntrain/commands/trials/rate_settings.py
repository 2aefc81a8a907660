"""Schedules of trials: a rate that stays, and one that grows from step to step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from nntrain.schedules.constant import Constant
from nntrain.schedules.schedule import Horizon, Schedule

if TYPE_CHECKING:
    from nntrain.training.session import Session


class Sweep(Schedule):
    """Given rates, one a step; those of parameter groups keep their ratio."""

    type: Literal["sweep"] = "sweep"
    configured: float
    """The optimizer's rate that groups have their ratio to."""
    rates: tuple[float, ...]

    def lr(self, step: int, base_lr: float, horizon: Horizon) -> float:
        return base_lr / self.configured * self.rates[min(step, len(self.rates) - 1)]


def at_rate(lr: float | None, session: Session) -> Schedule:
    """A rate that stays: the configured one, or another."""
    if lr is None:
        return Constant()
    return Sweep(configured=max(float(group["initial_lr"]) for group in session.optimizer.param_groups), rates=(lr,))
