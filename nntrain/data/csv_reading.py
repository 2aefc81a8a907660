"""Reads text tables: every cell stays text, every row its line number.

The rows are cut by the standard library's reader, the same that looks at the head of a file, so that both agree on quotes
and lines; polars holds the columns.
"""

from __future__ import annotations

import csv
from array import array
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import polars as pl

from nntrain.data.dialect import Dialect, Record, broken, is_blank, no_rows, no_text, ragged, unreadable_file
from nntrain.data.table import Table
from nntrain.errors import DataError

CHUNK_ROWS = 50_000


def read_table(path: Path, dialect: Dialect, name: str) -> Table:
    """Read a whole text table.

    Raises:
        DataError: It is no text in its encoding, a quote is never closed, a row has another number of cells than the header, or the
            system does not give the file.
    """
    width = len(dialect.columns)
    parts: list[list[pl.Series]] = [[] for _ in range(width)]
    lines = array("q")
    try:
        with path.open(encoding=dialect.encoding, newline="") as file:
            rows = _rows(file, dialect, name, lines)
            while chunk := list(islice(rows, CHUNK_ROWS)):
                for index, cells in enumerate(zip(*chunk, strict=True)):
                    parts[index].append(pl.Series(dialect.columns[index], cells, dtype=pl.String))
    except UnicodeDecodeError:
        raise _no_text(path, dialect.encoding, name) from None
    except OSError as error:
        raise unreadable_file(name, error) from None
    if not lines:
        raise no_rows(name, has_header=dialect.has_header)
    columns = {column: pl.concat(part) for column, part in zip(dialect.columns, parts, strict=True)}
    for column, cells in columns.items():
        _refuse_zero_bytes(column, cells, lines, name)
    return Table(
        name,
        columns,
        len(lines),
        np.frombuffer(lines, dtype=np.int64),
        dialect.missing,
        dialect.numerals,
        dialect.delimiter,
        dialect.describe(),
    )


def _rows(file: Iterator[str], dialect: Dialect, name: str, lines: array[int]) -> Iterator[list[str]]:
    """The rows that are not blank; appends the first line of each to `lines`."""
    reader = csv.reader(file, delimiter=dialect.delimiter, strict=True)
    width = len(dialect.columns)
    skip_header = dialect.has_header
    start = 1
    try:
        for row in reader:
            if len(row) == width and not (width == 1 and is_blank(row)):
                if skip_header:
                    skip_header = False
                else:
                    lines.append(start)
                    yield row
            elif not is_blank(row):
                raise ragged(name, Record(row, start, reader.line_num), width, has_header=dialect.has_header)
            start = reader.line_num + 1
    except csv.Error as error:
        raise broken(name, start, error) from None


def _refuse_zero_bytes(column: str, cells: pl.Series, lines: array[int], name: str) -> None:
    """Text has none; a file with some is damaged, or no text. Raises `DataError`."""
    found = cells.str.contains("\0", literal=True).arg_true()
    if len(found):
        message = f"{name}: line {lines[int(found[0])]}: {column} holds a zero byte"
        raise DataError(message, "the file is damaged, or in another encoding: data.source.encoding: utf-16")


def _no_text(path: Path, encoding: str, name: str) -> DataError:
    content = path.read_bytes()
    try:
        content.decode(encoding)
    except UnicodeDecodeError as error:
        return no_text(name, content, error)
    raise AssertionError(name)
