"""When a run evaluates and stops: limits as pure functions of the position, and the rules that watch metrics."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from nntrain.metrics.metric import Direction
from nntrain.training.settings import TrainingSettings

StopReason = Literal["converged", "reached", "early_stopping", "max_epochs", "max_steps", "max_minutes", "interrupted", "diverged"]


@dataclass(frozen=True, slots=True)
class Watch:
    """A metric by its full name and the direction that is better."""

    monitor: str
    direction: Direction


@dataclass(frozen=True, slots=True)
class Plan:
    """The limits of one run, with everything that a name in the config stood for looked up."""

    settings: TrainingSettings
    steps_per_epoch: int
    best: Watch
    """Metric that decides which state is the best."""
    directions: Mapping[str, Direction]
    """Direction of every metric that `stop_at` names."""
    period: int = field(init=False)
    """Steps from one evaluation to the next. Each step asks for it."""

    def __post_init__(self) -> None:
        every = self.settings.evaluate_every
        object.__setattr__(self, "period", every.steps if every.steps is not None else (every.epochs or 1) * self.steps_per_epoch)

    @property
    def total_steps(self) -> int:
        """Steps after which a limit in steps or epochs ends the run; what schedules count towards."""
        epochs, steps = self.settings.max_epochs, self.settings.max_steps
        limits = [epochs * self.steps_per_epoch if epochs is not None else None, steps]
        found = [limit for limit in limits if limit is not None]
        return min(found) if found else 0

    def limit_reached(self, step: int, elapsed_s: float) -> StopReason | None:
        """The limit that the position has reached, if any."""
        settings = self.settings
        if settings.max_epochs is not None and step >= settings.max_epochs * self.steps_per_epoch:
            return "max_epochs"
        if settings.max_steps is not None and step >= settings.max_steps:
            return "max_steps"
        if settings.max_minutes is not None and elapsed_s >= settings.max_minutes * 60:
            return "max_minutes"
        return None

    def evaluation_due(self, step: int) -> bool:
        """Whether the metrics are measured after this step."""
        return step % self.period == 0

    def next_due(self, step: int) -> int:
        """The first step after this one after which metrics may be measured: no `evaluation_due` or `limit_reached` comes before."""
        settings, period = self.settings, self.period
        limits = [settings.max_steps, None if settings.max_epochs is None else settings.max_epochs * self.steps_per_epoch]
        last = min((limit for limit in limits if limit is not None), default=step + period)
        return step + 1 if settings.max_minutes is not None else max(step + 1, min(step + period - step % period, last))

    def is_reached(self, metrics: Mapping[str, float | None]) -> bool:
        """Whether every value of `stop_at` is reached."""
        targets = self.settings.stop_at
        return bool(targets) and all(self._reaches(name, bar, metrics.get(name)) for name, bar in (targets or {}).items())

    def _reaches(self, name: str, bar: float, value: float | None) -> bool:
        if value is None:
            return False
        return value >= bar if self.directions[name] == "max" else value <= bar
