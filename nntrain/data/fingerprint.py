"""Tells data apart: files at once, rows by what is in them."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Final

from nntrain.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from torch import Tensor

    from nntrain.data.row_numbers import RowNumbers
    from nntrain.data.settings import DataSettings
    from nntrain.data.sources.source import Part
    from nntrain.data.table import Table

BLOCK_BYTES: Final = 2**20
BLOCKS: Final = 64
NAMED: Final = ".files"
"""How the names of fingerprints end that only reading a table can tell."""
HASHED_ROWS: Final = 2**16
"""Row numbers that are hashed at once."""
WHOLE_BYTES: Final = 256 * 2**20
"""Larger files are read in part."""


def fingerprint_file(path: Path) -> str:
    """What is in a file, hashed: all of it up to 256 MiB; of more its size, the first and the last MiB, and 64 spread between.

    Raises:
        DataError: The system does not give the file.
    """
    try:
        size = path.stat().st_size
        digest = hashlib.sha256(f"{size}\0".encode())
        with path.open("rb") as file:
            for start in range(0, size, BLOCK_BYTES) if size <= WHOLE_BYTES else _spread(size):
                file.seek(start)
                digest.update(file.read(BLOCK_BYTES))
    except OSError as error:
        raise DataError(f"{path.name} cannot be read: {error.strerror or error}") from None
    return digest.hexdigest()


def _spread(size: int) -> list[int]:
    """Where the blocks of a large file start: at its beginning, at its end, and evenly between."""
    last = size - BLOCK_BYTES
    return [last * block // (BLOCKS + 1) for block in range(BLOCKS + 2)]


def fingerprint_sources(settings: DataSettings, folder: Path) -> dict[str, str]:
    """What is in the files that a config names: `source` and, where given, `source.validation`, `source.test`. Raises `DataError`."""
    return {source_name(part): settings.source.fingerprint(path) for part, path in settings.source.files(folder).items()}


def fingerprint_named(table: Table, columns: Iterable[str]) -> str | None:
    """The files that cells of some columns of a table name, by names, sizes and contents (`FileStore.fingerprint`).

    `None` where there is none. Raises `DataError` where a file cannot be read.
    """
    import numpy as np

    found: set[str] = set()
    for column in columns:
        cells = table.columns.get(column)
        if cells is not None and not isinstance(cells, np.ndarray):
            found |= {name for name in cells.to_list() if isinstance(name, str)}
    return table.store.fingerprint(sorted(found)) if found and table.store is not None else None


def files_name(part: Part) -> str:
    """What the fingerprint of the files that a table names is called: `source.files`, `source.validation.files`."""
    return f"{source_name(part)}{NAMED}"


def source_name(part: Part) -> str:
    """What the fingerprint of a file is called: `source`, `source.validation`, `source.test`."""
    return "source" if part == "train" else f"source.{part}"


def fingerprint_rows(file: str, rows: Tensor | RowNumbers) -> str:
    """Some rows of a file: its fingerprint and the row numbers, whole `[N]`, hashed. What was fitted on other rows plays no part."""
    from nntrain.data.row_numbers import RowNumbers

    digest = hashlib.sha256(file.encode())
    rising = rows if isinstance(rows, RowNumbers) else rows.cpu().sort().values
    for start in range(0, len(rows), HASHED_ROWS):
        digest.update(rising[start : start + HASHED_ROWS].cpu().long().numpy().tobytes())
    return digest.hexdigest()


def fingerprint_table(table: Table) -> str:
    """Names, shapes and cells of all columns in their order, hashed; a number is another thing than its digits."""
    import numpy as np

    digest = hashlib.sha256()
    for name, column in table.columns.items():
        if isinstance(column, np.ndarray):
            digest.update(f"{name}\0{column.dtype.str}{column.shape}\0".encode())
            digest.update(np.ascontiguousarray(column).tobytes())
        else:
            cells = ["\1" if cell is None else f"\2{cell}" for cell in column.to_list()]
            digest.update(f"{name}\0text[{len(cells)}]\0".encode() + "\0".join(cells).encode())
    return digest.hexdigest()
