"""Named arrays from `.npz` files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from nntrain.data.header import Header
from nntrain.data.npz_header import FAULTS, damaged, peek_npz, rows_of
from nntrain.data.sources.source import GivenFiles

if TYPE_CHECKING:
    from nntrain.data.table import Table


class Arrays(GivenFiles):
    """A `.npz` file of named arrays with one row per record; never unpickled."""

    type: Literal["arrays"] = "arrays"

    def peek(self, path: Path, name: str) -> Header:
        """Headers and first values of the arrays. Raises `DataError` for what is no such file."""
        return peek_npz(path, name)

    def read(self, path: Path, name: str) -> Table:
        """All arrays. Raises `DataError` for what is no such file."""
        import numpy as np

        from nntrain.data.table import Table

        peek_npz(path, name)
        try:
            with np.load(path, allow_pickle=False) as archive:
                arrays = {column: archive[column] for column in archive.files}
        except FAULTS as error:
            raise damaged(name, error) from None
        columns = {column: array.astype(array.dtype.newbyteorder("="), copy=False) for column, array in arrays.items()}
        return Table(name, columns, rows_of([len(array) for array in columns.values()]))
