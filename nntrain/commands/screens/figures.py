"""Numbers as people read them: four digits, one unit, and small drawings made of characters."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

LEVELS: Final = "▁▂▃▄▅▆▇█"
UNITS: Final = ("B", "kB", "MB", "GB", "TB", "PB")


def format_number(value: float | None) -> str:
    """Four significant digits: `0.9812`, `371.0`, `12,346`, `3.000e-05`; `-` where a metric is undefined."""
    if value is None:
        return "-"
    if value == 0:
        return "0"
    if not math.isfinite(value):
        return str(value)
    size = abs(value)
    if size < 1e-4 or size >= 1e7:
        return f"{value:.3e}"
    return f"{value:,.0f}" if size >= 999.95 else f"{value:#.4g}"


def format_signed(value: float) -> str:
    """The same with its sign: `+0.0302`, `-96,900`."""
    return f"+{format_number(value)}" if value > 0 else format_number(value)


def format_spread(value: float, digits: int) -> str:
    """How far figures lie apart, with so many significant digits: `0.0021`, `3e-05`, `2,100`; above 10 without an exponent."""
    text = f"{value:.{digits}g}"
    return f"{float(text):,.0f}" if math.isfinite(value) and abs(float(text)) >= 10 else text


def format_seconds(seconds: float) -> str:
    """A duration: `0.4 s`, `41 s`, `2 min 05 s`, `3 h 07 min`, `2 d 04 h`; `-` where it is not finite."""
    if not math.isfinite(seconds):
        return "-"
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    for length, unit, part, smaller in ((86_400, "d", 3_600, "h"), (3_600, "h", 60, "min"), (60, "min", 1, "s")):
        if whole >= length:
            return f"{whole // length} {unit} {whole % length // part:02d} {smaller}"
    return f"{whole} s"


def format_clock(seconds: float) -> str:
    """A duration as clocks show it: `0:38`, `1:02:03`; `-` where it is not finite."""
    if not math.isfinite(seconds):
        return "-"
    minutes, rest = divmod(max(0, round(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def format_bytes(size: int) -> str:
    """A size on disk or in memory, in steps of 1000: `812 B`, `593 kB`, `1.4 MB`, `21 GB`."""
    value, unit = float(size), 0
    while value >= 999.5 and unit < len(UNITS) - 1:
        value, unit = value / 1000, unit + 1
    digits = 1 if unit and value < 9.95 else 0
    return f"{value:.{digits}f} {UNITS[unit]}"


def sparkline(values: Sequence[float | None], width: int) -> str:
    """A curve in one line of at most `width` characters; of a longer one the last value of each stretch is drawn, and a gap is a blank."""
    count = min(width, len(values))
    drawn = [values[(index + 1) * len(values) // count - 1] for index in range(count)]
    finite = [value for value in drawn if value is not None and math.isfinite(value)]
    if not finite:
        return ""
    low, span = min(finite), max(finite) - min(finite)
    return "".join(_level(value, low, span) for value in drawn)


def _level(value: float | None, low: float, span: float) -> str:
    if value is None or not math.isfinite(value):
        return " "
    return LEVELS[round((value - low) / span * (len(LEVELS) - 1))] if span > 0 else LEVELS[3]


def bar(fraction: float, width: int) -> str:
    """A bar of `width` characters, filled to a fraction in [0, 1] in steps of half a character."""
    halves = int(2 * width * min(max(fraction, 0.0), 1.0))
    return ("━" * (halves // 2) + "╸" * (halves % 2)).ljust(width)


def ago(seconds: float) -> str:
    """A duration in one word and number: `2 hours ago`."""
    for unit, length in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if seconds >= length:
            count = int(seconds // length)
            return f"{count} {unit}{'s' if count > 1 else ''} ago"
    return "just now"
