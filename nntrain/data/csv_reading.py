"""Reads text tables: every cell stays text, every row its line number.

The rows are cut by the standard library's reader, the same that looks at the head of a file, so that both agree on quotes
and lines; polars holds the columns.
"""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import polars as pl

from nntrain.data import marks
from nntrain.data.dialect import Dialect, find_dialect
from nntrain.data.missing_words import refuse_two_meanings
from nntrain.data.records import Record, no_rows, ragged, read_records
from nntrain.data.sources.csv import Csv
from nntrain.data.structure import MAX_FOOTER, set_aside
from nntrain.data.table import Table
from nntrain.data.text_file import opened_text
from nntrain.errors import DataError

CHUNK_ROWS = 50_000


def read_table(path: Path, source: Csv, name: str) -> Table:
    """Read a whole text table.

    Raises:
        DataError: It is no text in its encoding, a quote is never closed, a row has another number of cells than the header, the marks
            in its numbers can be read in two ways, or the system does not give the file.
    """
    dialect = find_dialect(path, source, name)[0]
    names = dialect.structure.columns
    parts: list[list[pl.Series]] = [[] for _ in names]
    lines = array("q")
    aside: list[Record] = []
    with opened_text(path, dialect.encoding, name) as file:
        rows = _rows(file, dialect, name, lines, aside)
        while chunk := list(islice(rows, CHUNK_ROWS)):
            for index, cells in enumerate(zip(*chunk, strict=True)):
                parts[index].append(pl.Series(names[index], cells, dtype=pl.String))
    if not lines:
        raise no_rows(name, has_header=dialect.structure.header_line is not None)
    columns = {column: pl.concat(part) for column, part in zip(names, parts, strict=True)}
    for column, cells in columns.items():
        _refuse_zero_bytes(column, cells, lines, name)
    typed = Table(name, columns, len(lines), missing=dialect.missing)
    if not source.has_own_missing:
        for column, cells in columns.items():
            words = cells.str.strip_chars()
            if (words == "NA").any():
                refuse_two_meanings(name, column, words.unique().to_list(), dialect.missing)
    numerals = source.marks(marks.shown_by_series(map(typed.texts, names)), dialect.delimiter, name)
    return Table(
        name,
        columns,
        len(lines),
        np.frombuffer(lines, dtype=np.int64),
        dialect.missing,
        numerals,
        dialect.delimiter,
        dialect.describe(numerals, aside),
        source.date_format,
    )


def _rows(file: Iterator[str], dialect: Dialect, name: str, lines: array[int], aside: list[Record]) -> Iterator[list[str]]:
    """The rows of a table; appends the first line of each to `lines`, and notes and total rows below them to `aside`."""
    structure = dialect.structure
    width = len(structure.columns)
    records = read_records(file, dialect.delimiter, name, dialect.comment)
    if structure.header_line is not None:
        next(record for record in records if record.start == structure.header_line)
    for _ in islice(records, structure.skipped_lines):
        pass
    tail: deque[Record] = deque()
    room = max(MAX_FOOTER, structure.skip_footer or 0)
    for record in records:
        tail.append(record)
        if len(tail) > room:
            first = tail.popleft()
            if len(first.cells) != width:
                raise ragged(name, first, width, structure.header_line)
            lines.append(first.start)
            yield first.cells
    rows, others = set_aside(list(tail), structure, name)
    aside += others
    for record in rows:
        lines.append(record.start)
        yield record.cells


def _refuse_zero_bytes(column: str, cells: pl.Series, lines: array[int], name: str) -> None:
    """Text has none; a file with some is damaged, or no text. Raises `DataError`."""
    found = cells.str.contains("\0", literal=True).arg_true()
    if len(found):
        message = f"{name}: line {lines[int(found[0])]}: {column} holds a zero byte"
        raise DataError(message, "the file is damaged, or in another encoding: data.source.encoding: utf-16")
