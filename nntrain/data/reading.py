"""Reads whole files with the source of the settings, or the one that fits a file's suffix."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any, cast

import numpy as np

from nntrain.data.blocks import BLOCK_BYTES, Blocks, Whole
from nntrain.data.file_store import FileStore
from nntrain.data.header import ArrayKind, Header, HeaderColumn
from nntrain.data.long_series import LongSeries
from nntrain.data.paths import absolute
from nntrain.data.settings import SOURCE_OF_SUFFIX, SOURCES, DataSettings, source_of
from nntrain.data.sources.source import Part, Source
from nntrain.data.table import Table
from nntrain.errors import DataError
from nntrain.schema import load_class


def read_tables(settings: DataSettings, folder: Path) -> dict[Part, Table]:
    """All files of the source. Raises `DataError`."""
    tables: dict[Part, Table] = {}
    source = settings.source
    for part, path in source.files(folder).items():
        tables[part] = as_rows(settings, _placed(source.read(path, path.name), path), path)
        source = source.leaning_on(tables["train"].numerals)
    return tables


def read_file(settings: DataSettings, path: Path) -> Table:
    """One file of new rows: with the options of the settings where they are for such files. Raises `DataError`."""
    if path.exists() and settings.source.reads(path):
        return settings.source.read(path, path.name)
    return as_rows(settings, _placed(_source_of(settings, path).read(path, path.name), path), path)


def read_blocks(settings: DataSettings, path: Path, size: int = BLOCK_BYTES) -> Blocks:
    """The same in blocks of about `size` bytes; one block where rows are steps of series, or the source reads files only whole.

    Raises:
        DataError: What a pass through the file finds wrong with it.
    """
    if (path.exists() and settings.source.reads(path)) or LongSeries.of(settings) is not None:
        return Whole.of(read_file(settings, path))
    source = _source_of(settings, path)
    is_small = path.stat().st_size <= size and path.suffix.lower() not in (".gz", ".zip", ".parquet")
    blocks = Whole.of(source.read(path, path.name)) if is_small else source.blocks(path, path.name, size)
    return blocks.beside(FileStore(path.parent))


def _source_of(settings: DataSettings, path: Path) -> Source:
    """What reads a file of new rows. Raises `DataError`."""
    if not path.is_file():
        raise DataError(f"no file {absolute(path)}")
    tag = source_of(path.name)
    source = settings.source.for_new_rows()
    own = next(iter(settings.source.written_paths().values()), "")
    if source.type == tag or (tag is None and path.suffix == PurePosixPath(own).suffix):
        return source
    if tag is None:
        raise DataError(f"{path.name}: no source reads {path.suffix or 'such'} files", f"files may end in {', '.join(SOURCE_OF_SUFFIX)}")
    made = load_class(SOURCES[tag]).parse({"type": tag, "path": path.name})
    assert isinstance(made, Source)
    return made


def as_rows(settings: DataSettings, table: Table, path: Path | None = None) -> Table:
    """A table with a row for each row of the data: where rows are steps of series, a series each. Raises `DataError`."""
    long = LongSeries.of(settings)
    return table if long is None else long.gather(table, path)


def _placed(table: Table, path: Path) -> Table:
    """A table whose cells may name files that count from its own folder."""
    return table if table.store is not None else replace(table, store=FileStore(path.parent))


def header_of(table: Table) -> Header:
    """Names, shapes and kinds of what was read; no facts."""
    columns = tuple(table.known.get(name) or _column(name, column) for name, column in table.columns.items())
    numerals = None if table.dialect is None else table.numerals
    graph_columns = frozenset[str]() if table.graphs is None else table.graphs.columns
    return Header(table.name, columns, table.rows, table.dialect, table.classes, numerals, graph_columns)


def _column(name: str, column: Any) -> HeaderColumn:
    if not isinstance(column, np.ndarray):
        import polars as pl

        return HeaderColumn(name, (), "image" if column.dtype == pl.Binary else "text")
    array = cast("np.ndarray[Any, Any]", column)
    kinds: dict[str, ArrayKind] = {"b": "bool", "i": "int", "u": "int", "f": "float"}
    kind: ArrayKind = "uint8" if array.dtype == "uint8" else kinds.get(array.dtype.kind, "text")
    return HeaderColumn(name, tuple(array.shape[1:]), kind, rows=len(array))
