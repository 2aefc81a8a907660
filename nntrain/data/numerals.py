"""How numbers are written in a text file. Plain Python; polars only where a whole column is read."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import polars as pl

SPACES: Final = " \u00a0\u2009\u202f"
"""Blanks that stand between thousands: plain, of no break, thin."""

_NUMBER: Final = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")


@dataclass(frozen=True, slots=True)
class Numerals:
    """The marks in numbers. A mark that is not declared makes a cell unreadable: `1.234` is never guessed at."""

    decimal: str = "."
    thousands: str | None = None

    @property
    def is_plain(self) -> bool:
        """Whether what any program reads as a finite number is one here too."""
        return self.decimal == "." and self.thousands != "."

    def read(self, cell: str) -> float | None:
        """The number that a cell holds; `None` for anything else, infinities included."""
        if self.thousands is not None:
            cell = re.sub(self._variants, self.thousands, cell)
        if self.thousands is not None and self.thousands in cell:
            if not re.fullmatch(self._grouped, cell):
                return None
            cell = cell.replace(self.thousands, "")
        if self.decimal != ".":
            if "." in cell:
                return None
            cell = cell.replace(self.decimal, ".")
        if not _NUMBER.fullmatch(cell):
            return None
        value = float(cell)
        return value if math.isfinite(value) else None

    def read_all(self, cells: pl.Series) -> pl.Series:
        """The same for a column: float64, null for what is no finite number."""
        import polars as pl

        frame = cells.to_frame("cell").lazy()
        cell = pl.col("cell")
        if self.thousands is not None:
            cell = cell.str.replace_all(self._variants, self.thousands)
            plain = cell.str.replace_all(self.thousands, "", literal=True)
            is_marked = cell.str.contains(self.thousands, literal=True)
            cell = pl.when(~is_marked).then(cell).when(cell.str.contains(f"^(?:{self._grouped})$")).then(plain)
        if self.decimal != ".":
            cell = pl.when(~cell.str.contains(".", literal=True)).then(cell.str.replace_all(self.decimal, ".", literal=True))
        number = cell.cast(pl.Float64, strict=False)
        return frame.select(pl.when(number.is_finite()).then(number).alias(cells.name)).collect().to_series()

    @property
    def _variants(self) -> str:
        """All characters that are written for the mark between thousands."""
        return f"[{SPACES}]" if self.thousands == " " else "['’]" if self.thousands == "'" else re.escape(self.thousands or "")

    @property
    def _grouped(self) -> str:
        mark = re.escape(self.thousands or "")
        return rf"[+-]?[0-9]{{1,3}}({mark}[0-9]{{3}})+({re.escape(self.decimal)}[0-9]+)?"


POINT: Final = Numerals()
"""A decimal point and nothing between thousands."""
