"""Reads the headers and first values of the arrays in a `.npz` file with the standard library. Nothing is ever unpickled.

The format: numpy.lib.format (versions 1.0 to 3.0), one `.npy` member an array in a zip file.
"""

from __future__ import annotations

import ast
import struct
import zipfile
import zlib
from pathlib import Path
from typing import IO, Final, cast

from nntrain.data.facts import RowFacts, facts_of_cells
from nntrain.data.header import ArrayKind, Header, HeaderColumn
from nntrain.data.unpacking import MAX_ARRAY, refuse_bomb
from nntrain.errors import DataError

FAULTS: Final = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    OSError,
    ValueError,
    SyntaxError,
    TypeError,
    RuntimeError,  # an encrypted member, an unknown compression
    MemoryError,  # a header that asks for more values than there can be
)
"""What reading a damaged or foreign file may raise."""

LARGEST_WHOLE: Final = 2.0**63
"""From here on a whole number stays a float: int64 ends."""

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
            columns = tuple(_peek_member(archive, member, name) for member in archive.namelist())
    except FAULTS as error:
        raise damaged(name, error) from None
    if not columns:
        raise DataError(f"{name} holds no arrays")
    return Header(name, columns, rows_of([column.rows or 0 for column in columns]))


def damaged(name: str, error: Exception) -> DataError:
    """What to say of a file that cannot be read."""
    why = "an array is larger than the memory" if isinstance(error, MemoryError) else str(error)
    return DataError(f"{name} is no .npz file, or is damaged: {why}", "numpy.savez(FILE, x=…, y=…) writes such files")


def rows_of(lengths: list[int]) -> int:
    """Number of records: the length that most arrays have. Of two the smaller: the steps of ragged series are more than their rows."""
    return max(sorted(set(lengths)), key=lengths.count)


def _peek_member(archive: zipfile.ZipFile, member: str, file: str) -> HeaderColumn:
    name = member.removesuffix(".npy")
    if name == member:
        raise DataError(f"{file}: {member!r} is no array", "a .npz file holds nothing but .npy members; take it out")
    refuse_bomb(archive.getinfo(member), file, MAX_ARRAY)
    with archive.open(member) as stream:
        dtype, shape = _described(stream)
        if not isinstance(dtype, str) or dtype[1:2] not in _KINDS:
            raise DataError(
                f"{file}: array {name!r} holds Python objects or records ({dtype}), which are not read",
                "save plain numbers or text; rows of different lengths are one array with all steps and one with the number of steps "
                "of each row: {type: series, values: STEPS, lengths: LENGTHS}",
            )
        if dtype[1] not in "US" and dtype[1:] not in _FORMATS:
            raise DataError(f"{file}: array {name!r} holds numbers of a kind ({dtype}) that is not read", "save it as float64 or int64")
        if not shape:
            raise DataError(f"{file}: array {name!r} is one single value; arrays have one row per record")
        if 0 in shape:
            raise DataError(f"{file}: array {name!r} {list(shape)} holds no values", "leave it out of the file")
        kind: ArrayKind = "uint8" if dtype[1:] == "u1" else _KINDS[dtype[1]]
        facts = _facts(stream, dtype, shape[0]) if len(shape) == 1 else None
    return HeaderColumn(name, tuple(shape[1:]), kind, facts, shape[0])


def _described(stream: IO[bytes]) -> tuple[object, tuple[int, ...]]:
    """Type and shape of an array. Raises `ValueError` and the like for what is none."""
    start = stream.read(8)
    if start[:6] != _MAGIC:
        raise ValueError("a member is no array")
    size = struct.unpack("<H", stream.read(2))[0] if start[6] == 1 else struct.unpack("<I", stream.read(4))[0]
    if size > _MAX_HEADER:
        raise ValueError("the header of an array is too long")
    found: object = ast.literal_eval(stream.read(size).decode("utf-8" if start[6] >= 3 else "latin-1"))
    described = cast("dict[object, object]", found) if isinstance(found, dict) else {}
    shape = described.get("shape")
    sizes = cast("tuple[object, ...]", shape) if isinstance(shape, tuple) else (None,)
    whole = tuple(size for size in sizes if type(size) is int and size >= 0)
    if "descr" not in described or len(whole) != len(sizes):
        raise ValueError("the header of an array names no type and shape")
    return described["descr"], whole


def _facts(stream: IO[bytes], dtype: str, rows: int) -> RowFacts | None:
    """Facts of the first values of an array `[N]`."""
    count = min(rows, PEEK_VALUES)
    cells: list[str | None]
    if dtype[1] in "US":
        width = int(dtype[2:]) * (4 if dtype[1] == "U" else 1)  # a type such as <Ux is a `ValueError`
        encoding = "latin-1" if dtype[1] == "S" else "utf-32-be" if dtype[0] == ">" else "utf-32-le"
        content = stream.read(count * width)
        texts = (content[at : at + width].decode(encoding).rstrip("\0").strip() for at in range(0, count * width, width) if width)
        cells = [text or None for text in texts] if width else [None] * count
    else:
        cells = [_cell(value) for value in _values(stream, dtype, count)]
    return facts_of_cells(cells, is_complete=count == rows)


def _values(stream: IO[bytes], dtype: str, count: int) -> tuple[float, ...]:
    code = f"{'>' if dtype[0] == '>' else '<'}{count}{_FORMATS[dtype[1:]]}"
    return struct.unpack(code, stream.read(struct.calcsize(code)))


def _cell(value: bool | float) -> str | None:
    if isinstance(value, bool):
        return str(value).lower()
    if value != value:
        return None
    return str(int(value)) if abs(value) < LARGEST_WHOLE and value == int(value) else str(value)
