"""A rate that falls along half a cosine wave."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Literal

from pydantic import NonNegativeFloat

from nntrain.errors import Problem
from nntrain.schedules.schedule import Horizon, Schedule


class Cosine(Schedule):
    """Falls from `optimizer.lr` at the end of the warm-up to `min_lr` at the end of the run (torch's CosineAnnealingLR)."""

    type: Literal["cosine"] = "cosine"
    min_lr: NonNegativeFloat = 0.0
    """The rate at the end of the run."""

    @property
    def needs_total_steps(self) -> bool:
        return True

    def problems(self, lr: float) -> Iterator[Problem]:
        if self.min_lr >= lr:
            message = f"is {self.min_lr:g} and not below optimizer.lr {lr:g}: the rate would not fall"
            yield Problem(("scheduler", "min_lr"), message, f"fix:  min_lr: {lr / 100:g}")

    def main_lr(self, step: int, base_lr: float, horizon: Horizon) -> float:
        warmup = self.warmup(horizon)
        length = max(horizon.total_steps - warmup, 1)
        done = min((step - warmup) / length, 1.0)
        return self.min_lr + (base_lr - self.min_lr) * (1 + math.cos(math.pi * done)) / 2
