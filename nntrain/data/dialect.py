"""How a text table is written: found from its first lines. Plain Python."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from nntrain.data.numerals import POINT, Numerals
from nntrain.errors import DataError

if TYPE_CHECKING:
    from nntrain.data.sources.csv import Csv

PEEK_BYTES: Final = 65_536
PEEK_ROWS: Final = 1_000
MAX_CELL: Final = 131_072

PLAIN: Final = "',' between columns, UTF-8, header in line 1"
"""A dialect of which nothing is to be told."""

_DELIMITERS: Final = (",", ";", "\t", "|")
_NAMES: Final = {",": "','", ";": "';'", "\t": "tab", "|": "'|'"}
_COMMAS: Final = re.compile(r"[+-]?\d+(,\d+)+")
_GROUPED: Final = re.compile(r"[+-]?[1-9]\d{0,2}(,\d{3})+")
_DECIMAL_COMMA: Final = re.compile(r"[+-]?\d+,\d+")
_DECIMAL_POINT: Final = re.compile(r"[+-]?\d*\.\d+")


@dataclass(frozen=True, slots=True)
class Dialect:
    """Everything that is needed to read a text table."""

    delimiter: str
    numerals: Numerals
    encoding: str
    columns: tuple[str, ...]
    has_header: bool
    missing: frozenset[str]

    def describe(self) -> str:
        """In words: `';' between columns, '1.234,56' as numbers, UTF-8, header in line 1`."""
        numbers = "" if self.numerals == POINT else f", '1{self.numerals.thousands or ''}234{self.numerals.decimal}56' as numbers"
        header = "header in line 1" if self.has_header else "no header"
        return f"{_NAMES[self.delimiter]} between columns{numbers}, {self.encoding.removesuffix('-sig').upper()}, {header}"


@dataclass(frozen=True, slots=True)
class Sample:
    """The first records of a text table."""

    dialect: Dialect
    records: tuple[tuple[str | None, ...], ...]
    """Cells by row, stripped, `None` where missing."""
    is_whole: bool
    """Whether the file has no more rows."""


def look(path: Path, source: Csv, name: str) -> Sample:
    """Read the first 64 kB or 1,000 rows of a text table and find its dialect.

    Raises:
        DataError: The file is empty, binary or no text in the encoding, two columns have one name, a row has another number of
            cells than the header, or the commas in its numbers can be read in two ways.
    """
    content, is_cut = _head(path, name)
    encoding = source.encoding or _encoding(content)
    text = _decode(content, "utf-8-sig" if encoding == "utf-8" else encoding, name, is_cut=is_cut)
    if not text.strip():
        raise DataError(f"{name} is empty")
    delimiter = source.delimiter or _delimiter(text)
    records = _records(text, delimiter, name, is_cut=is_cut)
    columns = _columns(records[0].cells, source, name)
    body = records[1 if source.header else 0 :]
    misfit = next((record for record in body if len(record.cells) != len(columns)), None)
    if misfit is not None:
        raise ragged(name, misfit, len(columns), has_header=source.header)
    if not body and not is_cut:
        raise no_rows(name, has_header=source.header)
    missing = source.missing_words
    cells = tuple(tuple(clean(cell, missing) for cell in record.cells) for record in body[:PEEK_ROWS])
    is_open = source.decimal is None and source.thousands not in (".", ",")
    numerals = Numerals(_decimal(cells, name), source.thousands) if is_open else source.numerals
    dialect = Dialect(delimiter, numerals, "utf-8-sig" if encoding == "utf-8" else encoding, columns, source.header, missing)
    return Sample(dialect, cells, not is_cut and len(body) <= PEEK_ROWS)


def _head(path: Path, name: str) -> tuple[bytes, bool]:
    """The first bytes of a file, and whether it has more; enough of them for two whole lines."""
    size = PEEK_BYTES
    try:
        with path.open("rb") as file:
            content = file.read(size)
            while len(content) == size and content.count(b"\n") < 2:
                content += file.read(size)
                size *= 2
            return content, bool(file.read(1))
    except OSError as error:
        raise unreadable_file(name, error) from None


def clean(cell: str, missing: frozenset[str]) -> str | None:
    """A cell without blanks around it, `None` for one that holds no value."""
    stripped = cell.strip()
    return None if stripped in missing else stripped


def no_text(name: str, content: bytes, error: UnicodeDecodeError) -> DataError:
    """What to say of bytes that are no text in the encoding."""
    line = content.count(b"\n", 0, error.start) + 1
    message = f"{name}: line {line} is not {error.encoding.removesuffix('-sig')}: byte 0x{content[error.start]:02x}"
    return DataError(message, "save the file as UTF-8, or say data.source.encoding: latin-1 (or cp1252, utf-16)")


def _encoding(content: bytes) -> str:
    return "utf-16" if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8"


def _decode(content: bytes, encoding: str, name: str, *, is_cut: bool) -> str:
    if encoding != "utf-16" and b"\0" in content:
        kind = "an Excel file" if content.startswith(b"PK") else "no text"
        raise DataError(f"{name} is {kind}: it holds zero bytes", "save it as csv; nntrain reads tables as text")
    try:
        return codecs.getincrementaldecoder(encoding)().decode(content, final=not is_cut)
    except UnicodeDecodeError as error:
        raise no_text(name, content, error) from None


@dataclass(frozen=True, slots=True)
class Record:
    """The cells of one row, and the first and last line that it stands in."""

    cells: list[str]
    start: int
    end: int


def ragged(name: str, record: Record, width: int, *, has_header: bool) -> DataError:
    """What to say of a row that has another number of cells than the header."""
    wanted = f"line 1 has {width}" if has_header else f"{width} are expected"
    where = f"line {record.start}" if record.start == record.end else f"lines {record.start} to {record.end}"
    count = f"{len(record.cells)} {'cell' if len(record.cells) == 1 else 'cells'}"
    hint = "a cell that holds the delimiter needs double quotes around it; another delimiter is set by data.source.delimiter"
    return DataError(f"{name}: {where} has {count}, {wanted}", hint)


def no_rows(name: str, *, has_header: bool) -> DataError:
    """What to say of a file without rows."""
    return DataError(f"{name} has no rows" + (" below its header" if has_header else ""))


def broken(name: str, start: int, error: csv.Error) -> DataError:
    """What to say of a row that cannot be cut into cells."""
    if "limit" in str(error):
        message = f"{name}: line {start}: a cell has more than {MAX_CELL:,} characters"
        return DataError(message, "if none should: a double quote is opened in this row and not closed, or the delimiter is another")
    return DataError(f"{name}: line {start}: {'a quote is never closed' if 'unexpected end' in str(error) else error}")


def unreadable_file(name: str, error: OSError) -> DataError:
    """What to say of a file that the system does not give."""
    return DataError(f"{name} cannot be read: {error.strerror or error}")


def _records(text: str, delimiter: str, name: str, *, is_cut: bool) -> list[Record]:
    """The records of a text; the last is dropped where the text was cut in its middle. Raises `DataError`."""
    found: list[Record] = []
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    start = 1
    try:
        for row in rows:
            if not is_blank(row):
                found.append(Record(row, start, rows.line_num))
            start = rows.line_num + 1
    except csv.Error as error:
        if not is_cut or not found or "unexpected end" not in str(error):
            raise broken(name, start, error) from None
        return found
    return found[:-1] if is_cut and len(found) > 1 else found


def is_blank(record: list[str]) -> bool:
    """Whether a record is an empty line."""
    return not record or (len(record) == 1 and not record[0].strip())


def _delimiter(text: str) -> str:
    """The mark that cuts the first line into several columns, and most of the following ones into as many."""
    ranks: list[tuple[float, int, str]] = []
    head = "\n".join(text.splitlines()[:101])
    for mark in _DELIMITERS:
        first, *rest = _widths(head, mark) or [0]
        share = sum(width == first for width in rest) / len(rest) if rest else 1.0
        if first > 1:
            ranks.append((share, first, mark))
    return max(ranks, key=lambda rank: rank[:2])[2] if ranks else ","


def _widths(text: str, delimiter: str) -> list[int]:
    """Cells of each row, as far as a text can be cut by a mark."""
    found: list[int] = []
    with suppress(csv.Error):  # told with its line once the delimiter is known
        found.extend(len(record) for record in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter) if not is_blank(record))
    return found


def _columns(first: list[str], source: Csv, name: str) -> tuple[str, ...]:
    if not source.header:
        given = source.columns or tuple(f"column_{index + 1}" for index in range(len(first)))
        if len(given) != len(first):
            raise DataError(f"{name}: line 1 has {len(first)} columns and data.source.columns names {len(given)}")
        return given
    columns = tuple(cell.strip() or f"unnamed_{index + 1}" for index, cell in enumerate(first))
    twice = next((column for column, count in Counter(columns).items() if count > 1), None)
    if twice is not None:
        places = " and ".join(str(index + 1) for index, column in enumerate(columns) if column == twice)
        raise DataError(f"{name}: line 1 names the columns {places} {twice!r}", "give each column its own name")
    return columns


def _decimal(cells: tuple[tuple[str | None, ...], ...], name: str) -> str:
    """A comma where numbers are written with one, and none with a point.

    Raises:
        DataError: All numbers with a comma have three digits after it: `2,052` may be 2052 as well as 2.052.
    """
    present = [cell for record in cells for cell in record if cell is not None]
    if any(_DECIMAL_POINT.fullmatch(cell) for cell in present):
        return "."
    commas = [cell for cell in present if _COMMAS.fullmatch(cell)]
    if commas and all(_GROUPED.fullmatch(cell) for cell in commas):
        raise _two_readings(name, commas)
    return "," if any(_DECIMAL_COMMA.fullmatch(cell) for cell in commas) else "."


def _two_readings(name: str, commas: list[str]) -> DataError:
    """What to say of commas that may stand between thousands or before decimals."""
    shown = ", ".join(repr(cell) for cell in dict.fromkeys(commas[:3]))
    cell = next((cell for cell in commas if cell.count(",") == 1), commas[0])
    whole, point = cell.replace(",", ""), cell.replace(",", ".")
    second = f" or {point}" if cell.count(",") == 1 else ""
    return DataError(
        f"{name}: commas in numbers can be read in two ways: {shown}; is {cell!r} {whole}{second}?",
        f"data.source.thousands: ','   reads {whole}\n   data.source.decimal: ','   reads {point}"
        "\n   data.source.decimal: '.'   keeps such cells as text",
    )
