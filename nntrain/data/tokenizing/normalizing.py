"""Texts before they are cut: parts replaced, small letters, letters without accents; and the way back to where each character stood."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping

from nntrain.data.tokenizing.tokenizer import Offsets

Spans = list[Offsets]
"""Of each character of a changed text, where it comes from in the text as it is written."""


class Normalizer:
    """Changes texts, always in this order: replacements, small letters, accents."""

    def __init__(self, replace: Mapping[str, str], *, lowercase: bool, strip_accents: bool) -> None:
        """Compile the patterns of `replace`, which the settings have checked."""
        self.replace = [(re.compile(pattern), text) for pattern, text in replace.items()]
        self.lowercase = lowercase
        self.plain = _WithoutAccents() if strip_accents else None

    def __call__(self, text: str) -> str:
        """The changed text."""
        for pattern, replacement in self.replace:
            text = pattern.sub(replacement, text)
        if self.lowercase:
            text = text.lower()
        return text if self.plain is None else text.translate(self.plain)

    def spans(self, text: str) -> Spans:
        """Where the characters of the changed text come from; those of a replacement all come from what it stands for."""
        spans: Spans = [(place, place + 1) for place in range(len(text))]
        for pattern, replacement in self.replace:
            text, spans = _replaced(text, spans, pattern, replacement)
        if self.lowercase:
            spans = _spread(spans, [len(char.lower()) for char in text])
            text = text.lower()
        if self.plain is not None:
            spans = _spread(spans, [len(char.translate(self.plain)) for char in text])
        return spans


def _replaced(text: str, spans: Spans, pattern: re.Pattern[str], replacement: str) -> tuple[str, Spans]:
    parts: list[str] = []
    found: Spans = []
    end = 0
    for match in pattern.finditer(text):
        new = match.expand(replacement)
        own = spans[match.start() : match.end()]
        near = own or spans[match.start() : match.start() + 1] or spans[-1:] or [(0, 0)]  # of an empty match: where it stands
        parts += [text[end : match.start()], new]
        found += [*spans[end : match.start()], *[(near[0][0], near[-1][1] if own else near[0][0])] * len(new)]
        end = match.end()
    return "".join([*parts, text[end:]]), [*found, *spans[end:]]


def _spread(spans: Spans, counts: list[int]) -> Spans:
    """Each span as often as its character has become characters."""
    return [span for span, count in zip(spans, counts, strict=True) for _ in range(count)]


class _WithoutAccents(dict[int, str]):
    """For `str.translate`: a letter with accents is the letter, an accent by itself nothing; filled as characters come."""

    def __missing__(self, code: int) -> str:
        char = chr(code)
        kept = "".join(part for part in unicodedata.normalize("NFD", char) if unicodedata.category(part) != "Mn")
        is_plain = len(kept) == len(unicodedata.normalize("NFD", char))
        self[code] = char if is_plain else kept  # syllables of Hangul come apart, and lose nothing
        return self[code]
