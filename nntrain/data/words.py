"""Columns of words, of which categories are made: texts as a table has them, or the different texts of an array with a number for each row.

An array needs no polars for that: loading it takes 23 MiB and a tenth of a second.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, overload

import numpy as np

if TYPE_CHECKING:
    import polars as pl

    Array = np.ndarray[Any, Any]

COUNTED: Final = 2**16
"""Cells that are counted at once, where there are many."""

LARGEST: Final = 2**62
"""Whole numbers below this can be taken from each other in int64."""

MISSING: Final = -1
"""The number of a row without a word."""


@dataclass(frozen=True, slots=True)
class Coded:
    """Rows that hold words of which many are the same."""

    different: tuple[str, ...]
    """Each word once, in any order; some may stand in no row."""
    numbers: Array
    """Which of them stands in each row, whole `[N]`; `MISSING` for none."""

    @classmethod
    def of(cls, cells: Sequence[str | None]) -> Coded:
        """Of the word of each row; `None` is missing."""
        places = {word: place for place, word in enumerate(dict.fromkeys(cell for cell in cells if cell is not None))}
        numbers = [MISSING if cell is None else places[cell] for cell in cells]
        return cls(tuple(places), np.array(numbers, dtype=np.int32))

    def __len__(self) -> int:
        return len(self.numbers)

    @overload
    def __getitem__(self, rows: int) -> str | None: ...
    @overload
    def __getitem__(self, rows: slice | Array) -> Coded: ...
    def __getitem__(self, rows: int | slice | Array) -> str | Coded | None:
        """The word of a row, or some of the rows."""
        if isinstance(rows, slice | np.ndarray):
            return Coded(self.different, self.numbers[rows])
        number = int(self.numbers[rows])
        return None if number == MISSING else self.different[number]

    def to_list(self) -> list[str | None]:
        """The word of each row; `None` for none."""
        return [self[row] for row in range(len(self))]

    @property
    def ranks(self) -> Array:
        """The place of the word of each row among the different ones in the order of their texts, int64 `[N]`; -1 for none."""
        order = sorted(range(len(self.different)), key=self.different.__getitem__)
        ranks = np.full(len(order) + 1, -1, dtype=np.int64)  # the last is that of `MISSING`
        ranks[order] = np.arange(len(order))
        return ranks[self.numbers]

    def counts(self) -> dict[str, int]:
        """How often each word that stands in a row does."""
        times = np.zeros(len(self.different), dtype=np.int64)
        for start in range(0, len(self), COUNTED):
            numbers = self.numbers[start : start + COUNTED]
            times += np.bincount(numbers[numbers >= 0], minlength=len(times))
        return {word: count for word, count in zip(self.different, times.tolist(), strict=True) if count}

    def places_in(self, words: Sequence[str]) -> Array:
        """The place of the word of each row among some words, int64 `[N]`; -1 for another one, and for none."""
        known = {word: place for place, word in enumerate(words)}
        return np.array([*(known.get(word, -1) for word in self.different), -1], dtype=np.int64)[self.numbers]


def counts_of(cells: pl.Series | Coded) -> dict[str, int]:
    """How often each word occurs, of many a portion at a time: polars notes the place of each cell it counts."""
    if isinstance(cells, Coded):
        return cells.counts()
    counts: dict[str, int] = {}
    present = cells.drop_nulls().alias("word")
    for start in range(0, len(present), COUNTED):
        found = present[start : start + COUNTED].value_counts(name="times")
        for word, times in zip(found["word"].to_list(), found["times"].to_list(), strict=True):
            counts[word] = counts.get(word, 0) + times
    return counts


def words_in(cells: pl.Series | Coded) -> list[str]:
    """The different words."""
    return list(cells.counts()) if isinstance(cells, Coded) else cells.drop_nulls().unique(maintain_order=True).to_list()


def are_missing(cells: pl.Series | Coded) -> Array:
    """Which rows have no word, bool `[N]`."""
    if isinstance(cells, Coded):
        return cells.numbers == MISSING
    return cells.is_null().to_numpy() if cells.null_count() else np.zeros(len(cells), dtype=bool)


def places_in(cells: pl.Series | Coded, words: Sequence[str]) -> Array:
    """The place of each cell among some words, int64 `[N]`; -1 for another one, and for a missing one."""
    if isinstance(cells, Coded):
        return cells.places_in(words)
    import polars as pl

    places = cells.cast(_enumeration(tuple(words)), strict=False).to_physical().cast(pl.Int64)
    return (places.fill_null(-1) if places.null_count() else places).to_numpy()


@lru_cache(maxsize=32)
def _enumeration(words: tuple[str, ...]) -> pl.Enum:
    """A type of these words; it is kept, as making it takes longer than a row does."""
    import polars as pl

    return pl.Enum(words)


def words_of_array(name: str, array: Array) -> Coded:
    """Single values of an array `[N]`, each as the text that `text_of_array` makes of it."""
    if array.dtype.kind == "f":
        is_missing = np.isnan(array)
        values, places = np.unique(array[~is_missing], return_inverse=True)
        numbers = np.full(len(array), MISSING, dtype=np.int32)
        numbers[~is_missing] = places
    else:
        values, numbers = _numbered(array)
    return _joined(_texts(name, values), numbers)


def _numbered(array: Array) -> tuple[Array, Array]:
    """Different values, rising, and the place of each among them, int32 `[N]`; of whole numbers near each other without sorting them."""
    if array.dtype.kind in "iu" and len(array):
        low, high = int(array.min()), int(array.max())
        if high - low <= COUNTED and low > -LARGEST and high < LARGEST:
            numbers = np.empty(len(array), dtype=np.int32)
            for start in range(0, len(array), COUNTED):
                numbers[start : start + COUNTED] = array[start : start + COUNTED].astype(np.int64) - low
            is_there = np.bincount(numbers, minlength=high - low + 1) > 0
            return np.flatnonzero(is_there) + low, (np.cumsum(is_there, dtype=np.int32) - np.int32(1))[numbers]
    values, places = np.unique(array, return_inverse=True)
    return values, places.astype(np.int32)


def _texts(name: str, values: Array) -> list[str | None]:
    kind = values.dtype.kind
    if kind in "US":
        return stripped(values)
    if kind in "biu":
        return [str(value).lower() for value in values.tolist()]
    if kind == "f" and (np.abs(values) < LARGEST).all() and (values == np.floor(values)).all():
        return [str(int(value)) for value in values.tolist()]
    from nntrain.data.table import text_of_array

    return text_of_array(name, values).to_list()


def stripped(array: Array) -> list[str | None]:
    """Texts of an array `[N]` without blanks around them, bytes as Latin-1; `None` where nothing is left."""
    words = np.char.decode(array, "latin-1") if array.dtype.kind == "S" else array
    return [str(word).strip() or None for word in words]


def _joined(texts: Sequence[str | None], numbers: Array) -> Coded:
    """Coded by their texts, of which some may be the same or missing."""
    own = Coded.of(texts)
    return Coded(own.different, np.append(own.numbers, np.int32(MISSING))[numbers])
