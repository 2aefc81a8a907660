"""Which of some names was probably meant: the search behind every `nearest:` and `fix:`. Standard library only."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Final

MOST: Final = 3
"""Names that are told at most."""


def nearest(word: str, names: Iterable[str], *, cutoff: float = 0.6, within: float = 0.1) -> list[str]:
    """Names that look like a word, in whatever case, the most alike first.

    Args:
        word: As it was written.
        names: What it can have meant; of names that differ by their case alone the first counts.
        cutoff: Smallest likeness, 0 to 1 (difflib's ratio).
        within: Names whose likeness is less than that of the best by this much are left out.
    """
    known: dict[str, str] = {}
    for name in names:
        known.setdefault(name.lower(), name)
    found = difflib.get_close_matches(word.lower(), known, n=MOST, cutoff=cutoff)
    likeness = [difflib.SequenceMatcher(None, word.lower(), name).ratio() for name in found]
    return [known[name] for name, ratio in zip(found, likeness, strict=True) if ratio > likeness[0] - within]
