"""Pieces of words that are learned: byte pair encoding."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field as Option

from nntrain.data.tokenizing.pieces import decoded_runs, library
from nntrain.data.tokenizing.tokenizer import SPECIAL, Cutter, Offsets, Tokenizer
from nntrain.data.tokenizing.vocabulary import Limits


class Bpe(Tokenizer):
    """Byte pair encoding (Sennrich et al. 2016, over bytes as in GPT-2): bytes, joined to ever longer pieces by how often they meet.

    Any text comes back from its tokens, blanks and all. Needs `pip install 'nntrain[text]'`.
    """

    main: ClassVar[str | None] = "size"
    learns_words: ClassVar[bool] = False
    extra: ClassVar[str | None] = "tokenizers"

    type: Literal["bpe"] = "bpe"
    size: Annotated[int, Option(ge=256)] = 8000
    """Most pieces of the vocabulary, the 256 bytes included; fewer where the training rows give no more."""

    @property
    def needs_all_texts(self) -> bool:
        """Pairs are joined by how often they meet in all texts."""
        return True

    def fit(self, texts: Iterable[str], limits: Limits) -> Mapping[str, Any]:
        """Joins pairs until there are `size` pieces, or no pair occurs twice. Raises `DataError` without the library."""
        tokenizers = library(self.type)
        made = tokenizers.Tokenizer(tokenizers.models.BPE())
        made.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
        made.decoder = tokenizers.decoders.ByteLevel()
        trainer = tokenizers.trainers.BpeTrainer(
            vocab_size=self.size,
            min_frequency=2,
            show_progress=False,
            special_tokens=[],
            initial_alphabet=sorted(tokenizers.pre_tokenizers.ByteLevel.alphabet()),
        )
        made.train_from_iterator(texts, trainer)
        return {"model": made.to_str()}

    def cutter(self, learned: Mapping[str, Any]) -> Cutter:
        """Raises `DataError` without the library."""
        return _Pieces(library(self.type).Tokenizer.from_str(learned["model"]))


class _Pieces:
    """Piece p of the library has the index p + 2."""

    def __init__(self, tokenizer: Any) -> None:
        self.tokenizer = tokenizer

    @property
    def size(self) -> int:
        return self.tokenizer.get_vocab_size() + SPECIAL

    @property
    def closing(self) -> int:
        return 0

    def indices(self, texts: Iterable[str]) -> list[list[int]]:
        found = self.tokenizer.encode_batch(list(texts), add_special_tokens=False)
        return [[piece + SPECIAL for piece in encoding.ids] for encoding in found]

    def tokens(self, text: str) -> tuple[list[str], list[Offsets]]:
        found = self.tokenizer.encode(text, add_special_tokens=False)
        return [self.tokenizer.decode([piece]) for piece in found.ids], [(start, end) for start, end in found.offsets]

    def decode(self, indices: Iterable[int]) -> str:
        return "".join(decoded_runs(indices, self.tokenizer.decode))
