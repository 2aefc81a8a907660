"""Rules that watch a metric: which state is the best, when no better one is to be expected, and when nothing moves. Plain Python."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class Best:
    """The best evaluation so far."""

    value: float
    epoch: int
    step: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an evaluation means."""

    is_best: bool
    should_stop: bool


@dataclass(slots=True)
class EarlyStopping:
    """Knows the best evaluation, and stops after `patience` evaluations without an improvement.

    The best is the best by any margin, the earliest of equals or the latest. An improvement is measured against the value at the last
    improvement and must be at least `min_delta`: many steps that are too small each, but not together, do improve.
    NaN, infinity and an undefined value are never the best, and count as no improvement.
    """

    mode: Literal["min", "max"]
    patience: int | None = None
    """Evaluations; `None` only keeps account of the best."""
    min_delta: float = 0.0
    warmup: int = 0
    """Epochs whose evaluations don't count against the patience."""
    ties: Literal["first", "last"] = "first"
    """Which of equal values is the best; an equal one is no improvement either way."""
    best: Best | None = None
    reference: float | None = None
    """Value at the last improvement."""
    misses: int = 0
    """Evaluations since the last improvement."""

    def update(self, value: float | None, epoch: int, step: int) -> Verdict:
        """Take an evaluation into account.

        Args:
            value: The metric; `None` where it is undefined.
            epoch: Epochs that are complete.
            step: Steps that are complete.
        """
        found = value if value is not None and math.isfinite(value) else None
        is_best = found is not None and (self.best is None or self._beats(self._gain(found, self.best.value)))
        if is_best and found is not None:
            self.best = Best(found, epoch, step)
        if found is not None and self._improves(found):
            self.reference, self.misses = found, 0
        elif epoch > self.warmup:
            self.misses += 1
        return Verdict(is_best, self.is_exhausted)

    @property
    def is_exhausted(self) -> bool:
        """Whether the patience has run out."""
        return self.patience is not None and self.misses >= self.patience

    def _beats(self, gain: float) -> bool:
        return gain > 0 or (gain == 0 and self.ties == "last")

    def _gain(self, value: float, over: float) -> float:
        return value - over if self.mode == "max" else over - value

    def _improves(self, value: float) -> bool:
        if self.reference is None:
            return True
        gain = self._gain(value, self.reference)
        return gain > 0 and gain >= self.min_delta

    def state(self) -> dict[str, Any]:
        """Everything that was learned, as a plain tree."""
        best = None if self.best is None else {"value": self.best.value, "epoch": self.best.epoch, "step": self.best.step}
        return {"best": best, "reference": self.reference, "misses": self.misses}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take back what `state` gave. Raises `LookupError`, `TypeError` or `ValueError` where it is something else."""
        best = state["best"]
        self.best = None if best is None else Best(float(best["value"]), int(best["epoch"]), int(best["step"]))
        reference = state["reference"]
        self.reference, self.misses = None if reference is None else float(reference), int(state["misses"])


@dataclass(slots=True)
class BestStates:
    """Knows the best few evaluations, the best first. The first of them is that of `EarlyStopping`, whose `mode` and `ties` it has."""

    mode: Literal["min", "max"]
    count: int
    """How many."""
    ties: Literal["first", "last"] = "first"
    found: list[Best] = field(default_factory=list[Best])

    @property
    def steps(self) -> tuple[int, ...]:
        """Their steps."""
        return tuple(each.step for each in self.found)

    def update(self, value: float | None, epoch: int, step: int) -> None:
        """Take an evaluation into account; one that is undefined, NaN or infinite is none of the best."""
        if value is None or not math.isfinite(value):
            return
        better, later = (-1 if self.mode == "max" else 1), (1 if self.ties == "first" else -1)
        ranked = sorted([*self.found, Best(value, epoch, step)], key=lambda each: (better * each.value, later * each.step))
        self.found = ranked[: self.count]

    def state(self) -> list[dict[str, Any]]:
        """Everything that was learned, as a plain tree."""
        return [{"value": each.value, "epoch": each.epoch, "step": each.step} for each in self.found]

    def restore(self, state: Sequence[Mapping[str, Any]]) -> None:
        """Take back what `state` gave. Raises `LookupError`, `TypeError` or `ValueError` where it is something else."""
        self.found = [Best(float(each["value"]), int(each["epoch"]), int(each["step"])) for each in state]


@dataclass(slots=True)
class Converge:
    """Says when a metric stands still: over `patience` evaluations it moved by no more than `tolerance`."""

    tolerance: float
    patience: int
    window: list[float] = field(default_factory=list[float])
    """The last `patience + 1` values."""

    def update(self, value: float | None) -> bool:
        """Take an evaluation into account; returns whether the metric stands still. An undefined value starts anew."""
        if value is None or not math.isfinite(value):
            self.window = []
            return False
        self.window = [*self.window, value][-(self.patience + 1) :]
        return len(self.window) > self.patience and max(self.window) - min(self.window) <= self.tolerance

    def state(self) -> dict[str, Any]:
        """Everything that was learned, as a plain tree."""
        return {"window": list(self.window)}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take back what `state` gave. Raises `LookupError`, `TypeError` or `ValueError` where it is something else."""
        self.window = [float(value) for value in state["window"]]


@dataclass(slots=True)
class PlateauRule:
    """Counts how often the rate falls because a metric gets no better (torch's ReduceLROnPlateau).

    A value that is undefined, NaN or infinite is no improvement.
    """

    monitor: str
    mode: Literal["min", "max"]
    patience: int
    """Evaluations without an improvement that are let pass."""
    threshold: float
    relative: bool
    """Whether the threshold is a share of the best value."""
    cooldown: int
    """Evaluations after a fall that don't count."""
    best: float | None = None
    misses: int = 0
    """Evaluations without an improvement, since the last one or the last fall."""
    rest: int = 0
    """What is left of the cooldown."""
    falls: int = 0
    """How often the rate has fallen."""

    def update(self, value: float | None) -> None:
        """Take an evaluation into account."""
        if value is not None and math.isfinite(value) and self._improves(value):
            self.best, self.misses = value, 0
        else:
            self.misses += 1
        if self.rest > 0:
            self.rest, self.misses = self.rest - 1, 0
        if self.misses > self.patience:
            self.falls, self.rest, self.misses = self.falls + 1, self.cooldown, 0

    def _improves(self, value: float) -> bool:
        if self.best is None:
            return True
        sign = 1 if self.mode == "max" else -1
        # torch multiplies the best value itself, so that below 0, as log-densities are, standing still would count as an improvement
        bar = self.best + sign * self.threshold * (abs(self.best) if self.relative else 1.0)
        return sign * value > sign * bar

    def state(self) -> dict[str, Any]:
        """Everything that was learned, as a plain tree."""
        return {"best": self.best, "misses": self.misses, "rest": self.rest, "falls": self.falls}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take back what `state` gave. Raises `LookupError`, `TypeError` or `ValueError` where it is something else."""
        best = state["best"]
        self.best = None if best is None else float(best)
        self.misses, self.rest, self.falls = (int(state[name]) for name in ("misses", "rest", "falls"))
