"""A metric over the members of a run."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import fmean, stdev


@dataclass(frozen=True, slots=True)
class Spread:
    """A metric over the members."""

    values: tuple[float | None, ...]

    @property
    def mean(self) -> float | None:
        """Mean of the members where it is defined; `None` where it is in none."""
        known = [value for value in self.values if value is not None]
        return fmean(known) if known else None

    @property
    def sd(self) -> float | None:
        """Standard deviation between members (n - 1); `None` for fewer than two."""
        known = [value for value in self.values if value is not None]
        return stdev(known) if len(known) > 1 else None
