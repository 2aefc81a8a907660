"""How the values of columns are spread, in a few words and a small drawing each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
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
_LONG: Final = 24
"""Letters of a value that are named."""


@dataclass(frozen=True, slots=True)
class Spread:
    """A column in a few words."""

    words: str
    drawing: Drawing | None


def of_numbers(name: str, values: Array) -> Spread:
    """Numbers `[N]`, NaN where missing."""
    known = values[np.isfinite(values)]
    if not len(known):
        return Spread("no value", None)
    low, middle, high = (float(value) for value in np.quantile(known, [0, 0.5, 1]))
    if low == high:
        return Spread(f"always {short_number(low)}", None)
    counts, edges = np.histogram(known, bins=BINS)
    words = f"{short_number(low)} to {short_number(high)}, half up to {short_number(middle)}"
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
