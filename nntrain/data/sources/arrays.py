"""Named arrays from `.npz` files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from nntrain.data.header import Header
from nntrain.data.npz_header import FAULTS, damaged, peek_npz, rows_of
from nntrain.data.sources.source import Part, Source, given_paths

if TYPE_CHECKING:
    from nntrain.data.table import Table


class Arrays(Source):
    """A `.npz` file of named arrays with one row per record; never unpickled."""

    main: ClassVar[str | None] = "path"

    type: Literal["arrays"] = "arrays"
    path: str
    """The file, counted from the config's folder. Its rows are the training rows, and what is split off them."""
    validation: str | None = None
    """File with the validation rows, where they are given."""
    test: str | None = None
    """File with the test rows, where they are given."""

    def written_paths(self) -> Mapping[Part, str]:
        """The files as they are written."""
        return given_paths(self.path, self.validation, self.test)

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
