"""Metrics that a run must reach: `--min accuracy=0.9`, `--max rmse=2`. Torch-free."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from nntrain.commands.figures import format_number
from nntrain.errors import UsageError
from nntrain.nearest import nearest


@dataclass(frozen=True, slots=True)
class Bar:
    """One requirement."""

    flag: Literal["--min", "--max"]
    metric: str
    """With or without its split: `accuracy`, `test.accuracy`."""
    value: float

    @classmethod
    def of(cls, flag: Literal["--min", "--max"], text: str) -> Bar:
        """Read `accuracy=0.9`.

        Raises:
            UsageError: It is no metric and number.
        """
        metric, equals, number = (part.strip() for part in text.partition("="))
        if not (metric and equals and number):
            raise UsageError(f"{flag} needs metric=value, got {text!r}. Example: {flag} {metric or 'accuracy'}=0.9")
        try:
            value = float(number)
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise UsageError(f"{flag} {metric}: {number!r} is no number. Example: {flag} {metric}=0.9")
        return cls(flag, metric, value)

    def miss(self, found: float | None) -> str | None:
        """How a value misses the bar, as a sentence; `None` where it doesn't. An undefined value misses every bar."""
        if found is None or math.isnan(found):
            return f"{self.metric} is undefined on these rows; {self.flag} asks for {self.value:g}"
        if self.flag == "--min":
            return f"{self.metric} {_shown(found, self.value)} is below {self.flag} {self.value:g}" if found < self.value else None
        return f"{self.metric} {_shown(found, self.value)} is above {self.flag} {self.value:g}" if found > self.value else None


@dataclass(frozen=True, slots=True)
class Bars:
    """All requirements of one command."""

    bars: tuple[Bar, ...] = ()

    @classmethod
    def of(cls, minimum: Sequence[str], maximum: Sequence[str]) -> Bars:
        """Read the values of `--min` and of `--max`.

        Raises:
            UsageError: One is no metric and number.
        """
        return cls((*(Bar.of("--min", text) for text in minimum), *(Bar.of("--max", text) for text in maximum)))

    def missed(self, metrics: Mapping[str, float | None]) -> list[str]:
        """A sentence for each requirement that is missed.

        Args:
            metrics: What was measured, by name, with or without the split.

        Raises:
            UsageError: A requirement names no metric, or one of several splits without saying which.
        """
        found = ((bar, metrics[_named(bar, metrics)]) for bar in self.bars)
        return [miss for bar, value in found if (miss := bar.miss(value)) is not None]


def _named(bar: Bar, metrics: Mapping[str, float | None]) -> str:
    """Name of the metric that a bar means: its full name, or the part behind the split."""
    if bar.metric in metrics:
        return bar.metric
    matches = [name for name in metrics if name.partition(".")[2] == bar.metric]
    if len(matches) == 1:
        return matches[0]
    if matches:
        raise UsageError(f"{bar.flag} {bar.metric}: which of {', '.join(matches)}?", f"fix:  {bar.flag} {matches[0]}={bar.value:g}")
    near = nearest(bar.metric, metrics, cutoff=0.5)
    hint = f"fix:  {bar.flag} {near[0]}={bar.value:g}" if near else None
    raise UsageError(f"{bar.flag}: no metric {bar.metric!r}. This run reports {', '.join(metrics) or 'none'}.", hint)


def _shown(value: float, bar: float) -> str:
    """Four digits, or all of them where a value would look like the bar that it misses."""
    short = format_number(value)
    return short if short != format_number(bar) else repr(value)
