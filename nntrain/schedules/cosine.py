"""Rates that fall along half a cosine wave: once, or again and again."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import ClassVar, Literal

from pydantic import NonNegativeFloat, PositiveInt, model_validator

from nntrain.errors import Problem
from nntrain.schedules.schedule import Horizon, Schedule, WarmedSchedule, below, lowest, one_unit, steps_of


class Cosine(WarmedSchedule):
    """Falls from `optimizer.lr` at the end of the warm-up to `min_lr` at the end of the run (torch's CosineAnnealingLR)."""

    type: Literal["cosine"] = "cosine"
    min_lr: NonNegativeFloat = 0.0
    """The rate at the end of the run."""

    @property
    def needs_total_steps(self) -> bool:
        return True

    def problems(self, lr: float) -> Iterator[Problem]:
        return below(self.min_lr, lr)

    def main_lr(self, step: int, base_lr: float, horizon: Horizon) -> float:
        warmup = self.warmup(horizon)
        length = max(horizon.total_steps - warmup, 1)
        return half_wave(lowest(self.min_lr, base_lr), base_lr, min((step - warmup) / length, 1.0))


class WarmRestarts(WarmedSchedule):
    """Falls along a cosine, and begins anew at `optimizer.lr` after each round (SGDR, Loshchilov and Hutter, 2017).

    Rounds are counted from the end of the warm-up: `first_steps: 10, multiply: 2` restarts after 10, 30 and 70 steps. It is torch's
    CosineAnnealingWarmRestarts, with T_0 as `first_epochs` or `first_steps` and T_mult as `multiply`.
    """

    type: Literal["warm_restarts"] = "warm_restarts"
    foreign: ClassVar = {"T_0": "has no unit here: write first_epochs: {value} or first_steps: {value}"}
    first_epochs: PositiveInt | None = None
    """Length of the first round, in epochs."""
    first_steps: PositiveInt | None = None
    """Length of the first round, in steps (optimizer updates)."""
    multiply: PositiveInt = 1
    """How many times as long as the one before each further round is."""
    min_lr: NonNegativeFloat = 0.0
    """The rate towards which each round falls."""

    @model_validator(mode="after")
    def _has_one_unit(self) -> WarmRestarts:
        one_unit("first", self.first_steps, self.first_epochs)
        return self

    def problems(self, lr: float) -> Iterator[Problem]:
        return below(self.min_lr, lr)

    def warnings(self, horizon: Horizon, max_epochs: int | None) -> Iterator[str]:
        yield from super().warnings(horizon, max_epochs)
        first = self.first_steps if self.first_steps is not None else steps_of(None, self.first_epochs, horizon)
        if horizon.total_steps and first >= horizon.total_steps - self.warmup(horizon):
            name = "first_steps" if self.first_steps is not None else "first_epochs"
            yield f"scheduler.{name} ({first:,} steps) is not below the {horizon.total_steps:,} steps of the run: the rate never restarts"

    def main_lr(self, step: int, base_lr: float, horizon: Horizon) -> float:
        since = step - self.warmup(horizon)
        length = max(steps_of(self.first_steps, self.first_epochs, horizon), 1)
        if self.multiply == 1:
            since %= length
        while since >= length:
            since, length = since - length, length * self.multiply
        return half_wave(lowest(self.min_lr, base_lr), base_lr, since / length)


class CosLog(Schedule):
    """Cosine waves, each twice as long as the one before: from 0 up to `optimizer.lr` and back to 0, the last ends with the run.

    With 4 cycles it is coslog4 of RealMLP (Holzmüller, Grinsztajn, Steinwart, 2024): (1 - cos(2 pi log2(1 + 15 t))) / 2 of the rate, t
    the part of the run that is done. A run that stops early may so end near the end of a wave.
    """

    main: ClassVar[str | None] = "cycles"

    type: Literal["coslog"] = "coslog"
    cycles: PositiveInt = 4
    """Waves in a run."""

    @property
    def needs_total_steps(self) -> bool:
        return True

    def lr(self, step: int, base_lr: float, horizon: Horizon) -> float:
        done = min(step / max(horizon.total_steps, 1), 1.0)
        return base_lr * (1 - math.cos(2 * math.pi * math.log2(1 + (2**self.cycles - 1) * done))) / 2


def half_wave(low: float, high: float, done: float) -> float:
    """From `high` at 0 to `low` at 1 along half a cosine wave."""
    return low + (high - low) * (1 + math.cos(math.pi * done)) / 2
