"""Tables in Excel workbooks."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, cast

from pydantic import Field as Option
from pydantic import model_validator

from nntrain.data.dialect import PEEK_ROWS, clean
from nntrain.data.facts import facts_of_cells
from nntrain.data.header import Header, HeaderColumn
from nntrain.data.records import Record
from nntrain.data.sources.csv import MISSING
from nntrain.data.sources.source import GivenFiles
from nntrain.data.structure import Structure, body_or_error, describe_footer, find_structure, set_aside
from nntrain.data.unpacking import refuse_bomb
from nntrain.errors import DataError

if TYPE_CHECKING:
    from nntrain.data.table import Table


MAX_ROWS: Final = 2**20
"""Of a sheet of Excel."""
MAX_CELLS: Final = 30_000_000
"""Of a sheet that is read. One row with a cell in the last column has 16,384, in thirty bytes of the file."""


class Excel(GivenFiles):
    """A sheet of an Excel workbook (.xlsx). Titles, a line of units, notes and a total row are found as in a text table.

    Needs the extra `excel`: `pip install 'nntrain[excel]'`.
    """

    type: Literal["excel"] = "excel"
    sheet: str | Annotated[int, Option(ge=1)] = 1
    """Name of the sheet, or its place, counted from 1."""
    header: bool | Annotated[int, Option(ge=1)] = True
    """Whether there is a row with the names of the columns, or which. Default: the first row below titles."""
    columns: tuple[str, ...] | None = None
    """Names of the columns of a sheet without header. Default: column_1, column_2, …"""
    skip_after_header: Annotated[int, Option(ge=0)] | None = None
    """Rows below the header that are none of the table, such as one of units. Default: a row of units above numbers is found."""
    skip_footer: Annotated[int, Option(ge=0)] | None = None
    """Rows at the end that are none of the table. Default: notes and a total row are found; 0 keeps them."""
    missing: tuple[str, ...] = MISSING
    """Cells that hold no value."""
    date_format: str | None = None
    """How dates that are written as text are written: `%d.%m.%Y`. Default: found from all cells of each column."""

    @model_validator(mode="after")
    def _options_go_together(self) -> Excel:
        if self.columns is not None and self.header is not False:
            raise ValueError("columns names the columns of a sheet without header; add header: false, or remove columns")
        return self

    @property
    def missing_words(self) -> frozenset[str]:
        """The words of `missing`."""
        return frozenset(self.missing)

    def peek(self, path: Path, name: str) -> Header:
        """Names and values of the columns. Raises `DataError` for what is no such table."""
        structure, rows, described = self._table(path, name)
        cells = [tuple(clean(cell, self.missing_words) for cell in record.cells) for record in rows[:PEEK_ROWS]]
        is_whole = len(rows) <= PEEK_ROWS
        facts = [facts_of_cells(column, is_complete=is_whole, date_format=self.date_format) for column in zip(*cells, strict=True)]
        columns = tuple(HeaderColumn(column, (), "text", fact) for column, fact in zip(structure.columns, facts, strict=True))
        return Header(name, columns, len(rows), described)

    def read(self, path: Path, name: str) -> Table:
        """All rows as text. Raises `DataError` that names the row of a fault."""
        import numpy as np
        import polars as pl

        from nntrain.data.table import Table

        structure, rows, described = self._table(path, name)
        columns = {
            column: pl.Series(column, cells, dtype=pl.String)
            for column, cells in zip(structure.columns, zip(*(record.cells for record in rows), strict=True), strict=True)
        }
        lines = np.array([record.start for record in rows], dtype=np.int64)
        return Table(name, columns, len(rows), lines, self.missing_words, dialect=described, date_format=self.date_format)

    def _table(self, path: Path, name: str) -> tuple[Structure, list[Record], str]:
        """The frame of the table, its rows, and how it stands in the sheet, in words."""
        title, records = _records(path, self.sheet, name)
        if not records:
            raise DataError(f"{name}: the sheet {title!r} is empty")
        structure, body = find_structure(records, self, self.missing_words, name)
        rows, aside = set_aside(body, structure, name)
        body_or_error(rows, name, has_header=structure.header_line is not None, is_cut=False)
        footer = describe_footer(aside)
        return structure, rows, f"sheet {title!r}, {structure.describe()}{footer and ', ' + footer}"


def _records(path: Path, sheet: str | int, name: str) -> tuple[str, list[Record]]:
    """The name of a sheet and its rows that hold something, from the first filled column to the last. Raises `DataError`."""
    try:
        from openpyxl import load_workbook
    except ModuleNotFoundError:
        raise DataError(f"{name}: Excel files need the extra excel", "pip install 'nntrain[excel]'") from None
    try:
        with zipfile.ZipFile(path) as archive:
            for member in archive.infolist():
                refuse_bomb(member, name)
        book: Any = load_workbook(path, read_only=True, data_only=True)
        with closing(book):
            title = _title(cast("list[str]", book.sheetnames), sheet, name)
            pages = book[title]
            pages.reset_dimensions()  # what the file says of them may be anything; rows and cells are what counts
            numbered = enumerate(_rows(pages, name), 1)
            rows = [(number, ["" if cell is None else _cell(cell) for cell in row]) for number, row in numbered if row]
    except DataError:
        raise
    except Exception as error:  # openpyxl raises whatever its parsers do
        raise DataError(f"{name} is no .xlsx file, or is damaged: {error}", "save it as .xlsx or .csv again") from None
    filled = [(number, cells) for number, cells in rows if any(cells)]
    first = min((next(index for index, cell in enumerate(cells) if cell) for _, cells in filled), default=0)
    last = max((max(index for index, cell in enumerate(cells) if cell) for _, cells in filled), default=-1)
    padded = [(number, [*cells, *[""] * (last + 1 - len(cells))][first : last + 1]) for number, cells in filled]
    return title, [Record(cells, number, number) for number, cells in padded]


def _rows(pages: Any, name: str) -> Iterator[Sequence[object]]:
    """The rows of a sheet. Raises `DataError` where there are more than can be."""
    cells = 0
    for number, row in enumerate(pages.iter_rows(values_only=True), 1):
        cells += len(row)
        if number > MAX_ROWS or cells > MAX_CELLS:
            raise DataError(f"{name}: the sheet has more than {MAX_ROWS:,} rows, or {MAX_CELLS:,} cells", "save it as CSV")
        yield row


def _title(titles: list[str], sheet: str | int, name: str) -> str:
    """The title of a sheet that is given by it or by its place. Raises `DataError`."""
    title = titles[sheet - 1] if isinstance(sheet, int) and sheet <= len(titles) else str(sheet)
    if title not in titles:
        raise DataError(f"{name}: no sheet {sheet!r}", f"sheets: {', '.join(titles)}")
    return title


def _cell(value: object) -> str:
    """A value as text: whole numbers without a point, dates without a time where there is none."""
    from datetime import datetime

    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time().isoformat() == "00:00:00" else value.isoformat(" ")
    return str(value).strip()
