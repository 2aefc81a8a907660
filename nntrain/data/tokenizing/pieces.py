"""What tokenizers of the library `tokenizers` have in common: the library itself, and runs of its pieces as text."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

from nntrain.data.tokenizing.tokenizer import SPECIAL
from nntrain.data.tokenizing.vocabulary import UNKNOWN_TEXT
from nntrain.errors import DataError

EXTRA: Final = "pip install 'nntrain[text]'"


def library(tag: str) -> Any:
    """The package that the tokenizer `tag` needs. Raises `DataError` without it."""
    try:
        import tokenizers
    except ImportError:
        raise DataError(f"tokenizer: {tag} needs the package tokenizers, which is not installed", EXTRA) from None
    return tokenizers


def decoded_runs(indices: Iterable[int], decode: Callable[[list[int]], str]) -> list[str]:
    """The texts between unknown tokens, and what stands for each of these; padding is left out.

    Args:
        indices: Piece p of the library has the index p + 2.
        decode: The text of some pieces of the library.
    """
    parts: list[str] = []
    run: list[int] = []
    for place in indices:
        if place >= SPECIAL:
            run.append(place - SPECIAL)
        elif place:
            parts += [decode(run), UNKNOWN_TEXT]
            run = []
    return [*parts, decode(run)]
