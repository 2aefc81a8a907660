"""Which of some names was probably meant: the search behind every `nearest:` and `fix:`. Standard library only."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from functools import lru_cache
from itertools import takewhile
from typing import Final

MOST: Final = 3
"""Names that are told at most."""


def nearest(word: str, names: Iterable[str], *, cutoff: float = 0.6, within: float = 0.1) -> list[str]:
    """Names that look like a word, in whatever case, the most alike first; of those as much alike, what starts the same.

    Args:
        word: As it was written.
        names: What it can have meant; of names that differ by their case alone the first counts.
        cutoff: Smallest likeness, 0 to 1 (difflib's ratio).
        within: Names whose likeness is less than that of the best by this much are left out.
    """
    return list(_nearest(word, tuple(names), cutoff, within))


@lru_cache(maxsize=1000)  # the same typing error may stand in every line
def _nearest(word: str, names: tuple[str, ...], cutoff: float, within: float) -> tuple[str, ...]:
    known: dict[str, str] = {}
    for name in names:
        known.setdefault(name.lower(), name)
    folded = word.lower()
    near = difflib.get_close_matches(folded, known, n=len(known) or 1, cutoff=cutoff)
    likeness = {name: difflib.SequenceMatcher(None, folded, name).ratio() for name in near}
    # Of names that are as much alike, a word more often starts right: `adamm` is adamw rather than radam.
    near.sort(key=lambda name: (-likeness[name], -_same_start(folded, name)))
    return tuple(known[name] for name in near[:MOST] if likeness[name] > likeness[near[0]] - within)


def _same_start(one: str, other: str) -> int:
    """Letters at the start that two words have in common."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))
