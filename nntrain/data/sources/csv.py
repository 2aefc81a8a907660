"""Tables as text: comma-separated and the like, also packed as `.gz` or `.zip`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field as Option
from pydantic import PrivateAttr, model_validator

from nntrain.data import dialect, marks
from nntrain.data.facts import facts_of_cells
from nntrain.data.header import Header, HeaderColumn
from nntrain.data.numerals import POINT, Numerals
from nntrain.data.sources.labelled import LabelledFiles

if TYPE_CHECKING:
    from nntrain.data.blocks import Blocks
    from nntrain.data.table import Table


MISSING = (
    *("", "NA", "N/A", "n/a", "#N/A", "NaN", "NAN", "nan", "<NA>", "None", "null", "NULL", "-", "--", "?"),
    *("k.A.", "k. A.", "n.a.", "N.A.", "#NV", "#N/V", "#DIV/0!", "#VALUE!", "#REF!", "#NAME?", "#NULL!", "–", "—", "."),
)
"""Cells that hold no value in tables of common programs."""


@dataclass(frozen=True, slots=True)
class Like:
    """How another file of the same run is written; it holds where a file shows nothing else."""

    numerals: Numerals | None = None
    delimiter: str | None = None
    encoding: str | None = None


class Csv(LabelledFiles):
    """A table as text. What is left out of the dialect is found from the file, and printed."""

    reads_blocks: ClassVar[bool] = True

    type: Literal["csv"] = "csv"
    path: str
    """The file, counted from the config's folder; also packed: `.csv.gz`, or `.zip` with one table. Its rows are the training rows,
    and what is split off them."""
    delimiter: Literal[",", ";", "\t", "|"] | None = None
    """What separates columns. Default: found from the first lines."""
    decimal: Literal[".", ","] | None = None
    """Decimal mark of numbers. Default: found from all numbers of the file; where they can be read in two ways, an error says both."""
    thousands: Literal[".", ",", " ", "'"] | None = None
    """Mark between the thousands of numbers. Default: found with the decimal mark; with `decimal` alone there is none."""
    encoding: Literal["utf-8", "utf-16", "latin-1", "cp1252"] | None = None
    """How the text is encoded. Default: UTF-8, or UTF-16 where a byte order mark or zero bytes show it."""
    header: bool | Annotated[int, Option(ge=1)] = True
    """Whether there is a line with the names of the columns, or which. Default: the first line below titles."""
    columns: tuple[str, ...] | None = None
    """Names of the columns of a file without header. Default: column_1, column_2, …"""
    skip_after_header: Annotated[int, Option(ge=0)] | None = None
    """Lines below the header that are no rows, such as one of units. Default: a line of units above numbers is found."""
    skip_footer: Annotated[int, Option(ge=0)] | None = None
    """Lines at the end that are no rows. Default: notes and a total row are found; 0 keeps them."""
    comment: Annotated[str, Option(min_length=1)] | None = None
    """Lines that begin with this are left out. Default: `#` where such lines stand above the header."""
    missing: tuple[str, ...] = MISSING
    """Cells that hold no value. Codes such as -999 need to be named here."""
    date_format: str | None = None
    """How dates are written, in the words of strptime: `%d.%m.%Y`. Default: found from all cells of each column."""

    _like: Like = PrivateAttr(default=Like())

    @model_validator(mode="after")
    def _options_go_together(self) -> Csv:
        if self.columns is not None and self.header is not False:
            raise ValueError("columns names the columns of a file without header; add header: false, or remove columns")
        if self.skip_after_header is not None and self.header is False:
            raise ValueError("skip_after_header has no effect: there is no header")
        if self.thousands is not None and self.thousands == self.decimal:
            raise ValueError(f"decimal and thousands are both {self.decimal!r}")
        return self

    @property
    def like(self) -> Like:
        """How the training file is written, as far as it is known."""
        return self._like

    @property
    def missing_words(self) -> frozenset[str]:
        """The words of `missing`."""
        return frozenset(self.missing)

    @property
    def has_own_missing(self) -> bool:
        """Whether the settings say what stands for no value."""
        return "missing" in self.model_fields_set and self.missing != MISSING

    @property
    def numerals(self) -> Numerals:
        """The marks that are set; the decimal mark is the other one than that between thousands."""
        return Numerals(self.decimal or ("," if self.thousands == "." else "."), self.thousands)

    @property
    def looks_for_marks(self) -> bool:
        """Whether what the cells show decides on the marks in numbers."""
        return self.decimal is None

    def marks(self, shown: marks.Shown, delimiter: str, name: str) -> Numerals:
        """The marks in numbers of a file. Raises `DataError` where they can be read in two ways."""
        return marks.decide(shown, decimal=self.decimal, thousands=self.thousands, like=self._like.numerals, delimiter=delimiter, name=name)

    def settled(self, numerals: Numerals | None) -> Csv:
        """With the marks that the training file shows; a point alone needs no word."""
        if numerals is None or numerals == POINT or self.decimal is not None:
            return self
        return self.model_copy(update={"decimal": numerals.decimal, "thousands": numerals.thousands})

    def leaning_on(self, numerals: Numerals | None) -> Csv:
        """With the marks of the training file where another shows none."""
        return self._leaning(Like(numerals, self._like.delimiter, self._like.encoding))

    def for_new_rows(self) -> Csv:
        """Marks, delimiter and encoding of the settings hold where a file shows no others."""
        update = {"decimal": None, "thousands": None, "delimiter": None, "encoding": None}
        return self.model_copy(update=update)._leaning(Like(self.numerals, self.delimiter, self.encoding))

    def _leaning(self, like: Like) -> Csv:
        made = self.model_copy()
        made._like = like
        return made

    def peek(self, path: Path, name: str) -> Header:
        """Names and first values of the columns. Raises `DataError` for what is no text table."""
        sample = dialect.look(path, self, name)
        names = sample.dialect.structure.columns
        columns = zip(*sample.records, strict=True) if sample.records else [()] * len(names)
        facts = [facts_of_cells(cells, sample.numerals, is_complete=sample.is_whole, date_format=self.date_format) for cells in columns]
        found = tuple(HeaderColumn(column, (), "text", fact) for column, fact in zip(names, facts, strict=True))
        rows = len(sample.records) if sample.is_whole else None
        return Header(name, found, rows, sample.described, numerals=sample.numerals)

    def read(self, path: Path, name: str) -> Table:
        """All rows as text. Raises `DataError` that names the line of a fault."""
        from nntrain.data.csv_reading import read_table

        return read_table(path, self, name)

    def blocks(self, path: Path, name: str, size: int) -> Blocks:
        """All rows as text, a block at a time. Raises `DataError` that names the line of a fault."""
        from nntrain.data.csv_reading import text_blocks

        return text_blocks(path, self, name, size)
