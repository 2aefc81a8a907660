"""Reads text tables: every cell stays text, every row its line number; whole, or a block of rows at a time.

The rows are cut by the standard library's reader, the same that looks at the head of a file, so that both agree on quotes and lines;
where a piece has no quotes, comments or blank lines, polars cuts it as that would.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from nntrain.data.blocks import BLOCK_BYTES, BLOCK_ROWS, Blocks, Stamp
from nntrain.data.csv_pieces import Cells, cut_cells
from nntrain.data.dialect import Dialect, find_dialect
from nntrain.data.marks import Showing
from nntrain.data.missing_words import Meanings
from nntrain.data.records import Record, no_rows
from nntrain.data.sources.csv import Csv
from nntrain.data.structure import MAX_FOOTER, set_aside
from nntrain.data.table import Table
from nntrain.data.text_file import PEEK_BYTES
from nntrain.data.text_pieces import Coding, Pieces, Places, Stretch, pieces_of
from nntrain.errors import DataError


def read_table(path: Path, source: Csv, name: str) -> Table:
    """Read a whole text table.

    Raises:
        DataError: It is no text in its encoding, a quote is never closed, a row has another number of cells than the header, the marks
            in its numbers can be read in two ways, or the system does not give the file.
    """
    scan = _Scan(path, source, name)
    parts = list(scan.rows(BLOCK_BYTES))
    frame = scan.frame()
    columns = {column: pl.concat([part.columns[column] for part in parts]) for column in frame.columns}
    lines = np.concatenate([part.lines for part in parts])
    return replace(frame, columns=columns, rows=len(lines), lines=lines)


@dataclass(frozen=True, slots=True)
class TextBlocks(Blocks):
    """The blocks of a text table."""

    dialect: Dialect
    coding: Coding
    stretches: tuple[Stretch, ...]
    places: Places

    @property
    def way(self) -> dict[str, Any]:
        """How cells become rows, beside the settings."""
        dialect = self.dialect
        return {**super(TextBlocks, self).way, "coding": self.coding, "dialect": (dialect.structure, dialect.missing, dialect.comment)}

    def cut(self, block: int, columns: Collection[str] | None = None) -> Table:
        """A block by its number."""
        name, structure = self.frame.name, self.dialect.structure
        content = self.places.read(self.stretches[block])
        cells, open_at = cut_cells(content, self.coding, self.dialect, name, self.stretches[block].line)
        if open_at is not None or len(cells) < self.sizes[block]:
            raise self.changed()
        cells = cells.head(self.sizes[block])  # notes and totals stand below the last rows
        cells.check_width(name, structure)
        found = cells.columns(structure.columns if columns is None else columns, structure.columns)
        return self.made(block, dict(found), cells.lines())


def text_blocks(path: Path, source: Csv, name: str, size: int = BLOCK_BYTES) -> TextBlocks:
    """Go through a text table once, and note where its blocks of about `size` bytes are. Raises `DataError` as `read_table` does."""
    stamp = Stamp.of(path, name)
    scan = _Scan(path, source, name)
    for _ in scan.rows(min(size, scan.bytes_of(BLOCK_ROWS))):
        pass
    stamp.check(name)
    frame = scan.frame()
    kept = [(stretch, count) for stretch, count in zip(scan.stretches, scan.counts, strict=True) if count]
    stretches, sizes = tuple(stretch for stretch, _ in kept), tuple(count for _, count in kept)
    return TextBlocks(frame, sizes, scan.dialect, scan.coding, stretches, Places(path, name), stamp=stamp)


@dataclass(frozen=True, slots=True)
class _Rows:
    """Some rows, as text."""

    columns: Mapping[str, pl.Series]
    lines: np.ndarray[Any, Any]


class _Scan:
    """One pass through a text table: its rows, what all its cells show together, and where each piece lies."""

    def __init__(self, path: Path, source: Csv, name: str) -> None:
        self.dialect, head, self._is_cut = find_dialect(path, source, name)
        self._in_head = len(head)
        self.stretches: list[Stretch] = []
        self.counts: list[int] = []
        """Rows of each stretch."""
        self.coding = Coding(self.dialect.encoding, 0, self.dialect.encoding)
        self._path, self._source, self._name = path, source, name
        self._aside: list[Record] = []
        self._showing = Showing()
        self._meanings = None if source.has_own_missing else Meanings(name, self.dialect.missing)
        self._zeros: dict[str, int] = {}
        self._typed = Table(name, {}, 0, missing=self.dialect.missing)

    def bytes_of(self, rows: int) -> int:
        """Bytes of so many rows, about."""
        return PEEK_BYTES * rows // max(1, self._in_head) if self._is_cut else PEEK_BYTES

    def rows(self, size: int) -> Iterator[_Rows]:
        """The rows, piece by piece. Raises `DataError`."""
        structure = self.dialect.structure
        room = max(MAX_FOOTER, structure.skip_footer or 0)
        tail: deque[Record] = deque()
        with pieces_of(self._path, self.dialect.encoding, self._name) as (pieces, coding):
            self.coding = coding
            line = _skip_head(pieces, coding, self.dialect, self._name)
            while True:
                stretch, cells = self._next(pieces, coding, size, line)
                if not stretch.size:
                    break
                self.stretches.append(stretch)
                self.counts.append(len(cells))
                line = cells.after
                sure, tail = cells.but_last(room, tail)
                for part in sure:
                    yield self._seen(part)
        rows, self._aside = set_aside(list(tail), structure, self._name)
        if rows:
            yield self._seen(Cells.of_records(rows))
        left = len(self._aside)
        for place in reversed(range(len(self.counts))):
            gone = min(left, self.counts[place])
            self.counts[place] -= gone
            left -= gone

    def frame(self) -> Table:
        """The table without its rows, once all were seen. Raises `DataError` for what only all of them show."""
        if not any(self.counts):
            raise no_rows(self._name, has_header=self.dialect.structure.header_line is not None)
        for column in self.dialect.structure.columns:
            if column in self._zeros:
                message = f"{self._name}: line {self._zeros[column]}: {column} holds a zero byte"
                raise DataError(message, "the file is damaged, or in another encoding: data.source.encoding: utf-16")
        if self._meanings is not None:
            self._meanings.refuse()
        numerals = self._source.marks(self._showing.shown(), self.dialect.delimiter, self._name)
        empty = {column: pl.Series(column, [], dtype=pl.String) for column in self.dialect.structure.columns}
        described = self.dialect.describe(numerals, self._aside)
        return Table(
            self._name,
            empty,
            0,
            None,
            self.dialect.missing,
            numerals,
            self.dialect.delimiter,
            described,
            self._source.date_format,
        )

    def _next(self, pieces: Pieces, coding: Coding, size: int, line: int) -> tuple[Stretch, Cells]:
        """The next piece that ends where a row does."""
        start, wanted = pieces.start, size
        while True:
            content = pieces.take(wanted)
            cells, open_at = cut_cells(content, coding, self.dialect, self._name, line)
            if open_at is None:
                return Stretch(start, len(content), line), cells
            pieces.put_back(content)
            longer = pieces.take(len(content) + max(size, 2**16))
            pieces.put_back(longer)
            if len(longer) == len(content):
                raise open_at
            wanted = len(longer)

    def _seen(self, cells: Cells) -> _Rows:
        """Look at some rows that surely are some. Raises `DataError` for one of another width."""
        names = self.dialect.structure.columns
        cells.check_width(self._name, self.dialect.structure)
        columns, lines = cells.columns(names, names), cells.lines()
        table = replace(self._typed, columns=columns, rows=len(cells))
        for column, values in columns.items():
            if cells.may_hold_zeros and column not in self._zeros:
                found = values.str.contains("\0", literal=True).arg_true()
                if len(found):
                    self._zeros[column] = int(lines[int(found[0])])
            if self._meanings is not None:
                self._meanings.add(column, values)
            if self._source.looks_for_marks:
                self._showing.add(column, table.texts(column))
        return _Rows(columns, lines)


def _skip_head(pieces: Pieces, coding: Coding, dialect: Dialect, name: str) -> int:
    """Take what stands above the rows; returns the number of their first line. Raises `DataError`."""
    structure = dialect.structure
    if structure.header_line is None and not structure.skipped_lines:
        return 1
    size = 2**16
    while True:
        content = pieces.take(size)
        cells, open_at = cut_cells(content, coding, dialect, name, 1)
        records = cells.records()
        place = next((place for place, record in enumerate(records) if record.start == structure.header_line), None)
        last = (-1 if structure.header_line is None else len(records) if place is None else place) + structure.skipped_lines
        if last < len(records):
            end = records[last].end
            head = coding.first_lines(content, end, name)
            pieces.put_back(content[head:])
            return end + 1
        pieces.put_back(content)
        longer = pieces.take(2 * size)
        if len(longer) == len(content):
            if open_at is not None:
                raise open_at
            return 1 + (records[-1].end if records else 0)
        pieces.put_back(longer)
        size = len(longer)
