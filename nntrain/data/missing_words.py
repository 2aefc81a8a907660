"""Words that may stand for no value, and may be values: told, never guessed. Plain Python."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from nntrain.errors import DataError

_CODE: Final = re.compile(r"[A-Z]{2}")
MIN_CODES: Final = 3


def refuse_two_meanings(name: str, column: str, words: Iterable[str], missing: frozenset[str]) -> None:
    """Refuse `NA` among codes of two letters: it is Namibia, North America, or no value.

    Args:
        name: The file, for messages.
        column: The column.
        words: Its different cells, without blanks around them.
        missing: Words for no value where the settings name none.

    Raises:
        DataError: With the line for either reading.
    """
    found = set(words)
    if "NA" not in found:
        return
    others = sorted(found - missing)
    if len(others) >= MIN_CODES and all(map(_CODE.fullmatch, others)):
        raise DataError(
            f"{name}: {column}: 'NA' stands among codes of two letters ({', '.join(others[:3])}, …): is it one of them, or no value?",
            "a code? data.source.missing: ['']\n   no value? data.source.missing: ['', 'NA']",
        )
