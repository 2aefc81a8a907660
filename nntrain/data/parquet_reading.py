"""Reads Parquet files a block of rows at a time: small row groups are joined, large ones cut; only the pages of a block are unpacked."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from nntrain.data.blocks import BLOCK_BYTES, BLOCK_ROWS, Blocks, Stamp, Whole
from nntrain.data.dialect import PEEK_ROWS
from nntrain.data.sources.parquet import Parquet, block_columns, columns_with_nulls, foreign_notes, read_columns, read_rows, scanned
from nntrain.data.table import Table
from nntrain.errors import DataError


@dataclass(frozen=True, slots=True)
class ParquetBlocks(Blocks):
    """The blocks of a Parquet file."""

    path: Path
    with_nulls: frozenset[str]
    """Columns in which a value is missing in some row of the file."""

    @property
    def way(self) -> dict[str, Any]:
        """How cells become rows, beside the settings."""
        return {**super(ParquetBlocks, self).way, "nulls": self.with_nulls}

    def cut(self, block: int, columns: Collection[str] | None = None) -> Table:
        """A block by its number. Raises `DataError` for lists that are not as long as those before."""
        first, rows, name = sum(self.sizes[:block]), self.sizes[block], self.frame.name
        wanted = [column for column in self.frame.columns if columns is None or column in columns]
        frame = scanned(self.path, name, lambda scan: scan.slice(first, rows).select(wanted).collect())
        if frame.height != rows and wanted:
            raise self.changed()
        found = block_columns(frame, name, self.with_nulls)
        for column, values in found.items():
            shape = np.shape(self.frame.columns[column])[1:]
            if np.shape(values)[1:] != shape:
                message = (
                    f"{name}: {column} holds lists of different lengths: {list(shape)}, and others in rows {first} to {first + rows - 1}"
                )
                raise DataError(message, "pad them, or save steps and lengths as .npz")
        return self.made(block, found)


def parquet_blocks(path: Path, source: Parquet, name: str, size: int = BLOCK_BYTES) -> Blocks:
    """Look where in a Parquet file values are missing, and cut it into blocks of about `size` bytes. Raises `DataError` as reading does."""
    stamp = Stamp.of(path, name)
    rows, head = read_rows(path, name, PEEK_ROWS)
    step = max(1, min(BLOCK_ROWS, int(size * head.height // max(1, head.estimated_size()))))
    if rows <= step:
        return replace(Whole.of(source.read(path, name)), stamp=stamp)
    sizes = tuple(min(step, rows - first) for first in range(0, rows, step))
    kept = read_columns(head)
    numeric = [column for column in kept if head.schema[column].is_numeric()]
    with_nulls: set[str] = set()
    for first in range(0, rows, step):
        asked = [column for column in numeric if column not in with_nulls]
        with_nulls |= columns_with_nulls(scanned(path, name, lambda scan: scan.slice(first, step).select(asked).collect()))  # noqa: B023
    empty = {column: values[:0] for column, values in block_columns(head.select(kept), name, with_nulls).items()}
    stamp.check(name)
    frame = Table(name, empty, 0, missing=source.missing_words, notes=foreign_notes(head))
    return ParquetBlocks(frame, sizes, path, frozenset(with_nulls), stamp=stamp)
