"""How the values of columns are spread, in a few words and a small drawing each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, cast

import numpy as np

from nntrain.tasks.drawings import Bars, Drawing, Histogram
from nntrain.wording import short_number

if TYPE_CHECKING:
    from nntrain.data.fields.field import Array

BINS: Final = 20
MOST_BARS: Final = 20
"""Values that have a bar each."""
SHOWN: Final = 3
"""Values that are named."""
MINUTES_DAYS: Final = 3
"""Days up to which times are told to the minute."""
_LONG: Final = 24
"""Letters of a value that are named."""


@dataclass(frozen=True, slots=True)
class Spread:
    """A column in a few words."""

    words: str
    drawing: Drawing | None


def of_numbers(name: str, values: Array) -> Spread:
    """Numbers `[N]`, NaN where missing."""
    return _spread_of(name, values, lambda ends: [short_number(end) for end in ends])


def of_dates(name: str, seconds: Array) -> Spread:
    """Times `[N]` in seconds since 1970, NaN where missing: to the day, within some days to the minute."""

    def written(ends: list[float]) -> list[str]:
        unit = "D" if ends[-1] - ends[0] > MINUTES_DAYS * 86_400 else "m"
        return [str(np.datetime64(int(end), "s").astype(f"datetime64[{unit}]")).replace("T", " ") for end in ends]

    return _spread_of(name, seconds, written)


def _spread_of(name: str, values: Array, written: Callable[[list[float]], list[str]]) -> Spread:
    known = values[np.isfinite(values)]
    if not len(known):
        return Spread("no value", None)
    ends = cast("list[float]", np.quantile(known, [0, 0.5, 1]).tolist())
    low, middle, high = written(ends)
    if ends[0] == ends[-1]:
        return Spread(f"always {low}", None)
    counts, edges = np.histogram(known, bins=BINS)
    words = f"{low} to {high}, half up to {middle}"
    told = (tuple(cast("list[float]", edges.tolist())), tuple(cast("list[int]", counts.tolist())))
    return Spread(words, Histogram(f"Values of {name}", words, *told, is_small=True))


def of_texts(name: str, values: Sequence[str | None]) -> Spread:
    """Cells of text, `None` where missing: the commonest, where values come again, else how many words they have."""
    known = [value for value in values if value is not None]
    counts = Counter(known)
    if not counts:
        return Spread("no value", None)
    if len(counts) > MOST_BARS and len(counts) > len(known) / 2:
        lengths = np.array([len(value.split()) for value in known], dtype=np.float64)
        spread = of_numbers(f"words of {name}", lengths)
        words = f"; {lengths.mean():.3g} words on average" if lengths.max() > 1 else ""
        return Spread(f"{len(counts):,} different{words}", spread.drawing)
    common = counts.most_common(MOST_BARS)
    named = ", ".join(f"{_cut(value)} {100 * count / len(known):.3g} %" for value, count in common[:SHOWN])
    words = f"{len(counts):,} value{'s' if len(counts) > 1 else ''}: {named}{' …' if len(counts) > SHOWN else ''}"
    bars = Bars(f"Values of {name}", words, tuple(value for value, _ in common), tuple(float(count) for _, count in common), is_small=True)
    return Spread(words, bars)


def _cut(text: str) -> str:
    return text if len(text) <= _LONG else f"{text[: _LONG - 1]}…"
