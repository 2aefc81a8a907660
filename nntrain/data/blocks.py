"""Table files that are read a block of rows at a time: whatever the size of the file, only a block is in memory.

A block is the same as these rows of the whole file: its columns have the types that all rows decide on, marks in numbers are those that
all cells show, and messages name lines and rows of the file.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from nntrain.errors import DataError

if TYPE_CHECKING:
    from nntrain.data.file_store import FileStore
    from nntrain.data.table import Column, Table

BLOCK_BYTES: Final = 2**23
"""Bytes of a file that one block is about."""
BLOCK_ROWS: Final = 2**16
"""Rows that a block has at most, about."""


FILE_ROWS: Final = 256
"""The same of rows that are files: what is in them is far larger than their names."""
NAMED_BYTES: Final = 2**14
"""Bytes that one block of a table is about whose cells name sounds."""
MAX_FINDINGS: Final = 3
"""Lines that are told of what was found in files."""


@dataclass(frozen=True, slots=True)
class Stamp:
    """What tells that a file is still the one that was looked at."""

    path: Path
    size: int
    written: int
    """When it was last written, ns."""
    inode: int

    @classmethod
    def of(cls, path: Path, name: str) -> Stamp:
        """Of a file as it is now. Raises `DataError` where the system does not give it."""
        try:
            found = path.stat()
        except OSError as error:
            raise DataError(f"{name} cannot be read: {error.strerror or error}") from None
        return cls(path, found.st_size, found.st_mtime_ns, found.st_ino)

    def check(self, name: str) -> None:
        """Raise `DataError` where the file is no longer as it was, or no longer there."""
        if Stamp.of(self.path, name) != self:
            raise DataError(f"{name} was changed while it was read", "start again, and let nothing write it meanwhile")


@dataclass(frozen=True, slots=True)
class Blocks(ABC):
    """A table file, cut into blocks of rows. It may be sent to another process; it keeps nothing of what it has read."""

    frame: Table
    """The table without its rows: names, types and shapes of its columns, and how it is written."""
    sizes: tuple[int, ...]
    """Rows of each block; none is 0."""
    stamp: Stamp | None = field(default=None, kw_only=True)
    """Of the file before it was first gone through; `None` for what is no file, or needs it no more."""

    @abstractmethod
    def cut(self, block: int, columns: Collection[str] | None = None) -> Table:
        """A block by its number, all or some of its columns, of a file that nobody writes meanwhile. Raises `DataError`."""

    def read(self, block: int, columns: Collection[str] | None = None) -> Table:
        """A block by its number, all or some of its columns. Raises `DataError` where the file has changed, or can't be read."""
        try:
            found = self.cut(block, columns)
        except DataError:
            self.check()  # else a file that was written anew is told to be damaged
            raise
        self.check()
        return found

    def check(self) -> None:
        """Raise `DataError` where the file is no longer as it was when it was first gone through."""
        if self.stamp is not None:
            self.stamp.check(self.frame.name)

    @property
    def way(self) -> dict[str, Any]:
        """How cells become rows, beside the settings: what was found from all of the file."""
        frame = self.frame
        kinds = {name: f"{column.dtype}{column.shape[1:]}" for name, column in frame.columns.items()}
        written = (frame.missing, frame.numerals, frame.delimiter, frame.dialect, frame.date_format, frame.classes)
        return {"columns": kinds, "written": written}

    @property
    def rows(self) -> int:
        """Rows of the file."""
        return sum(self.sizes)

    @property
    def starts(self) -> tuple[int, ...]:
        """Number of the first row of each block, and behind them that of all rows."""
        return tuple(accumulate(self.sizes, initial=0))

    def __len__(self) -> int:
        return len(self.sizes)

    def __iter__(self) -> Iterator[Table]:
        return map(self.read, range(len(self)))

    def beside(self, store: FileStore) -> Blocks:
        """The same with the place that file names in cells count from, where none is known."""
        return self if self.frame.store is not None else replace(self, frame=replace(self.frame, store=store))

    def made(self, block: int, columns: dict[str, Column], lines: Any = None) -> Table:
        """A block of these columns, `[N, …]`, and lines `[N]`."""
        first, is_block = sum(self.sizes[:block]), len(self.sizes) > 1
        return replace(self.frame, columns=columns, rows=self.sizes[block], lines=lines, first=first, is_block=is_block, findings=[])

    def changed(self) -> DataError:
        """What to say of a file that is no longer as it was."""
        return DataError(f"{self.frame.name} was changed while it was read", "read it again")


@dataclass(frozen=True, slots=True)
class Whole(Blocks):
    """A table that is read already, as one block."""

    table: Table

    @classmethod
    def of(cls, table: Table) -> Whole:
        """Take a table."""
        return cls(without_rows(table), (table.rows,), table)

    def read(self, block: int, columns: Collection[str] | None = None) -> Table:
        """The table, whatever has become of its file."""
        return self.cut(block, columns)

    def cut(self, block: int, columns: Collection[str] | None = None) -> Table:
        """The table."""
        found = self.table.columns
        return self.table if columns is None else replace(self.table, columns={name: found[name] for name in found if name in columns})

    def beside(self, store: FileStore) -> Whole:
        """The same with the place that file names in cells count from, where none is known."""
        if self.table.store is not None:
            return self
        table = replace(self.table, store=store)
        return replace(self, frame=without_rows(table), table=table)


@dataclass(frozen=True, slots=True)
class Cut(Blocks):
    """A table of few columns that is in memory, one of the names of files, in blocks."""

    table: Table

    @classmethod
    def of_files(cls, table: Table) -> Cut:
        """`FILE_ROWS` rows in each."""
        return cls(without_rows(table), tuple(min(FILE_ROWS, table.rows - first) for first in range(0, table.rows, FILE_ROWS)), table)

    def cut(self, block: int, columns: Collection[str] | None = None) -> Table:
        """A block by its number."""
        first, last = self.starts[block], self.starts[block + 1]
        found = {name: values[first:last] for name, values in self.table.columns.items() if columns is None or name in columns}
        return self.made(block, found)


def first_findings(found: Iterable[str]) -> Iterator[str]:
    """What was found in the files that cells of several blocks name: the first lines, and how many more there are."""
    lines = list(found)
    yield from lines[:MAX_FINDINGS]
    if len(lines) > MAX_FINDINGS:
        yield f"{len(lines) - MAX_FINDINGS:,} more such lines of other blocks of rows"


def without_rows(table: Table) -> Table:
    """A table that has the columns of another, and none of its rows."""
    return replace(table, columns={name: column[:0] for name, column in table.columns.items()}, rows=0, lines=None)
