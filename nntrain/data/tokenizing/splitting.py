"""Tokenizers that need no library: words, characters, bytes, what stands between blanks."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Final, Literal

from nntrain.data.tokenizing.tokenizer import SPECIAL, Cutter, Offsets, Tokenizer
from nntrain.data.tokenizing.vocabulary import UNKNOWN_TEXT, Limits, Listed, learn

_WORDS: Final = re.compile(r"\w+(?:['’]\w+)*|[^\w\s]")
_BETWEEN_BLANKS: Final = re.compile(r"\S+")


class Word(Tokenizer):
    """Words (letters and digits in a row, with apostrophes inside: `don't`), and each other sign by itself; blanks only part them."""

    type: Literal["word"] = "word"

    def fit(self, texts: Iterable[str], limits: Limits) -> Mapping[str, Any]:
        """The words of the texts."""
        return {"tokens": learn(texts, _WORDS.findall, limits)}

    def cut(self, text: str) -> list[str]:
        """Its words."""
        return _WORDS.findall(text)

    def cutter(self, learned: Mapping[str, Any]) -> Cutter:
        """Looks words up."""
        return _listed(learned, _WORDS)


class Space(Tokenizer):
    """What stands between blanks, for texts that are cut into tokens already."""

    type: Literal["space"] = "space"

    def fit(self, texts: Iterable[str], limits: Limits) -> Mapping[str, Any]:
        """The tokens of the texts."""
        return {"tokens": learn(texts, _BETWEEN_BLANKS.findall, limits)}

    def cut(self, text: str) -> list[str]:
        """What stands between blanks."""
        return _BETWEEN_BLANKS.findall(text)

    def cutter(self, learned: Mapping[str, Any]) -> Cutter:
        """Looks tokens up."""
        return _listed(learned, _BETWEEN_BLANKS)


class Char(Tokenizer):
    """Each character of the text, blanks included."""

    type: Literal["char"] = "char"

    def fit(self, texts: Iterable[str], limits: Limits) -> Mapping[str, Any]:
        """The characters of the texts."""
        return {"tokens": learn(texts, list, limits)}

    def cut(self, text: str) -> list[str]:
        """Its characters."""
        return list(text)

    def cutter(self, learned: Mapping[str, Any]) -> Cutter:
        """Looks characters up."""
        return Listed(tuple(learned["tokens"]), list, lambda text: [(place, place + 1) for place in range(len(text))], "")


class Byte(Tokenizer):
    """Each byte of the text in UTF-8: 256 tokens whatever the language, so that none is unknown."""

    learns_words: ClassVar[bool] = False

    type: Literal["byte"] = "byte"

    @property
    def known_size(self) -> int:
        """256, and padding and unknown."""
        return 256 + SPECIAL

    def fit(self, texts: Iterable[str], limits: Limits) -> Mapping[str, Any]:
        """Nothing."""
        return {}

    def cutter(self, learned: Mapping[str, Any]) -> Cutter:
        """Counts bytes."""
        return _Bytes()


class _Bytes:
    """Byte b has the index b + 2."""

    size: int = 256 + SPECIAL
    closing: int = 0

    def indices(self, texts: Iterable[str]) -> list[list[int]]:
        return [[byte + SPECIAL for byte in _utf8(text)] for text in texts]

    def tokens(self, text: str) -> tuple[list[str], list[Offsets]]:
        places = [(place, place + 1) for place, char in enumerate(text) for _ in _utf8(char)]
        return [chr(byte) if 32 <= byte < 127 else f"<{byte:02X}>" for byte in _utf8(text)], places

    def decode(self, indices: Iterable[int]) -> str:
        found = b"".join(bytes([place - SPECIAL]) if place >= SPECIAL else UNKNOWN_TEXT.encode() for place in indices if place)
        return found.decode(errors="replace")


def _utf8(text: str) -> bytes:
    return text.encode(errors="replace")  # half a pair of surrogates has no bytes


def _listed(learned: Mapping[str, Any], pattern: re.Pattern[str]) -> Listed:
    return Listed(tuple(learned["tokens"]), pattern.findall, lambda text: [match.span() for match in pattern.finditer(text)], " ")
