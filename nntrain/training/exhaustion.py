"""How an exhausted memory is told apart from faults. Torch-free."""

from __future__ import annotations

from typing import Final

WORDS: Final = ("out of memory", "can't allocate memory", "not enough memory", "Cannot allocate memory")
"""How torch tells it: it has a class of its own on accelerators only, and that is a `RuntimeError` with such words too."""


def is_exhaustion(error: BaseException) -> bool:
    """Whether an error says that memory ran out."""
    return isinstance(error, MemoryError) or (isinstance(error, RuntimeError) and any(words in str(error) for words in WORDS))
