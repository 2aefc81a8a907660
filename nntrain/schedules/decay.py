"""Rates that fall to the end of the run along a power, after a plateau, or with the root of the step."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt, model_validator
from pydantic_core import PydanticCustomError

from nntrain.errors import Problem
from nntrain.schedules.schedule import Horizon, WarmedSchedule, below, lowest


class Linear(WarmedSchedule):
    """Falls on a line from `optimizer.lr` at the end of the warm-up to `min_lr` at the end of the run (torch's LinearLR)."""

    type: Literal["linear"] = "linear"
    min_lr: NonNegativeFloat = 0.0
    """The rate at the end of the run."""

    @property
    def needs_total_steps(self) -> bool:
        return True

    def problems(self, lr: float) -> Iterator[Problem]:
        return below(self.min_lr, lr)

    def main_lr(self, step: int, base_lr: float, horizon: Horizon) -> float:
        low = lowest(self.min_lr, base_lr)
        return low + (base_lr - low) * self._left(step, horizon)

    def _left(self, step: int, horizon: Horizon) -> float:
        """Share of the way that is left: 1 at the end of the warm-up, 0 at the end of the run."""
        warmup = self.warmup(horizon)
        return max(1 - (step - warmup) / max(horizon.total_steps - warmup, 1), 0.0)


class Polynomial(Linear):
    """Falls from `optimizer.lr` to `min_lr` with a power of the share of the run that is left (torch's PolynomialLR)."""

    type: Literal["polynomial"] = "polynomial"  # pyright: ignore[reportAssignmentType]
    power: PositiveFloat = 1.0
    """The power: 1 is a line, above 1 falls early, below 1 late."""

    def main_lr(self, step: int, base_lr: float, horizon: Horizon) -> float:
        low = lowest(self.min_lr, base_lr)
        return low + (base_lr - low) * self._left(step, horizon) ** self.power


class InverseSqrt(WarmedSchedule):
    """Falls with one over the root of the step, and needs no end (Vaswani et al., 2017, equation 3).

    After a warm-up of W steps the rate of step n, counted from 0, is `lr * sqrt((W + 1) / (n + 1))`: `optimizer.lr` is its highest
    value, which the paper writes as `dim^-0.5 * W^-0.5`.
    """

    type: Literal["inverse_sqrt"] = "inverse_sqrt"

    def main_lr(self, step: int, base_lr: float, horizon: Horizon) -> float:
        return base_lr * math.sqrt((self.warmup(horizon) + 1) / (step + 1))


class WSD(WarmedSchedule):
    """Warm-up, a long stay at `optimizer.lr`, then a short decay to `min_lr` at the end of the run (MiniCPM, Hu et al., 2024)."""

    type: Literal["wsd"] = "wsd"
    decay_steps: PositiveInt | None = None
    """Steps of the decay; default: the last tenth of the run."""
    decay_fraction: Annotated[float, Field(gt=0, lt=1)] | None = None
    """The same as a fraction of all steps."""
    shape: Literal["linear", "sqrt", "cosine"] = "linear"
    """How it decays: on a line, with 1 - sqrt(done) (Hägele et al., 2024), or along half a cosine wave."""
    min_lr: NonNegativeFloat = 0.0
    """The rate at the end of the run."""

    @model_validator(mode="after")
    def _has_one_decay(self) -> WSD:
        if self.decay_steps is not None and self.decay_fraction is not None:
            raise PydanticCustomError("two_decays", "takes either decay_steps or decay_fraction")
        return self

    @property
    def needs_total_steps(self) -> bool:
        return True

    def problems(self, lr: float) -> Iterator[Problem]:
        return below(self.min_lr, lr)

    def warnings(self, horizon: Horizon, max_epochs: int | None) -> Iterator[str]:
        yield from super().warnings(horizon, max_epochs)
        total, warmup, decay = horizon.total_steps, self.warmup(horizon), self._decay(horizon)
        if total and warmup < total < warmup + decay:
            yield f"scheduler.wsd: its warm-up ({warmup:,} steps) and decay ({decay:,} steps) overlap in a run of {total:,} steps"

    def _decay(self, horizon: Horizon) -> int:
        fraction = 0.1 if self.decay_fraction is None else self.decay_fraction
        return self.decay_steps if self.decay_steps is not None else max(round(fraction * horizon.total_steps), 1)

    def main_lr(self, step: int, base_lr: float, horizon: Horizon) -> float:
        decay = self._decay(horizon)
        done = min(max((step - (horizon.total_steps - decay)) / decay, 0.0), 1.0)
        left = {"linear": 1 - done, "sqrt": 1 - math.sqrt(done), "cosine": (1 + math.cos(math.pi * done)) / 2}[self.shape]
        low = lowest(self.min_lr, base_lr)
        return low + (base_lr - low) * left
