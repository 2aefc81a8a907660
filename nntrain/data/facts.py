"""What is known of a column of single values: enough to tell its type. From the first rows without polars, from all rows with it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

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

_LEADING_ZERO: Final = r"^0[0-9]+$"


@dataclass(frozen=True, slots=True)
class Facts:
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

    @property
    def present(self) -> int:
        """Cells with a value."""
        return self.rows - self.missing

    @property
    def is_numeric(self) -> bool:
        """Whether the column is meant as numbers: nine of ten cells hold one; the others are faults to be named."""
        return self.present > 0 and self.numbers >= 0.9 * self.present and not self.has_leading_zeros


def facts_of_cells(cells: Sequence[str | None], numerals: Numerals = POINT, *, is_complete: bool = True) -> Facts:
    """Look at some cells; `None` is a missing one."""
    present = [cell for cell in cells if cell is not None]
    values = [numerals.read(cell) for cell in present]
    numbers = [value for value in values if value is not None]
    others = [cell for cell, value in zip(present, values, strict=True) if value is None]
    distinct = set(present)
    return Facts(
        rows=len(cells),
        missing=len(cells) - len(present),
        distinct=len(distinct),
        numbers=len(numbers),
        is_whole=bool(numbers) and all(value.is_integer() for value in numbers),
        has_leading_zeros=any(re.match(_LEADING_ZERO, cell) for cell in present),
        is_row_number=len(numbers) == len(cells) > 2 and len({value - row for row, value in enumerate(numbers)}) == 1,
        values=in_order(distinct, numerals) if len(distinct) <= MAX_VALUES else (),
        others=tuple(dict.fromkeys(others))[:MAX_OTHERS],
        near=sum(re.fullmatch(NEAR_NUMBER, cell) is not None for cell in others),
        is_complete=is_complete,
    )


def facts_of_series(cells: pl.Series, rows: np.ndarray[Any, Any], numerals: Numerals = POINT) -> Facts:
    """Look at a column of text `[N]`, null where missing, that stands in the given rows `[N]` of its file."""
    numbers = numerals.read_all(cells)
    present = numbers.drop_nulls()
    others = cells.filter(numbers.is_null() & cells.is_not_null())
    unique = cells.drop_nulls().unique()
    is_row_number = 2 < len(present) == len(cells) and bool((present - rows.astype("float64")).n_unique() == 1)
    return Facts(
        rows=len(cells),
        missing=cells.null_count(),
        distinct=len(unique),
        numbers=len(present),
        is_whole=len(present) > 0 and bool((present == present.floor()).all()),
        has_leading_zeros=bool(unique.str.contains(_LEADING_ZERO).any()),
        is_row_number=is_row_number,
        values=in_order(unique.to_list(), numerals) if len(unique) <= MAX_VALUES else (),
        others=tuple(others.unique(maintain_order=True).head(MAX_OTHERS).to_list()),
        near=int(others.str.contains(f"^(?:{NEAR_NUMBER})$").sum()),
    )


def quoted(cell: str) -> str:
    """The beginning of a cell in quotes, for messages."""
    return repr(cell if len(cell) <= MAX_SHOWN else f"{cell[: MAX_SHOWN - 1]}…")


def in_order(values: Iterable[str], numerals: Numerals = POINT) -> tuple[str, ...]:
    """Numbers by size if all are, else by alphabet."""
    ranked = [(numerals.read(value), value) for value in values]
    if all(number is not None for number, _ in ranked):
        return tuple(value for _, value in sorted(ranked, key=lambda pair: (pair[0] or 0.0, pair[1])))
    return tuple(sorted(value for _, value in ranked))
