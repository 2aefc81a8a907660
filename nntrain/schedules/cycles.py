"""Rates that rise and fall, with the momentum moving the other way."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal

from pydantic import Field, NonNegativeFloat, PositiveInt, model_validator
from pydantic_core import PydanticCustomError

from nntrain.errors import Problem
from nntrain.schedules.cosine import half_wave
from nntrain.schedules.schedule import Horizon, Schedule, below, lowest, one_unit, steps_of

Momentum = Annotated[float, Field(ge=0, lt=1)]


class CyclingSchedule(Schedule):
    """A schedule that moves the momentum against the rate: high where the rate is low."""

    cycle_momentum: bool = True
    """Whether the momentum (the first of Adam's `betas`) moves too; it then replaces the optimizer's."""
    base_momentum: Momentum = 0.85
    """The momentum where the rate is highest."""
    max_momentum: Momentum = 0.95
    """The momentum where the rate is lowest."""

    @property
    def moves_momentum(self) -> bool:
        return self.cycle_momentum

    @model_validator(mode="after")
    def _momentum_is_cycled(self) -> CyclingSchedule:
        fields = type(self).model_fields
        is_given = any(getattr(self, name) != fields[name].default for name in ("base_momentum", "max_momentum"))
        if not self.cycle_momentum and is_given:
            raise PydanticCustomError("no_cycle", "base_momentum and max_momentum have no effect where cycle_momentum is false")
        if self.base_momentum > self.max_momentum:
            raise PydanticCustomError("momentum_order", "needs a base_momentum that is not above max_momentum")
        return self


class OneCycle(CyclingSchedule):
    """Rises from a low rate to `optimizer.lr`, then falls to a very low one at the end of the run (torch's OneCycleLR).

    After Smith and Topin, 2018. `optimizer.lr` is torch's `max_lr`.
    """

    type: Literal["one_cycle"] = "one_cycle"
    foreign: ClassVar = {
        "warmup_steps": "has no effect: one_cycle rises by itself, over the fraction pct_start of the run",
        "warmup_fraction": "has no effect: one_cycle rises by itself, over  pct_start: {value}",
    }
    pct_start: Annotated[float, Field(gt=0, lt=1)] = 0.3
    """Fraction of the run over which the rate rises."""
    anneal_strategy: Literal["cos", "linear"] = "cos"
    """Along which curve it rises and falls."""
    div_factor: Annotated[float, Field(ge=1)] = 25.0
    """The first rate is `optimizer.lr` divided by this."""
    final_div_factor: Annotated[float, Field(ge=1)] = 1e4
    """The last rate is the first one divided by this."""
    three_phase: bool = False
    """Fall to the first rate in as many steps as it rose, and only then to the last."""

    @property
    def needs_total_steps(self) -> bool:
        return True

    @model_validator(mode="after")
    def _three_phases_fit(self) -> OneCycle:
        if self.three_phase and self.pct_start >= 0.5:
            raise PydanticCustomError("three_phase", "three_phase rises and falls over pct_start each: it must be below 0.5")
        return self

    def lr(self, step: int, base_lr: float, horizon: Horizon) -> float:
        first = base_lr / self.div_factor
        return self._at(step, horizon, low=first, high=base_lr, end=first / self.final_div_factor)

    def momentum(self, step: int, horizon: Horizon) -> float | None:
        if not self.cycle_momentum:
            return None
        return self._at(step, horizon, low=self.max_momentum, high=self.base_momentum, end=self.max_momentum)

    def _at(self, step: int, horizon: Horizon, *, low: float, high: float, end: float) -> float:
        last = max(horizon.total_steps - 1, 0)
        top = self.pct_start * horizon.total_steps - 1
        phases = [(top, low, high), (2 * top, high, low), (last, low, end)] if self.three_phase else [(top, low, high), (last, high, end)]
        start = 0.0
        for place, (stop, here, there) in enumerate(phases):
            if step <= stop or place == len(phases) - 1:
                done = (step - start) / (stop - start) if stop > start else 1.0
                return self._between(here, there, min(max(done, 0.0), 1.0))
            start = stop
        raise AssertionError

    def _between(self, here: float, there: float, done: float) -> float:
        return here + (there - here) * done if self.anneal_strategy == "linear" else half_wave(there, here, done)


class Cyclic(CyclingSchedule):
    """Rises from `min_lr` to `optimizer.lr` and falls back, again and again (Smith, 2017; torch's CyclicLR).

    `optimizer.lr` is torch's `max_lr`, `min_lr` its `base_lr`; the rates of other parameter groups keep their ratio to `optimizer.lr`
    at the top, and have the same `min_lr`; one that is below it stays.
    """

    type: Literal["cyclic"] = "cyclic"
    foreign: ClassVar = {
        "base_lr": "is called min_lr here: write min_lr: {value}",
        "max_lr": "is the rate of the optimizer here: write optimizer.lr: {value}",
        "step_size_up": "has no unit here: write up_epochs: {value} or up_steps: {value}",
        "step_size_down": "has no unit here: write down_epochs: {value} or down_steps: {value}",
    }
    min_lr: NonNegativeFloat
    """The lowest rate."""
    up_epochs: PositiveInt | None = None
    """Epochs over which the rate rises."""
    up_steps: PositiveInt | None = None
    """The same in steps (optimizer updates)."""
    down_epochs: PositiveInt | None = None
    """Epochs over which it falls; default: as long as it rises."""
    down_steps: PositiveInt | None = None
    """The same in steps."""
    mode: Literal["triangular", "triangular2", "exp_range"] = "triangular"
    """`triangular`: all cycles alike; `triangular2`: each half as high as the one before; `exp_range`: lower by `gamma` with each step."""
    gamma: Annotated[float, Field(gt=0, lt=1)] | None = None
    """Factor a step of `exp_range`."""
    base_momentum: Momentum = 0.8
    """The momentum where the rate is highest."""
    max_momentum: Momentum = 0.9
    """The momentum where the rate is lowest."""

    @model_validator(mode="after")
    def _options_fit(self) -> Cyclic:
        one_unit("up", self.up_steps, self.up_epochs)
        if self.down_steps is not None and self.down_epochs is not None:
            raise PydanticCustomError("interval_of_two_units", "takes either down_epochs or down_steps")
        if (self.gamma is None) == (self.mode == "exp_range"):
            raise PydanticCustomError("gamma_of_mode", "gamma goes with mode: exp_range, which needs it")
        return self

    def problems(self, lr: float) -> Iterator[Problem]:
        return below(self.min_lr, lr)

    def warnings(self, horizon: Horizon, max_epochs: int | None) -> Iterator[str]:
        up, total = steps_of(self.up_steps, self.up_epochs, horizon), horizon.total_steps
        if total and up >= total:
            name = "up_steps" if self.up_steps is not None else "up_epochs"
            yield f"scheduler.{name} ({up:,} steps) is not below the {total:,} steps of the run: the rate never reaches optimizer.lr"

    def lr(self, step: int, base_lr: float, horizon: Horizon) -> float:
        low = lowest(self.min_lr, base_lr)
        return low + (base_lr - low) * self._height(step, horizon)

    def momentum(self, step: int, horizon: Horizon) -> float | None:
        if not self.cycle_momentum:
            return None
        return self.max_momentum - (self.max_momentum - self.base_momentum) * self._height(step, horizon)

    def _height(self, step: int, horizon: Horizon) -> float:
        """Between 0 at the lowest and 1 at the highest rate."""
        up = max(steps_of(self.up_steps, self.up_epochs, horizon), 1)
        has_down = self.down_steps is not None or self.down_epochs is not None
        down = max(steps_of(self.down_steps, self.down_epochs, horizon), 1) if has_down else up
        cycle, since = divmod(step, up + down)
        height = since / up if since <= up else 1 - (since - up) / down
        if self.gamma is not None:
            return height * self.gamma**step
        return height * math.ldexp(1.0, -cycle) if self.mode == "triangular2" else height
