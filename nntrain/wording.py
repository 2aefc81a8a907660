"""Words of messages whose form depends on what they are said of: articles and plurals. Plain Python."""

from __future__ import annotations

from typing import Final

PLURALS: Final = frozenset({"boxes", "notes", "tags"})
"""Names of types that are plurals."""
SPELLED: Final = frozenset({"lstm", "mfcc", "mlp", "rnn"})
"""Names that are read letter by letter, and begin with a vowel then."""


def with_article(noun: str) -> str:
    """`a layer`, `an optimizer`, `an lstm`, `tags`."""
    if noun in PLURALS:
        return noun
    return f"{'an' if noun[:1] in 'aeiou' or noun in SPELLED else 'a'} {noun}"


def short_number(value: float) -> str:
    """Three digits, and all of those before the point: `0.00123`, `12.3`, `29,412`."""
    return f"{value:,.0f}" if 1000 <= abs(value) < 1e9 else f"{value:.3g}"


def number_of(count: int, noun: str) -> str:
    """`1 value`, `2,400 values`: of a noun whose plural ends in s."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def percent(share: float, digits: int = 0) -> str:
    """A share as people read it: `18 %`, `0.5 %`."""
    return f"{100 * share:.{digits}f} %"
