"""Words that may stand for no value, and may be values: told, never guessed. Plain Python."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from nntrain.errors import DataError

if TYPE_CHECKING:
    import polars as pl

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


class Meanings:
    """Looks block by block for columns of codes of two letters among which `NA` stands."""

    def __init__(self, name: str, missing: frozenset[str]) -> None:
        """Take the file, for messages, and the words for no value where the settings name none."""
        self._name, self._missing = name, missing
        self._codes: dict[str, set[str] | None] = {}

    def add(self, column: str, cells: pl.Series) -> None:
        """Look at more cells of a column."""
        codes = self._codes.setdefault(column, set())
        if codes is None or not (self._fit(cells.head(20)) and self._fit(cells)):
            self._codes[column] = None
        else:
            codes.update(cells.str.strip_chars().unique().to_list())

    def refuse(self) -> None:
        """Refuse such columns. Raises `DataError`."""
        for column, codes in self._codes.items():
            refuse_two_meanings(self._name, column, codes or (), self._missing)

    def _fit(self, cells: pl.Series) -> bool:
        """Whether all cells are codes or no value."""
        return all(word in self._missing or _CODE.fullmatch(word) for word in cells.str.strip_chars().unique().to_list())
