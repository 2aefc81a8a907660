"""Metrics that a run must reach: `--min accuracy=0.9`, `--max rmse=2`. Torch-free."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from nntrain.commands.screens.figures import format_number
from nntrain.errors import UsageError
from nntrain.nearest import nearest


def named_number(option: str, text: str, example: str = "accuracy=0.9") -> tuple[str, float]:
    """Read `accuracy=0.9`: a name, and a finite number.

    Args:
        option: The option that takes it, for messages.
        text: As it was given.
        example: One that is right.

    Raises:
        UsageError: It is no name and number.
    """
    name, equals, number = (part.strip() for part in text.rpartition("="))
    default, _, right = example.rpartition("=")
    hint = f"Example: {option} {name or default}={right}"
    if not (name and equals and number):
        raise UsageError(f"{option} needs metric=value, got {text!r}. {hint}")
    try:
        value = float(number)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise UsageError(f"{option} {name}: {number!r} is no number. {hint}")
    return name, value


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
        return cls(flag, *named_number(flag, text))

    def miss(self, found: float | None) -> str | None:
        """How a value misses the bar, as a sentence; `None` where it doesn't. An undefined value misses every bar."""
        if found is None or math.isnan(found):
            return f"{self.metric} is undefined on these rows; {self.flag} asks for {self.value:g}"
        if self.flag == "--min":
            return f"{self.metric} {_shown(found, self.value)} is below {self.flag} {self.value:g}" if found < self.value else None
        return f"{self.metric} {_shown(found, self.value)} is above {self.flag} {self.value:g}" if found > self.value else None

    def miss_surely(self, found: float | None, interval: tuple[float, float] | None, level: float) -> str | None:
        """How the unfavourable end of an interval misses the bar; `None` where it doesn't. No interval misses every bar."""
        if found is None or interval is None:
            return self.miss(None)
        end = interval[0] if self.flag == "--min" else interval[1]
        if (end >= self.value) if self.flag == "--min" else (end <= self.value):
            return None
        where, side = ("begins", "below") if self.flag == "--min" else ("ends", "above")
        span = f"its {100 * level:.4g} % interval {where} at {_shown(end, self.value)}"
        return f"{self.metric} {_shown(found, self.value)}: {span}, {side} {self.flag} {self.value:g}"


@dataclass(frozen=True, slots=True)
class Bars:
    """All requirements of one command."""

    bars: tuple[Bar, ...] = ()
    sure: bool = False
    """Whether the unfavourable end of a metric's interval must reach them too."""

    @classmethod
    def of(cls, minimum: Sequence[str], maximum: Sequence[str], *, sure: bool = False) -> Bars:
        """Read the values of `--min` and of `--max`, and `--sure`.

        Raises:
            UsageError: One is no metric and number, or there is none to be sure of.
        """
        if sure and not (minimum or maximum):
            raise UsageError("--sure has no effect without --min or --max", "--min accuracy=0.9 --sure")
        return cls((*(Bar.of("--min", text) for text in minimum), *(Bar.of("--max", text) for text in maximum)), sure)

    def missed(self, metrics: Mapping[str, float | None]) -> list[str]:
        """A sentence for each requirement that is missed.

        Args:
            metrics: What was measured, by name, with or without the split.

        Raises:
            UsageError: A requirement names no metric, or one of several splits without saying which.
        """
        found = ((bar, metrics[_named(bar, metrics)]) for bar in self.bars)
        return [miss for bar, value in found if (miss := bar.miss(value)) is not None]

    def surely_missed(
        self, metrics: Mapping[str, float | None], intervals: Mapping[str, tuple[float, float] | None], level: float | None
    ) -> list[str]:
        """A sentence for each requirement that the unfavourable end of the metric's interval misses.

        Args:
            metrics: What was measured, by name, with or without the split.
            intervals: Lower and upper end by the same names; the loss has none.
            level: Share of the draws inside them, for the sentences.

        Raises:
            UsageError: A requirement names no metric, one of several splits without saying which, or one without an interval.
        """
        told: list[str] = []
        for bar in self.bars:
            name = _named(bar, metrics)
            if name not in intervals:
                raise UsageError(f"--sure: {name} has no interval. Those that have one: {', '.join(intervals) or 'none'}")
            miss = bar.miss_surely(metrics[name], intervals[name], 0.95 if level is None else level)
            told += [] if miss is None else [miss]
        return told


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
