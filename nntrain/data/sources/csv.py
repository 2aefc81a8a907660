"""Tables as text: comma-separated and the like."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import model_validator

from nntrain.data import dialect
from nntrain.data.facts import facts_of_cells
from nntrain.data.header import Header, HeaderColumn
from nntrain.data.numerals import Numerals
from nntrain.data.sources.source import Part, Source, given_paths

if TYPE_CHECKING:
    from nntrain.data.table import Table


class Csv(Source):
    """A table as text. What is left out of the dialect is found from the file, and printed."""

    main: ClassVar[str | None] = "path"

    type: Literal["csv"] = "csv"
    path: str
    """The file, counted from the config's folder. Its rows are the training rows, and what is split off them."""
    validation: str | None = None
    """File with the validation rows, where they are given."""
    test: str | None = None
    """File with the test rows, where they are given."""
    delimiter: Literal[",", ";", "\t", "|"] | None = None
    """What separates columns. Default: found from the first lines."""
    decimal: Literal[".", ","] | None = None
    """Decimal mark of numbers. Default: a point, or a comma where the numbers of the file show it."""
    thousands: Literal[".", ",", " ", "'"] | None = None
    """Mark between the thousands of numbers. Default: none; a cell such as 1.234,56 is then an error, never a guess."""
    encoding: Literal["utf-8", "utf-16", "latin-1", "cp1252"] | None = None
    """How the text is encoded. Default: utf-8, with or without a byte order mark."""
    header: bool = True
    """Whether the first line holds the names of the columns."""
    columns: tuple[str, ...] | None = None
    """Names of the columns of a file without header. Default: column_1, column_2, …"""
    missing: tuple[str, ...] = ("", "NA", "N/A", "n/a", "#N/A", "NaN", "NAN", "nan", "None", "null", "NULL", "-", "?")
    """Cells that hold no value."""

    @model_validator(mode="after")
    def _options_go_together(self) -> Csv:
        if self.columns is not None and self.header:
            raise ValueError("columns names the columns of a file without header; add header: false, or remove columns")
        if self.thousands is not None and self.thousands == self.decimal:
            raise ValueError(f"decimal and thousands are both {self.decimal!r}")
        return self

    @property
    def missing_words(self) -> frozenset[str]:
        """The words of `missing`."""
        return frozenset(self.missing)

    @property
    def numerals(self) -> Numerals:
        """The marks that are set; the decimal mark is the other one than that between thousands."""
        return Numerals(self.decimal or ("," if self.thousands == "." else "."), self.thousands)

    def settled(self, decimal: str | None) -> Csv:
        """With the decimal comma that the training rows show; a point needs no word."""
        return self.model_copy(update={"decimal": ","}) if decimal == "," and self.decimal is None else self

    def written_paths(self) -> Mapping[Part, str]:
        """The files as they are written."""
        return given_paths(self.path, self.validation, self.test)

    def peek(self, path: Path, name: str) -> Header:
        """Names and first values of the columns. Raises `DataError` for what is no text table."""
        sample = dialect.look(path, self, name)
        columns = zip(*sample.records, strict=True) if sample.records else [()] * len(sample.dialect.columns)
        facts = [facts_of_cells(cells, sample.dialect.numerals, is_complete=sample.is_whole) for cells in columns]
        found = tuple(HeaderColumn(column, (), "text", fact) for column, fact in zip(sample.dialect.columns, facts, strict=True))
        rows = len(sample.records) if sample.is_whole else None
        return Header(name, found, rows, sample.dialect.describe(), decimal=sample.dialect.numerals.decimal)

    def read(self, path: Path, name: str) -> Table:
        """All rows as text. Raises `DataError` that names the line of a fault."""
        from nntrain.data.csv_reading import read_table

        return read_table(path, dialect.look(path, self, name).dialect, name)
