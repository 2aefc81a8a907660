"""Reads the headers and first values of the arrays in a `.npz` file with the standard library. Nothing is ever unpickled.

The format: numpy.lib.format (versions 1.0 to 3.0), one `.npy` member an array in a zip file.
"""

from __future__ import annotations

import ast
import struct
import zipfile
from pathlib import Path
from typing import IO, Any, Final

from nntrain.data.facts import Facts, facts_of_cells
from nntrain.data.header import ArrayKind, Header, HeaderColumn
from nntrain.errors import DataError

PEEK_VALUES: Final = 1_000
_MAX_HEADER: Final = 65_536
_MAGIC: Final = b"\x93NUMPY"
_KINDS: Final[dict[str, ArrayKind]] = {"b": "bool", "i": "int", "u": "int", "f": "float", "U": "text", "S": "text"}
_FORMATS: Final = {
    "b1": "?",
    "i1": "b",
    "i2": "h",
    "i4": "i",
    "i8": "q",
    "u1": "B",
    "u2": "H",
    "u4": "I",
    "u8": "Q",
    "f2": "e",
    "f4": "f",
    "f8": "d",
}


def peek_npz(path: Path, name: str) -> Header:
    """Names, shapes and kinds of the arrays, and facts of the first values of those that have one value per row.

    Raises:
        DataError: The file is no `.npz`, is damaged, or holds Python objects.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = [member for member in archive.namelist() if member.endswith(".npy")]
            columns = tuple(_peek_member(archive, member, name) for member in members)
    except (zipfile.BadZipFile, EOFError, OSError, ValueError, SyntaxError, struct.error, KeyError) as error:
        raise DataError(f"{name} is no .npz file, or is damaged: {error}") from None
    if not columns:
        raise DataError(f"{name} holds no arrays")
    return Header(name, columns, rows_of([column.rows or 0 for column in columns]))


def rows_of(lengths: list[int]) -> int:
    """Number of records: the length that most arrays have. Of two the smaller: the steps of ragged series are more than their rows."""
    return max(sorted(set(lengths)), key=lengths.count)


def _peek_member(archive: zipfile.ZipFile, member: str, file: str) -> HeaderColumn:
    name = member.removesuffix(".npy")
    with archive.open(member) as stream:
        described = _described(stream)
        dtype, shape = described["descr"], described["shape"]
        if not isinstance(dtype, str) or dtype[1:2] not in _KINDS:
            raise DataError(
                f"{file}: array {name!r} holds Python objects or records ({dtype}), which are not read", "save plain numbers or text"
            )
        if not shape:
            raise DataError(f"{file}: array {name!r} is one single value; arrays have one row per record")
        kind: ArrayKind = "uint8" if dtype[1:] == "u1" else _KINDS[dtype[1]]
        facts = _facts(stream, dtype, shape[0]) if len(shape) == 1 else None
    return HeaderColumn(name, tuple(shape[1:]), kind, facts, shape[0])


def _described(stream: IO[bytes]) -> dict[str, Any]:
    start = stream.read(8)
    if start[:6] != _MAGIC:
        raise ValueError("a member is no array")
    size = struct.unpack("<H", stream.read(2))[0] if start[6] == 1 else struct.unpack("<I", stream.read(4))[0]
    if size > _MAX_HEADER:
        raise ValueError("the header of an array is too long")
    return ast.literal_eval(stream.read(size).decode("utf-8" if start[6] >= 3 else "latin-1"))


def _facts(stream: IO[bytes], dtype: str, rows: int) -> Facts | None:
    """Facts of the first values of an array `[N]`."""
    count = min(rows, PEEK_VALUES)
    cells: list[str | None]
    if dtype[1] in "US":
        width = int(dtype[2:]) * (4 if dtype[1] == "U" else 1)
        encoding = "latin-1" if dtype[1] == "S" else "utf-32-be" if dtype[0] == ">" else "utf-32-le"
        content = stream.read(count * width)
        texts = (content[at : at + width].decode(encoding).rstrip("\0").strip() for at in range(0, count * width, width) if width)
        cells = [text or None for text in texts] if width else [None] * count
    else:
        values = _values(stream, dtype, count)
        whole = all(value != value or value in (float("inf"), float("-inf")) or value == int(value) for value in values)
        cells = [_cell(value, whole=whole) for value in values]
    return facts_of_cells(cells, is_complete=count == rows)


def _values(stream: IO[bytes], dtype: str, count: int) -> tuple[Any, ...]:
    code = f"{'>' if dtype[0] == '>' else '<'}{count}{_FORMATS[dtype[1:]]}"
    return struct.unpack(code, stream.read(struct.calcsize(code)))


def _cell(value: bool | float, *, whole: bool) -> str | None:
    if isinstance(value, bool):
        return str(value).lower()
    if value != value:
        return None
    return str(int(value)) if whole and abs(value) != float("inf") else str(value)
