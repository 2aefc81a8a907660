"""Texts to indices and back: normalised, cut, looked up."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nntrain.data.fields.field import State, Unseen
from nntrain.data.tokenizing.normalizing import Normalizer
from nntrain.data.tokenizing.tokenizer import UNKNOWN, Cutter, Offsets
from nntrain.data.tokenizing.vocabulary import Limits, commonest

if TYPE_CHECKING:
    from nntrain.data.blockwise.learning import Learner
    from nntrain.data.fields.field import Array
    from nntrain.data.fields.text import Text

SHOWN = 5
"""Different unknown tokens of a row that are kept to be shown."""


@dataclass(frozen=True, slots=True)
class TextEncoder:
    """What a text field learned, at work."""

    normalize: Normalizer
    cutter: Cutter
    usual: float
    """Share of the tokens of the training rows that are unknown, as `max_vocab` or `min_count` left them out."""

    @classmethod
    def learn(cls, field: Text, texts: Sequence[str]) -> State:
        """The vocabulary of some texts as plain values. Raises `DataError`."""
        normalize = _normalizer(field)
        changed = [normalize(text) for text in texts]
        learned = field.tokenizer.fit(changed, Limits(field.max_vocab, field.min_count))
        cutter = field.tokenizer.cutter(learned)
        indices = cutter.indices(changed) if field.max_vocab is not None or field.min_count > 1 else []
        total = sum(map(len, indices))
        unknown = sum(row.count(UNKNOWN) for row in indices)
        return {"learned": dict(learned), "size": cutter.size, "unknown": unknown / total if total else 0.0}

    @classmethod
    def learner(cls, field: Text) -> Learner:
        """What learns the same of texts a block at a time: pieces that all texts show of a choice of them, where they are many."""
        from nntrain.data.blockwise.learning import SampledTextLearner, TextLearner

        if field.tokenizer.needs_all_texts:
            return SampledTextLearner(lambda texts: {**cls.learn(field, texts), "follows": False})
        if not field.tokenizer.learns_words:
            return TextLearner(lambda counts, texts: {**cls.learn(field, []), "follows": False}, lambda text: ())
        normalize, limits = _normalizer(field), Limits(field.max_vocab, field.min_count)

        def learned(counts: Mapping[str, int], texts: int) -> State:
            tokens = commonest(counts, limits)
            total = sum(counts.values())
            unknown = total - sum(counts[token] for token in tokens)
            learned = {"tokens": tokens}
            return {"learned": learned, "size": field.tokenizer.cutter(learned).size, "unknown": unknown / total, "follows": False}

        return TextLearner(learned, lambda text: field.tokenizer.cut(normalize(text)))

    @classmethod
    def of(cls, field: Text, state: State) -> TextEncoder:
        """From what `learn` gave. Raises `DataError` where a library is missing."""
        return cls(_normalizer(field), field.tokenizer.cutter(state["learned"]), state["unknown"])

    @property
    def size(self) -> int:
        """Number of indices V, padding and unknown included."""
        return self.cutter.size

    def encode(self, texts: Iterable[str], max_length: int | None = None) -> tuple[Array, Array]:
        """Texts as indices, one text after another.

        Args:
            texts: N texts.
            max_length: Tokens after which a text is cut; `None` for none.

        Returns:
            Indices int64 `[sum of lengths]`, and the lengths int64 `[N]`.
        """
        import numpy as np

        rows = [self._cut(row, max_length) for row in self.cutter.indices(map(self.normalize, texts))]
        lengths = np.fromiter(map(len, rows), np.int64, len(rows))
        return np.fromiter((index for row in rows for index in row), np.int64, int(lengths.sum())), lengths

    def _cut(self, row: list[int], max_length: int | None) -> list[int]:
        closing = self.cutter.closing
        if max_length is None or len(row) <= max_length or not closing:
            return row[:max_length]
        return [*row[: max(max_length - closing, 0)], *row[len(row) - closing :]][:max_length]

    def tokenize(self, text: str) -> tuple[list[str], list[Offsets]]:
        """The tokens of a text, and where each begins and ends in it as it is written, in characters.

        A token that is made of a part of a character (`byte`, `bpe`) has the place of the character.
        """
        changed = self.normalize(text)
        tokens, offsets = self.cutter.tokens(changed)
        if changed == text:
            return tokens, offsets
        spans = self.normalize.spans(text)
        return tokens, [(spans[start][0], spans[end - 1][1]) for start, end in offsets]

    def decode(self, indices: Iterable[int]) -> str:
        """A text of some indices. Of `char`, `byte` and `bpe` the text that was encoded, but for what normalising changed."""
        return self.cutter.decode(indices)

    def unseen(self, texts: Sequence[str]) -> Unseen:
        """Which tokens of some texts training never showed."""
        import numpy as np

        counts = np.zeros(len(texts), dtype=np.int64)
        totals = np.zeros(len(texts), dtype=np.int64)
        examples: list[tuple[str, ...]] = []
        for row, text in enumerate(map(self.normalize, texts)):
            indices = self.cutter.indices([text])[0]
            totals[row], counts[row] = len(indices), indices.count(UNKNOWN)
            tokens: Any = self.cutter.tokens(text)[0] if counts[row] else ()
            lost = dict.fromkeys(token for token, index in zip(tokens, indices, strict=True) if index == UNKNOWN) if counts[row] else {}
            examples.append(tuple(lost)[:SHOWN])
        return Unseen(counts, totals, tuple(examples), self.usual)


def _normalizer(field: Text) -> Normalizer:
    return Normalizer(field.replace, lowercase=field.lowercase, strip_accents=field.strip_accents)
