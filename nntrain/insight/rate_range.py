"""The learning-rate range test (Smith 2015, arXiv:1506.01186): which rates a network learns with, told by one short sweep. Torch-free.

The rate grows from step to step by the same factor. Too small a rate leaves the loss where it is, a good one lets it fall, too large a
one lets it rise again. What is suggested is a tenth of the rate at which the smoothed loss is the lowest: that one is reached after the
weights have been moved by all rates below it, and is too large for a run that begins with it.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

DECADES: Final = 3
"""Powers of ten that are tried on each side of the configured rate."""
REACH: Final = 3
"""Steps on each side that a smoothed loss is the mean of, the nearer the more."""
FADES: Final = 0.9
"""Of the running mean that says when to stop, the share that stays from step to step."""
BLOWN_UP: Final = 4.0
"""A sweep ends where its running mean lies so many falls above the lowest: nothing is learned with larger rates."""
NOTICED: Final = 0.1
"""Share of the whole fall at which the loss has begun to fall."""
PLATEAU: Final = 0.25
"""Share of the whole fall that the loss may have risen again where a rate still counts as good."""
MARGIN: Final = 10
LEAST_FALL: Final = 2.0
"""Of the noise from step to step, how often a fall must be as large to be one."""
LEAST_POINTS: Final = 10


@dataclass(frozen=True, slots=True)
class RateAdvice:
    """What a sweep says."""

    suggested: float | None
    """A rate to begin with; `None` where no fall stands out from the noise."""
    low: float
    """The good range begins here: ten steps of this rate move as much as one at which the loss began to fall, or a run as suggested."""
    high: float
    """Here it ends: at the rate at which the loss was the lowest, or at half of the one up to which it stayed low."""
    lowest_at: float
    """The rate at which the smoothed loss was the lowest."""
    is_open: bool
    """Whether the loss was still falling at the largest rate that was tried."""

    def holds(self, lr: float) -> bool:
        """Whether a rate lies in the good range."""
        return self.low <= lr <= self.high


def sweep_rates(lr: float, count: int, decades: int = DECADES) -> list[float]:
    """Rates from about `lr`, some powers of ten down to as many up, each larger than the one before by the same factor."""
    middle = math.floor(math.log10(lr) + 0.5)
    return [10 ** (middle - decades + 2 * decades * step / (count - 1)) for step in range(count)]


def smoothed(losses: Sequence[float]) -> list[float]:
    """Means over the neighbours of each step, the nearer the heavier; a centred mean shifts no minimum to later steps."""
    found: list[float] = []
    for place in range(len(losses)):
        near = range(max(0, place - REACH), min(len(losses), place + REACH + 1))
        weights = [REACH + 1 - abs(place - other) for other in near]
        found.append(sum(weight * losses[other] for weight, other in zip(weights, near, strict=True)) / sum(weights))
    return found


@dataclass(slots=True)
class Stop:
    """Says when a sweep has seen enough: the loss has gone up far beyond where it began."""

    _mean: float = 0.0
    _weight: float = 0.0
    _first: float | None = None
    _best: float = math.inf

    def is_over(self, loss: float | None) -> bool:
        """Look at the loss of one more step; `None` and NaN end it."""
        if loss is None or not math.isfinite(loss):
            return True
        self._mean = FADES * self._mean + (1 - FADES) * loss
        self._weight = FADES * self._weight + (1 - FADES)
        now = self._mean / self._weight
        self._first = now if self._first is None else self._first
        self._best = min(self._best, now)
        fall = max(self._first - self._best, 0.1 * abs(self._first))
        return now > self._best + BLOWN_UP * fall


def advise(rates: Sequence[float], losses: Sequence[float]) -> RateAdvice | None:
    """Read a sweep; `None` where it has too few steps.

    Args:
        rates: Of each step, growing.
        losses: Of each step, finite, before the weights were moved by it.
    """
    if len(losses) < LEAST_POINTS:
        return None
    curve = smoothed(losses)
    lowest = min(range(len(curve)), key=curve.__getitem__)
    start = statistics.median(curve[: max(1, len(curve) // 6)])
    fall = start - curve[lowest]
    noise = statistics.median(abs(after - before) for before, after in pairwise(losses))
    is_open = lowest >= len(curve) - 2
    began = next((place for place in range(lowest, -1, -1) if curve[place] > start - NOTICED * fall), 0)
    stays = next((place for place in range(lowest, len(curve)) if curve[place] > curve[lowest] + PLATEAU * fall), len(curve)) - 1
    low, high = min(rates[began], rates[lowest] / MARGIN) / MARGIN, max(rates[lowest], rates[stays] / 2)
    is_flat = fall <= LEAST_FALL * noise / math.sqrt(REACH + 1) or lowest - began < 2
    return RateAdvice(None if is_flat else _rounded(rates[lowest] / MARGIN), low, high, rates[lowest], is_open)


def _rounded(rate: float) -> float:
    """To 1, 2, 3 or 5 times a power of ten, the nearest by factor."""
    power = math.floor(math.log10(rate))
    near = [digit * 10.0**shift for shift in (power, power + 1) for digit in (1, 2, 3, 5)]
    return float(f"{min(near, key=lambda each: abs(math.log(each / rate))):.0e}")
