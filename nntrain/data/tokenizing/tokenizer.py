"""The base of all tokenizers. Torch-free."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Final, Protocol, Self

from nntrain.schema import Component

if TYPE_CHECKING:
    from pathlib import Path

    from nntrain.data.tokenizing.vocabulary import Limits

PADDING: Final = 0
"""Index of what stands behind the end of a shorter text."""
UNKNOWN: Final = 1
"""Index of a token that training never showed."""
SPECIAL: Final = 2
"""Indices before that of the first token."""

Offsets = tuple[int, int]
"""Where a token begins and ends in its text, in characters."""


class Cutter(Protocol):
    """A tokenizer that has its vocabulary. Texts are normalised already."""

    @property
    def size(self) -> int:
        """Number of indices, padding and unknown included."""
        ...

    @property
    def closing(self) -> int:
        """Tokens at the end of each text that stay where it is cut."""
        ...

    def indices(self, texts: Iterable[str]) -> list[list[int]]:
        """The indices of the tokens of each text."""
        ...

    def tokens(self, text: str) -> tuple[list[str], list[Offsets]]:
        """The tokens of a text as they are shown to people, and where each stands in it."""
        ...

    def decode(self, indices: Iterable[int]) -> str:
        """A text of some indices; padding is nothing, an unknown token `�`."""
        ...


class Tokenizer(Component):
    """How a text is cut into tokens."""

    kinds: ClassVar[frozenset[str]] = frozenset({"tokenizer"})
    extra: ClassVar[str | None] = None
    """Library that is installed by the extra `text`, where it needs one."""
    learns_words: ClassVar[bool] = True
    """Whether it keeps a list of the tokens that the training rows show, which `max_vocab` and `min_count` shorten."""

    @property
    def known_size(self) -> int | None:
        """Number of indices, where it doesn't hang on the training rows."""
        return None

    @property
    def limit(self) -> int | None:
        """Most tokens of a text, where there is a limit."""
        return None

    @property
    def is_absent(self) -> bool:
        """Whether a file that it is made of is not there."""
        return False

    def located(self, folder: Path) -> Self:
        """The tokenizer that knows the folder of the config, from which its files are counted. Raises `CheckpointError`."""
        return self

    def fit(self, texts: Iterable[str], limits: Limits) -> Mapping[str, Any]:
        """Learn a vocabulary; gives plain values from which `cutter` makes the same again.

        Raises:
            DataError: The texts have no token, or a library is missing.
        """
        raise NotImplementedError

    def cut(self, text: str) -> list[str]:
        """The tokens of a text, of tokenizers that keep a list of them."""
        raise NotImplementedError

    @property
    def needs_all_texts(self) -> bool:
        """Whether what it learns can't be counted text by text."""
        return False

    def cutter(self, learned: Mapping[str, Any]) -> Cutter:
        """The tokenizer with its vocabulary. Raises `DataError` where a library is missing."""
        raise NotImplementedError
