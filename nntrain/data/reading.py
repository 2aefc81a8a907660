"""Reads whole files with the source of the settings, or the one that fits a file's suffix."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl

from nntrain.data.header import ArrayKind, Header, HeaderColumn
from nntrain.data.paths import absolute
from nntrain.data.settings import SOURCE_OF_SUFFIX, SOURCES, DataSettings
from nntrain.data.sources.source import Part, Source
from nntrain.data.table import Table
from nntrain.errors import DataError
from nntrain.schema import load_class


def read_tables(settings: DataSettings, folder: Path) -> dict[Part, Table]:
    """All files of the source. Raises `DataError`."""
    return {part: settings.source.read(path, path.name) for part, path in settings.source.files(folder).items()}


def read_file(settings: DataSettings, path: Path) -> Table:
    """One file of new rows: with the options of the settings where they are for such files. Raises `DataError`."""
    if not path.is_file():
        raise DataError(f"no file {absolute(path)}")
    tag = SOURCE_OF_SUFFIX.get(path.suffix.lower())
    source = settings.source
    if source.type != tag:
        if tag is None:
            raise DataError(
                f"{path.name}: no source reads {path.suffix or 'such'} files", f"files may end in {', '.join(SOURCE_OF_SUFFIX)}"
            )
        made = load_class(SOURCES[tag]).parse({"type": tag, "path": path.name})
        assert isinstance(made, Source)
        source = made
    return source.read(path, path.name)


def header_of(table: Table) -> Header:
    """Names, shapes and kinds of what was read; no facts."""
    columns = tuple(_column(name, column) for name, column in table.columns.items())
    return Header(table.name, columns, table.rows, table.dialect, decimal=None if table.dialect is None else table.numerals.decimal)


def _column(name: str, column: Any) -> HeaderColumn:
    if isinstance(column, pl.Series):
        return HeaderColumn(name, (), "text")
    kinds: dict[str, ArrayKind] = {"b": "bool", "i": "int", "u": "int", "f": "float"}
    kind: ArrayKind = "uint8" if column.dtype == "uint8" else kinds.get(column.dtype.kind, "text")
    return HeaderColumn(name, tuple(column.shape[1:]), kind, rows=len(column))
