"""Lists of tokens: counted in the training rows, the commonest first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from nntrain.data.tokenizing.tokenizer import SPECIAL, UNKNOWN, Offsets
from nntrain.errors import DataError

UNKNOWN_TEXT = "\N{REPLACEMENT CHARACTER}"
"""What is shown for an unknown token."""

Cut = Callable[[str], list[str]]
"""A text to its tokens."""
Places = Callable[[str], list[Offsets]]
"""A text to where its tokens stand."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Which tokens of the training rows are kept."""

    max_vocab: int | None = None
    """The commonest so many; `None` for all."""
    min_count: int = 1
    """Those that occur so often."""


def learn(texts: Iterable[str], cut: Cut, limits: Limits) -> list[str]:
    """The tokens of some texts, the commonest first, those that occur equally often by alphabet. Raises `DataError` for none."""
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(cut(text))
    return commonest(counts, limits)


def commonest(counts: Mapping[str, int], limits: Limits) -> list[str]:
    """The tokens that are kept of those that were counted, as `learn` has them. Raises `DataError` for none."""
    ranked = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    kept = [token for token, count in ranked if count >= limits.min_count][: limits.max_vocab]
    if not kept:
        why = f"none of {len(ranked):,} tokens occurs {limits.min_count:,} times" if ranked else "the training rows have no text"
        raise DataError(f"no token is left: {why}", "a smaller min_count" if ranked else None)
    return kept


@dataclass(frozen=True, slots=True)
class Listed:
    """A tokenizer that looks tokens up in a list."""

    words: tuple[str, ...]
    cut: Cut
    places: Places
    joint: str
    """What stands between two tokens where they are joined to a text."""
    index: dict[str, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "index", {word: place for place, word in enumerate(self.words, SPECIAL)})

    @property
    def size(self) -> int:
        """Number of indices."""
        return len(self.words) + SPECIAL

    @property
    def closing(self) -> int:
        """None."""
        return 0

    def indices(self, texts: Iterable[str]) -> list[list[int]]:
        """By the list; 1 for a token that is not in it."""
        find = self.index.get
        return [[find(token, UNKNOWN) for token in self.cut(text)] for text in texts]

    def tokens(self, text: str) -> tuple[list[str], list[Offsets]]:
        """Known or not."""
        return self.cut(text), self.places(text)

    def decode(self, indices: Iterable[int]) -> str:
        """Tokens joined."""
        words = self.words
        return self.joint.join(words[place - SPECIAL] if place >= SPECIAL else UNKNOWN_TEXT for place in indices if place)
