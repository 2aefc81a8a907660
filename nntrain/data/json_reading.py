"""Reads JSON lines a block of rows at a time; what a column is, all its cells decide, in one pass before."""

from __future__ import annotations

import io
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import polars as pl

from nntrain.data.blocks import BLOCK_BYTES, BLOCK_ROWS, Blocks, Stamp
from nntrain.data.numerals import POINT
from nntrain.data.program_columns import bad_token, one_shape, text_column
from nntrain.data.sources.jsonl import JsonLines, records_of
from nntrain.data.table import Table
from nntrain.data.text_pieces import Coding, Places, Stretch, pieces_of
from nntrain.errors import DataError

if TYPE_CHECKING:
    from nntrain.data.table import Column


@dataclass(frozen=True, slots=True)
class Kind:
    """What a column is."""

    shape: tuple[int, ...] | None = None
    """Axes of the array of each row; `None` for single values."""
    dtype: Any = None
    is_tokens: bool = False
    """Whether its cells are lists of texts, which are read as texts with blanks between them."""

    def column(self, file: str, name: str, cells: Sequence[Any]) -> Column:
        """Its cells of some rows."""
        if self.is_tokens:
            return pl.Series(name, [None if cell is None else " ".join(cell) for cell in cells], dtype=pl.String)
        if self.shape is None:
            return text_column(name, cells, POINT)
        try:
            return np.stack([np.asarray(cell) for cell in cells]).astype(self.dtype) if cells else np.empty((0, *self.shape), self.dtype)
        except ValueError:
            raise one_shape(file, name) from None


@dataclass(frozen=True, slots=True)
class JsonBlocks(Blocks):
    """The blocks of a file of JSON lines."""

    kinds: dict[str, Kind]
    coding: Coding
    stretches: tuple[Stretch, ...]
    places: Places

    @property
    def way(self) -> dict[str, Any]:
        """How cells become rows, beside the settings."""
        return {**super(JsonBlocks, self).way, "kinds": self.kinds}

    def cut(self, block: int, columns: Collection[str] | None = None) -> Table:
        """A block by its number."""
        stretch = self.stretches[block]
        content = self.coding.decode(self.places.read(stretch), self.frame.name, stretch.line)
        records = list(records_of(io.StringIO(content, newline="\n"), self.frame.name, stretch.line))
        if len(records) != self.sizes[block]:
            raise self.changed()
        wanted = [name for name in self.kinds if columns is None or name in columns]
        found = {name: self.kinds[name].column(self.frame.name, name, [record.get(name) for _, record in records]) for name in wanted}
        return self.made(block, found, np.array([line for line, _ in records], dtype=np.int64))


def json_blocks(path: Path, source: JsonLines, name: str, size: int = BLOCK_BYTES) -> JsonBlocks:
    """Go through a file of JSON lines once, and note where its blocks of about `size` bytes are. Raises `DataError` as reading does."""
    stamp = Stamp.of(path, name)
    stretches: list[Stretch] = []
    sizes: list[int] = []
    seen: dict[str, _Seen] = {}
    with pieces_of(path, "utf-8-sig", name, is_fixed=True, ends=("\n",)) as (pieces, coding):
        line = 1
        while True:
            start = pieces.start
            content = pieces.take(size)
            if not content:
                break
            text = coding.decode(content, name, line)
            records = [record for _, record in records_of(io.StringIO(text, newline="\n"), name, line)]
            if records:
                stretches.append(Stretch(start, len(content), line))
                sizes.append(len(records))
                _look(seen, records, sum(sizes[:-1]))
                size = min(size, BLOCK_ROWS * len(content) // len(records) + 1)
            line += sum(1 for _ in io.StringIO(text, newline="\n"))
    stamp.check(name)
    if not sizes:
        raise DataError(f"{name} is empty")
    kinds = {column: cells.kind(name, column) for column, cells in seen.items()}
    columns = {column: kind.column(name, column, ()) for column, kind in kinds.items()}
    frame = Table(name, columns, 0, missing=source.missing_words)
    return JsonBlocks(frame, tuple(sizes), kinds, coding, tuple(stretches), Places(path, name), stamp=stamp)


class _Seen:
    """What the cells of a column were so far, keys that are not there included."""

    def __init__(self) -> None:
        self._has_lists = self._has_filled = self._has_others = self._is_ragged = False
        self._has_none = False
        self._are_texts = True
        self._shapes: set[tuple[int, ...]] = set()
        self._dtype: Any = None
        self._bad: tuple[int, str] | None = None

    def add(self, cells: Sequence[Any], first: int) -> None:
        """Look at the cells of rows from number `first` on."""
        lists = [cast("list[Any]", cell) for cell in cells if isinstance(cell, list)]
        self._has_none |= any(cell is None for cell in cells)
        self._has_others |= any(not isinstance(cell, list) and cell is not None for cell in cells)
        if not lists:
            return
        self._has_lists = True
        self._has_filled |= any(lists)
        self._are_texts = self._are_texts and all(isinstance(token, str) for tokens in lists for token in tokens)
        if self._are_texts and self._bad is None:
            self._bad = next(_bad_tokens(cells, first), None)
        try:
            for cell in lists:
                array = np.asarray(cell)
                self._shapes.add(array.shape)
                self._dtype = array.dtype if self._dtype is None else np.result_type(self._dtype, array.dtype)
        except ValueError:  # lists in it are of different lengths
            self._is_ragged = True

    def kind(self, file: str, name: str) -> Kind:
        """What the column is. Raises `DataError` where its cells do not go together."""
        if not self._has_lists:
            return Kind()
        if self._has_filled and not self._has_others and self._are_texts:
            if self._bad is not None:
                raise bad_token(file, name, *self._bad)
            return Kind(is_tokens=True)
        if self._has_none or self._has_others or self._is_ragged or len(self._shapes) != 1:
            raise one_shape(file, name)
        return Kind(next(iter(self._shapes)), self._dtype)


def _bad_tokens(cells: Sequence[Any], first: int) -> Iterator[tuple[int, str]]:
    """The rows in which a text of a list is no token, and it."""
    for row, cell in enumerate(cells, first):
        if isinstance(cell, list):
            yield from ((row, token) for token in cast("list[str]", cell) if token.split() != [token])


def _look(seen: dict[str, _Seen], records: Sequence[dict[str, Any]], first: int) -> None:
    """Look at some records, of which the first is row number `first`."""
    names = dict.fromkeys([*seen, *(key for record in records for key in record)])
    for name in names:
        if name not in seen:
            seen[name] = _Seen()
            if first:
                seen[name].add([None], 0)  # rows before have no such key
        seen[name].add([record.get(name) for record in records], first)
