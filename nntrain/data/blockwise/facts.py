"""What is known of a column of which a block of rows is seen at a time: as `nntrain.data.facts` has it of all rows at once.

All of it is exact but for the number of different texts above `COUNTED`: of so many the smallest hashes tell it (Bar-Yossef et al. 2002,
"k minimum values"), to 1.6 % (one deviation). Different numbers are counted up to `MAX_VALUES`, as no more are asked for.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import polars as pl

from nntrain.data.dates import TwoReadings
from nntrain.data.facts import MAX_OTHERS, MAX_VALUES, RowFacts, counts_rows, facts_of_series, find_stand_in, in_order
from nntrain.data.numerals import POINT, Numerals

if TYPE_CHECKING:
    Array = np.ndarray[Any, Any]

COUNTED: Final = 4096
"""Different texts that are counted one by one."""
_HASHES: Final = 2.0**64


class ColumnFacts:
    """The facts of the rows that it was shown."""

    def __init__(self, numerals: Numerals, date_format: str | None) -> None:
        """Begin with nothing.

        Args:
            numerals: Marks in numbers.
            date_format: How dates are written, where the settings say it.
        """
        self._numerals, self._written = numerals, date_format
        self._facts: RowFacts | None = None
        self._values: set[str] | None = set()
        self._hashes = np.zeros(0, dtype=np.uint64)
        self._sizes: list[float] = []
        self._words = 0.0
        self._counted: tuple[float, float, float] | None = None
        """First and last number, and what is left of each without the number of its row, as long as that is the same in all rows."""

    def add(self, cells: Array | pl.Series, rows: Array) -> None:
        """Take in some rows.

        Args:
            cells: Numbers `[N]`, NaN where missing, or text, null where missing.
            rows: Where they stand in the file, int64 `[N]`.
        """
        if not len(rows):
            return
        is_text = isinstance(cells, pl.Series)
        own = facts_of_series(cells, rows, self._numerals, date_format=self._written) if is_text else _of_numbers(cells, rows)
        numbers = self._numerals.read_all(cells.drop_nulls().unique()).drop_nulls().to_numpy() if is_text else cells[~np.isnan(cells)]
        self._add_values(cells, own)
        self._sizes = _ends(np.concatenate([np.array(self._sizes), _ends(numbers)])) if len(numbers) else self._sizes
        others = own.present - own.numbers
        self._words += own.words * others
        before, counted = self._facts, _counted(cells, rows, self._numerals)
        if before is None:
            self._facts, self._counted = own, counted
            return
        was = self._counted
        self._counted = (was[0], counted[1], was[2]) if was is not None and counted is not None and counted[2] == was[2] else None
        self._facts = self._merged(before, own)

    def found(self) -> RowFacts:
        """The facts."""
        assert self._facts is not None
        others = self._facts.present - self._facts.numbers
        values = self._values
        distinct = len(values) if values is not None else self._facts.present if not len(self._hashes) else self._distinct()
        has_few = values is not None and len(values) <= MAX_VALUES
        return replace(
            self._facts,
            distinct=distinct,
            is_row_number=self._facts.rows > 2 and self._counted is not None and counts_rows(*self._counted[:2]),
            values=in_order(values, self._numerals) if has_few and values is not None else (),
            words=self._words / max(1, others),
            stand_in=find_stand_in(self._sizes),
        )

    def _distinct(self) -> int:
        count = len(self._hashes)
        return count if count < COUNTED else round((COUNTED - 1) / ((float(self._hashes[-1]) + 1) / _HASHES))

    def _add_values(self, cells: Array | pl.Series, own: RowFacts) -> None:
        if self._values is not None:
            self._values |= set(own.values)
            if len(self._values) > MAX_VALUES or own.distinct > len(own.values):
                self._values = None
        if isinstance(cells, pl.Series):  # of numbers only few values are told apart
            hashes = cells.drop_nulls().unique().hash(0).to_numpy()
            self._hashes = np.unique(np.concatenate([self._hashes, hashes]))[:COUNTED]

    def _merged(self, one: RowFacts, other: RowFacts) -> RowFacts:
        numbers = one.numbers + other.numbers
        wholes = [facts.is_whole for facts in (one, other) if facts.numbers]
        dates = [facts.date_format for facts in (one, other) if facts.present]
        return RowFacts(
            rows=one.rows + other.rows,
            missing=one.missing + other.missing,
            distinct=0,
            numbers=numbers,
            is_whole=bool(wholes) and all(wholes),
            has_leading_zeros=one.has_leading_zeros or other.has_leading_zeros,
            is_row_number=False,
            others=tuple(dict.fromkeys((*one.others, *other.others)))[:MAX_OTHERS],
            near=one.near + other.near,
            date_format=None if numbers else _one_format(dates),
        )


def _one_format(formats: list[str | TwoReadings | None]) -> str | TwoReadings | None:
    """The format of dates of which two lots have these; `None` where no one reads both."""
    if len(formats) < 2:
        return formats[0] if formats else None
    one, other = formats
    if one is None or other is None or one == other:
        return one if one == other else None
    if isinstance(one, TwoReadings):
        return one if isinstance(other, TwoReadings) and one.formats == other.formats else other if other in one.formats else None
    return one if isinstance(other, TwoReadings) and one in other.formats else None


def _counted(cells: Array | pl.Series, rows: Array, numerals: Numerals) -> tuple[float, float, float] | None:
    """First and last number, and their distance from the number of their row; `None` where that is not one for all rows."""
    numbers = numerals.read_all(cells) if isinstance(cells, pl.Series) else pl.Series(cells, nan_to_null=True)
    if numbers.null_count() or (numbers - rows.astype("float64")).n_unique() > 1:
        return None
    first, last = float(numbers[0]), float(numbers[-1])
    return first, last, first - float(rows[0])


def _ends(numbers: Array | list[float]) -> list[float]:
    """The two lowest and the two highest of some different numbers, rising; all of up to four."""
    values = np.asarray(numbers)
    low, high = values.min(), values.max()
    inner = values[(values > low) & (values < high)]
    middle = [inner.min(), inner.max()] if len(inner) else []
    return sorted({float(value) for value in (low, *middle, high)})


def _of_numbers(numbers: Array, rows: Array) -> RowFacts:
    """The facts of numbers, which need not be written out for it."""
    present = numbers[~np.isnan(numbers)]
    first = np.unique(present[: 4 * MAX_VALUES])
    few = np.unique(present) if len(first) <= MAX_VALUES else first
    texts = [_text(value) for value in few.tolist()] if len(few) <= MAX_VALUES else []
    steps = present - rows if len(present) == len(rows) else None
    return RowFacts(
        rows=len(numbers),
        missing=len(numbers) - len(present),
        distinct=len(texts) if texts else len(present),
        numbers=len(present),
        is_whole=len(present) > 0 and bool((present == np.floor(present)).all()),
        has_leading_zeros=False,
        is_row_number=steps is not None
        and len(steps) > 2
        and bool((steps == steps[0]).all())
        and counts_rows(float(present[0]), float(present[-1])),
        values=in_order(texts, POINT),
    )


def _text(number: float) -> str:
    """A number as a table has it: whole ones without a point."""
    return str(int(number)) if math.isfinite(number) and number == math.floor(number) else repr(number)
