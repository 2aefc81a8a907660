"""What is known of a column of single values: enough to tell its type. From the first rows without polars, from all rows with it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from nntrain.data.dates import TwoReadings, find_format
from nntrain.data.numerals import POINT, Numerals

if TYPE_CHECKING:
    import numpy as np
    import polars as pl

MAX_VALUES: Final = 20
"""Most distinct values that are listed."""

MAX_OTHERS: Final = 3
"""Cells that are shown of those that hold no number."""

MAX_SHOWN: Final = 40
"""Characters of a cell that are shown."""

NEAR_NUMBER: Final = r"[+-]?([$€£¥]?) ?[+-]?([0-9](?:[0-9.,' ]*[0-9])?)( ?[^0-9.,' ]{1,6})?"
"""A number with a unit or with other marks: the sign of a currency, the digits, a unit."""

YEARS: Final = (1500, 2200)
"""Whole numbers in here that rise by one are taken for years."""

STAND_INS: Final = frozenset({99.0, 99.9, 99.99, 999.0, 999.9, 999.99, 9999.0, 9999.9, 99999.0, 999999.0})
"""Numbers that, with a minus or as they are, are often written for no value."""

_LEADING_ZERO: Final = r"^0[0-9]+$"


@dataclass(frozen=True, slots=True)
class RowFacts:
    """Counts over the rows that were looked at."""

    rows: int
    missing: int
    distinct: int
    """Different values, missing ones not counted."""
    numbers: int
    """Cells that hold a number."""
    is_whole: bool
    """Whether there are numbers and all of them are whole."""
    has_leading_zeros: bool
    """Whether a cell such as `007` is among them."""
    is_row_number: bool
    """Whether the value rises by one from row to row."""
    values: tuple[str, ...] = ()
    """The distinct values, numbers by size, else by alphabet; empty if there are more than `MAX_VALUES`."""
    others: tuple[str, ...] = ()
    """The first few different cells that hold no number."""
    near: int = 0
    """Cells that hold a number with a unit or other marks: `$1,234.50`, `12 %`."""
    is_complete: bool = True
    """Whether these are all rows there are."""
    date_format: str | TwoReadings | None = None
    """How the cells are written if all of them are dates."""
    words: float = 0.0
    """Parts between blanks that a cell which is no number has on average."""
    stand_in: str | None = None
    """A number far from all others that may stand for no value: `-999`."""

    @property
    def present(self) -> int:
        """Cells with a value."""
        return self.rows - self.missing

    @property
    def is_numeric(self) -> bool:
        """Whether the column is meant as numbers: nine of ten cells hold one; the others are faults to be named."""
        return self.present > 0 and self.numbers >= 0.9 * self.present and not self.has_leading_zeros


def facts_of_cells(
    cells: Sequence[str | None], numerals: Numerals = POINT, *, is_complete: bool = True, date_format: str | None = None
) -> RowFacts:
    """Look at some cells; `None` is a missing one. `date_format` is how the dates are written, where the settings say it."""
    present = [cell for cell in cells if cell is not None]
    values = [numerals.read(cell) for cell in present]
    numbers = [value for value in values if value is not None]
    others = [cell for cell, value in zip(present, values, strict=True) if value is None]
    distinct = set(present)
    return RowFacts(
        rows=len(cells),
        missing=len(cells) - len(present),
        distinct=len(distinct),
        numbers=len(numbers),
        is_whole=bool(numbers) and all(value.is_integer() for value in numbers),
        has_leading_zeros=any(re.match(_LEADING_ZERO, cell) for cell in present),
        is_row_number=len(numbers) == len(cells) > 2
        and len({value - row for row, value in enumerate(numbers)}) == 1
        and counts_rows(numbers[0], numbers[-1]),
        values=in_order(distinct, numerals) if len(distinct) <= MAX_VALUES else (),
        others=tuple(dict.fromkeys(others))[:MAX_OTHERS],
        near=sum(re.fullmatch(NEAR_NUMBER, cell) is not None for cell in others),
        is_complete=is_complete,
        date_format=_date_format(list(dict.fromkeys(present)), len(numbers), date_format),
        words=sum(len(cell.split()) for cell in others) / max(1, len(others)),
        stand_in=find_stand_in(sorted(set(numbers))),
    )


def facts_of_series(
    cells: pl.Series,
    rows: np.ndarray[Any, Any] | None = None,
    numerals: Numerals = POINT,
    *,
    is_complete: bool = True,
    date_format: str | None = None,
) -> RowFacts:
    """Look at a column of text `[N]`, null where missing, that stands in the given rows `[N]` of its file; `None`: in the first ones."""
    import polars as pl

    places = pl.int_range(len(cells), eager=True) if rows is None else rows.astype("float64")
    numbers = numerals.read_all(cells)
    present = numbers.drop_nulls()
    others = cells.filter(numbers.is_null() & cells.is_not_null())
    unique = cells.drop_nulls().unique()
    is_row_number = 2 < len(present) == len(cells) and bool((present - places).n_unique() == 1)
    sizes = present.unique().sort()
    first = cells.drop_nulls().head(1).to_list()
    dates = cells.drop_nulls().unique(maintain_order=True).to_list() if find_format(first) is not None else first
    return RowFacts(
        rows=len(cells),
        missing=cells.null_count(),
        distinct=len(unique),
        numbers=len(present),
        is_whole=len(present) > 0 and bool((present == present.floor()).all()),
        has_leading_zeros=bool(unique.str.contains(_LEADING_ZERO).any()),
        is_row_number=is_row_number and counts_rows(present[0], present[-1]),
        values=in_order(unique.to_list(), numerals) if len(unique) <= MAX_VALUES else (),
        others=tuple(others.unique(maintain_order=True).head(MAX_OTHERS).to_list()),
        near=int(others.str.contains(f"^(?:{NEAR_NUMBER})$").sum()),
        is_complete=is_complete,
        date_format=_date_format(dates, len(present), date_format),
        words=int(others.str.count_matches(r"\S+").sum()) / max(1, len(others)),
        stand_in=find_stand_in(sizes.to_list() if len(sizes) < 5 else [*sizes.head(2), *sizes.tail(2)]),
    )


def counts_rows(first: float, last: float) -> bool:
    """Whether numbers that rise by one from row to row count the rows, and are no years."""
    return first.is_integer() and not (YEARS[0] <= first and last <= YEARS[1])


def _date_format(cells: Sequence[str], numbers: int, written: str | None) -> str | TwoReadings | None:
    """The format of cells of which none is a number; the written one where they are dates at all."""
    found = None if numbers else find_format(cells)
    return written if found is not None and written is not None else found


def find_stand_in(sizes: Sequence[float]) -> str | None:
    """The lowest or highest number if it is one that is written for no value, and far from the next; `sizes` rises."""
    if len(sizes) < 3:
        return None
    if -sizes[0] in STAND_INS and sizes[1] >= 0:
        return f"{sizes[0]:g}"
    return f"{sizes[-1]:.6g}" if sizes[-1] in STAND_INS and sizes[-1] > 999 and 5 * sizes[-2] < sizes[-1] else None


def quoted(cell: str) -> str:
    """The beginning of a cell in quotes, for messages."""
    return repr(beginning(cell))


def beginning(cell: str) -> str:
    """A cell for messages: a long one is cut."""
    return cell if len(cell) <= MAX_SHOWN else f"{cell[: MAX_SHOWN - 1]}…"


def in_order(values: Iterable[str], numerals: Numerals = POINT) -> tuple[str, ...]:
    """Numbers by size if all are, else by alphabet."""
    ranked = [(numerals.read(value), value) for value in values]
    if all(number is not None for number, _ in ranked):
        return tuple(value for _, value in sorted(ranked, key=lambda pair: (pair[0] or 0.0, pair[1])))
    return tuple(sorted(value for _, value in ranked))
