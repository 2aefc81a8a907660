"""Cuts pieces of a text table into cells: by polars where that surely does what the standard library's reader does, else by that."""

from __future__ import annotations

import io
from collections import deque
from collections.abc import Collection, Sequence
from typing import Any, Final

import numpy as np
import polars as pl

from nntrain.data.dialect import Dialect
from nntrain.data.records import MAX_CELL, Record, ragged, read_records
from nntrain.data.structure import Structure
from nntrain.data.text_pieces import Coding
from nntrain.errors import DataError

MIN_PLAIN: Final = 2**12
"""Bytes below which asking polars takes longer than it saves."""


class Cells:
    """The records of a piece, neither blank nor comments: as records, or as a frame where each is a line of one width."""

    def __init__(self, records: Sequence[Record], frame: pl.DataFrame | None, first: int, after: int, *, may_hold_zeros: bool) -> None:
        self._records, self._frame, self._first = records, frame, first
        self.after = after
        """Number of the line after the piece."""
        self.may_hold_zeros = may_hold_zeros

    @classmethod
    def of_records(cls, records: Sequence[Record]) -> Cells:
        """Some records."""
        return cls(records, None, 1, 1, may_hold_zeros=True)

    def __len__(self) -> int:
        return len(self._records) if self._frame is None else self._frame.height

    def head(self, count: int) -> Cells:
        """The first of them."""
        frame = None if self._frame is None else self._frame.head(count)
        return Cells(self._records[:count], frame, self._first, self.after, may_hold_zeros=self.may_hold_zeros)

    def records(self) -> Sequence[Record]:
        """All of them as records."""
        if self._frame is None:
            return self._records
        return [Record(list(cells), line, line) for line, cells in enumerate(self._frame.iter_rows(), self._first)]

    def but_last(self, room: int, tail: deque[Record]) -> tuple[list[Cells], deque[Record]]:
        """Those of which `room` others come later, with the last ones of earlier pieces before them; and the last ones."""
        if self._frame is not None and self._frame.height > room:
            count = self._frame.height - room
            last = [Record(list(cells), line, line) for line, cells in enumerate(self._frame.tail(room).iter_rows(), self._first + count)]
            return [*([Cells.of_records(list(tail))] if tail else []), self.head(count)], deque(last)
        every = [*tail, *self.records()]
        count = max(0, len(every) - room)
        return [Cells.of_records(every[:count])] if count else [], deque(every[count:])

    def check_width(self, name: str, structure: Structure) -> None:
        """Refuse records of another width than the table. Raises `DataError` that names the first."""
        width = len(structure.columns)
        misfit = next((record for record in self._records if len(record.cells) != width), None)
        if misfit is not None:
            raise ragged(name, misfit, width, structure.header_line)

    def columns(self, wanted: Collection[str], names: Sequence[str]) -> dict[str, pl.Series]:
        """Some columns of a table with these names, in its order; all records have its width."""
        places = {name: place for place, name in enumerate(names) if name in wanted}
        if self._frame is not None:
            return {name: self._frame.to_series(place).alias(name) for name, place in places.items()}
        return {name: pl.Series(name, [record.cells[place] for record in self._records], dtype=pl.String) for name, place in places.items()}

    def lines(self) -> np.ndarray[Any, Any]:
        """The line that each starts at, int64 `[N]`."""
        if self._frame is not None:
            return np.arange(self._first, self._first + self._frame.height, dtype=np.int64)
        return np.array([record.start for record in self._records], dtype=np.int64)


def cut_cells(content: bytes, coding: Coding, dialect: Dialect, name: str, line: int) -> tuple[Cells, DataError | None]:
    """The records of a piece that begins with a line.

    Returns:
        Them, and what is to be said if the file ends here, where a quote is still open: then the last record goes on in the next piece.

    Raises:
        DataError: Bytes are no text, or a record can't be cut into cells.
    """
    plain = plain_cells(content, coding, dialect)
    if plain is not None:
        return Cells([], plain, line, line + plain.height, may_hold_zeros=False), None
    text = coding.decode(content, name, line)
    count = line
    records: list[Record] = []
    try:
        records.extend(read_records(io.StringIO(text, newline=""), dialect.delimiter, name, dialect.comment, line))
    except DataError as error:
        if "never closed" not in error.message:
            raise
        return Cells(records, None, line, line, may_hold_zeros=True), error
    count += sum(1 for _ in io.StringIO(text, newline=""))
    return Cells(records, None, line, count, may_hold_zeros="\0" in text), None


def plain_cells(content: bytes, coding: Coding, dialect: Dialect) -> pl.DataFrame | None:
    """The cells of a piece in which each line is a record of the width of the table; `None` where that is not sure."""
    width = len(dialect.structure.columns)
    if width < 2 or len(content) < MIN_PLAIN or coding.codec.startswith("utf-16") or not content.endswith(b"\n"):
        return None
    if b'"' in content or b"\0" in content or content.startswith(b"\xef\xbb\xbf"):
        return None
    if b"\r" in content:
        if content.count(b"\r") != content.count(b"\r\n"):
            return None
        content = content.replace(b"\r\n", b"\n")
    if dialect.comment is not None and dialect.comment.encode(coding.codec, "ignore") in content:
        return None
    try:
        if coding.codec != "utf-8":
            content = content.decode(coding.codec).encode()
        rows = content.count(b"\n")
        if content.count(dialect.delimiter.encode()) != (width - 1) * rows:
            return None
        schema = {f"{place}": pl.String for place in range(width)}
        frame = pl.read_csv(content, has_header=False, separator=dialect.delimiter, quote_char=None, schema=schema)
    except (pl.exceptions.PolarsError, UnicodeDecodeError):
        return None  # told with its line by the careful way
    if frame.height != rows or any((cells.str.len_bytes() > MAX_CELL).any() for cells in frame.iter_columns()):
        return None
    return frame.fill_null("")
