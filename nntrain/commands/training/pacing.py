"""How often a run may save without slowing down: saving takes a set share of its time."""

from __future__ import annotations

import time
from collections.abc import Generator
from contextlib import contextmanager


class Pace:
    """Knows what the last save has cost, and when the next may come."""

    def __init__(self, time_fraction: float | None) -> None:
        """Begin with a save that may come at once.

        Args:
            time_fraction: Largest share of the time that saving may take; `None` for any.
        """
        self._time_fraction = time_fraction
        self._cost_s = 0.0
        self.saved_at = time.monotonic()

    @property
    def seconds(self) -> float:
        """Since the last save."""
        return time.monotonic() - self.saved_at

    def allows(self) -> bool:
        """Whether a save that need not come now may come now."""
        return self._time_fraction is None or self._cost_s <= self._time_fraction * (self.seconds + self._cost_s)

    @contextmanager
    def measured(self) -> Generator[None]:
        """Context of a save."""
        started = time.monotonic()
        yield
        self.saved_at = time.monotonic()
        self._cost_s = self.saved_at - started
