"""Records as JSON, one a line."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, cast

from nntrain.data.dialect import PEEK_ROWS
from nntrain.data.facts import facts_of_cells
from nntrain.data.header import ArrayKind, Header, HeaderColumn
from nntrain.data.program_columns import joined_tokens
from nntrain.data.sources.source import GivenFiles
from nntrain.data.text_file import cut_lines, decode, head_of, opened_text
from nntrain.errors import DataError

if TYPE_CHECKING:
    from nntrain.data.blocks import Blocks
    from nntrain.data.table import Table


class JsonLines(GivenFiles):
    """Records as JSON, one a line: `{"age": 41, "word": "yes"}`; also packed, `.jsonl.gz`. A list of numbers is an array."""

    reads_blocks: ClassVar[bool] = True

    type: Literal["jsonl"] = "jsonl"
    missing: tuple[str, ...] = ("",)
    """Texts that stand for no value, beside null and keys that are not there."""

    @property
    def missing_words(self) -> frozenset[str]:
        """The words of `missing`."""
        return frozenset(self.missing)

    def peek(self, path: Path, name: str) -> Header:
        """Names and first values. Raises `DataError` that names the line of a fault."""
        content, is_cut = head_of(path, name)
        lines = cut_lines(decode(content, "utf-8-sig", name, is_cut=is_cut, is_fixed=True))
        records = list(records_of(lines[:-1] if is_cut and len(lines) > 1 else lines, name))
        if not records:
            raise DataError(f"{name} is empty")
        is_whole = not is_cut and len(records) <= PEEK_ROWS
        columns = _columns([record for _, record in records[:PEEK_ROWS]])
        return Header(
            name,
            tuple(self._peeked(name, column, cells, is_whole=is_whole) for column, cells in columns.items()),
            len(records) if is_whole else None,
        )

    def read(self, path: Path, name: str) -> Table:
        """All records. Raises `DataError` that names the line of a fault."""
        import numpy as np

        from nntrain.data.numerals import POINT
        from nntrain.data.table import Table

        with opened_text(path, "utf-8-sig", name, is_fixed=True, ends="\n") as file:
            records = list(records_of(file, name))
        if not records:
            raise DataError(f"{name} is empty")
        lines = np.array([line for line, _ in records], dtype=np.int64)
        table = Table.of_cells(_columns([record for _, record in records]), self.missing_words, POINT, name)
        return Table(name, table.columns, table.rows, lines, self.missing_words)

    def blocks(self, path: Path, name: str, size: int) -> Blocks:
        """All records, a block at a time. Raises `DataError` that names the line of a fault."""
        from nntrain.data.json_reading import json_blocks

        return json_blocks(path, self, name, size)

    def _peeked(self, file: str, name: str, cells: Sequence[Any], *, is_whole: bool) -> HeaderColumn:
        joined = joined_tokens(file, name, cells)
        cells = cells if joined is None else joined
        shape, kind = _shape(next(filter(_is_list, cells), None))
        if shape:
            return HeaderColumn(name, shape, kind)
        texts = [_text(cell) for cell in cells]
        present = [None if text is None or text in self.missing_words else text for text in texts]
        return HeaderColumn(name, (), "text", facts_of_cells(present, is_complete=is_whole))


def records_of(lines: Iterable[str], name: str, first: int = 1) -> Iterator[tuple[int, dict[str, Any]]]:
    """The records of some lines, each with the number of its line; `first` is that of the first line.

    Raises `DataError` for a line that is none.
    """
    for line, text in enumerate(lines, first):
        if not text.strip():
            continue
        try:
            record: Any = json.loads(text)
        except (ValueError, RecursionError) as error:
            hint = "each line is one JSON object; a file that is one list is written anew with a record a line" if line == 1 else None
            raise DataError(f"{name}: line {line} is no JSON: {error}", hint) from None
        if not isinstance(record, dict):
            raise DataError(f"{name}: line {line} is no JSON object: {text.strip()[:40]}", 'a record is {"name": value, …}')
        found = cast("dict[str, Any]", record)
        nested = next((key for key, value in found.items() if isinstance(value, dict)), None)
        if nested is not None:
            raise DataError(
                f"{name}: line {line}: {nested} is an object; values are numbers, text, true, false, null or lists", "flatten it"
            )
        yield line, found


def _columns(records: list[dict[str, Any]]) -> dict[str, list[Any]]:
    names = dict.fromkeys(key for record in records for key in record)
    return {name: [record.get(name) for record in records] for name in names}


def _shape(value: object) -> tuple[tuple[int, ...], ArrayKind]:
    """Axes of nested lists, and what they hold."""
    shape: list[int] = []
    while isinstance(value, list) and value:
        shape.append(len(cast("list[object]", value)))
        value = cast("list[object]", value)[0]
    kind: ArrayKind = (
        "text" if isinstance(value, str) else "bool" if isinstance(value, bool) else "int" if isinstance(value, int) else "float"
    )
    return tuple(shape), kind


def _is_list(cell: object) -> bool:
    return isinstance(cell, list)


def _text(cell: object) -> str | None:
    """A value as `Table.of_cells` has it."""
    if cell is None or cell != cell:
        return None
    if isinstance(cell, bool):
        return str(cell).lower()
    return str(int(cell)) if isinstance(cell, float) and cell.is_integer() else str(cell).strip()
