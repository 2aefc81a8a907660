"""The images of some rows of a table as people see them, each in its own size."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from nntrain.data import images
from nntrain.data.file_store import FileStore
from nntrain.data.forms.drawing import shown
from nntrain.errors import DataError

if TYPE_CHECKING:
    from nntrain.data.fields.field import Array
    from nntrain.data.fields.image import Image
    from nntrain.data.table import Table


def row_images(field: Image, table: Table, column: str, rows: Sequence[int]) -> Iterator[Array]:
    """Images uint8 `[H, W, 3]`, one after another: of an array, of files that cells name, or of files that cells are.

    Raises:
        DataError: One can't be read.
    """
    cells, field = table.columns[column], field.model_copy(update={"size": None})
    if isinstance(cells, np.ndarray):
        values = field.read(table, (column,))
        yield from (shown(values[row]) for row in rows)
        return
    store = FileStore(Path()) if table.store is None else table.store
    for row in rows:
        content = cells[row]
        found = (
            images.decode_content(content, table.place(row), field) if isinstance(content, bytes) else images.decode(store, content, field)
        )
        if isinstance(found, str):
            raise DataError(found)
        yield shown(found)
