"""The text of tokens that come one after another, as far as it is certain."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

OPEN: Final = "\N{REPLACEMENT CHARACTER}"
"""What a character is read as while bytes of it are still to come."""


class TextStream:
    """Tells what each token adds to a text. The costs of a token don't grow with the text before it."""

    def __init__(self, decode: Callable[[Sequence[int]], str]) -> None:
        """Begin with no text; `decode` makes texts of tokens, whose text doesn't hang on tokens more than one before."""
        self._decode = decode
        self._tokens: list[int] = []
        """The last token of what was told, for what stands between it and the next one; then those whose text is open."""
        self._told = ""
        """The text of the first of these."""

    def add(self, tokens: Sequence[int]) -> str:
        """What is certain now of the text and was not before; none of a character of which bytes are still to come."""
        self._tokens += tokens
        text = self._decode(self._tokens)
        return "" if text.endswith(OPEN) else self._tell(text)

    def end(self) -> str:
        """What is left: characters of which bytes never came."""
        return self._tell(self._decode(self._tokens))

    def _tell(self, text: str) -> str:
        new = text[len(self._told) :]
        if new:
            self._tokens = self._tokens[-1:]
            self._told = self._decode(self._tokens)
        return new
