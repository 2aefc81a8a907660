"""Cuts text into records of cells, and tells what is wrong with one by its line. Plain Python."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from nntrain.errors import DataError

MAX_CELL: Final = 131_072

_DELIMITERS: Final = (",", ";", "\t", "|")


@dataclass(frozen=True, slots=True)
class Record:
    """The cells of one row, and the first and last line that it stands in."""

    cells: list[str]
    start: int
    end: int

    @property
    def filled(self) -> int:
        """Cells that hold something."""
        return sum(bool(cell.strip()) for cell in self.cells)

    @property
    def first(self) -> str:
        """The first cell that holds something."""
        return next((cell.strip() for cell in self.cells if cell.strip()), "")

    @property
    def place(self) -> str:
        """Where it stands: `line 7`, `lines 7 to 9`."""
        return f"line {self.start}" if self.start == self.end else f"lines {self.start} to {self.end}"


def read_records(file: Iterator[str], delimiter: str, name: str, comment: str | None = None, first: int = 1) -> Iterator[Record]:
    """The records that are neither blank nor comments; the first line has the number `first`.

    Raises `DataError` for one that cannot be cut into cells.
    """
    reader = csv.reader(file, delimiter=delimiter, strict=True)
    start = first
    try:
        for row in reader:
            if not is_blank(row) and (comment is None or not row[0].lstrip().startswith(comment)):
                yield Record(row, start, first - 1 + reader.line_num)
            start = first + reader.line_num
    except csv.Error as error:
        raise broken(name, start, error) from None


def head_records(text: str, delimiter: str, name: str, comment: str | None, *, is_cut: bool) -> list[Record]:
    """The records of the beginning of a text; the last is dropped where the text was cut in its middle. Raises `DataError`."""
    found: list[Record] = []
    try:
        found.extend(read_records(io.StringIO(text, newline=""), delimiter, name, comment))
    except DataError as error:
        if not is_cut or not found or "never closed" not in error.message:
            raise
        return found
    return found[:-1] if is_cut and len(found) > 1 else found


def is_blank(record: list[str]) -> bool:
    """Whether a record is an empty line; `""` is a cell."""
    return not record or (len(record) == 1 and bool(record[0]) and not record[0].strip())


def ragged(name: str, record: Record, width: int, header_line: int | None) -> DataError:
    """What to say of a row that has another number of cells than the header."""
    wanted = f"{width} are expected" if header_line is None else f"line {header_line} has {width}"
    count = f"{len(record.cells)} {'cell' if len(record.cells) == 1 else 'cells'}"
    hint = (
        "a cell that holds the delimiter needs double quotes around it; another delimiter is set by data.source.delimiter"
        "\n   lines above the header: data.source.header: LINE   notes below the table: data.source.skip_footer: ROWS"
    )
    return DataError(f"{name}: {record.place} has {count}, {wanted}", hint)


def no_rows(name: str, *, has_header: bool) -> DataError:
    """What to say of a file without rows."""
    return DataError(f"{name} has no rows" + (" below its header" if has_header else ""))


def broken(name: str, start: int, error: csv.Error) -> DataError:
    """What to say of a row that cannot be cut into cells."""
    if "limit" in str(error):
        message = f"{name}: line {start}: a cell has more than {MAX_CELL:,} characters"
        return DataError(message, "if none should: a double quote is opened in this row and not closed, or the delimiter is another")
    return DataError(f"{name}: line {start}: {'a quote is never closed' if 'unexpected end' in str(error) else error}")


def find_delimiter(text: str, like: str | None = None) -> str:
    """The mark that cuts the lines of a text into several columns, most of them into as many; `like` where it does so too.

    Lines above the header and below the table are of another width than most; the width that most lines have counts.
    """
    ranks: list[tuple[float, int, str]] = []
    head = "\n".join(text.splitlines()[:101])
    for mark in _DELIMITERS:
        widths = _widths(head, mark) or [0]
        width = max(sorted(set(widths), reverse=True), key=widths.count)
        share = widths.count(width) / len(widths)
        if width > 1:
            if mark == like:
                return mark
            ranks.append((share, width, mark))
    return max(ranks, key=lambda rank: rank[:2])[2] if ranks else ","


def _widths(text: str, delimiter: str) -> list[int]:
    """Cells of each row, as far as a text can be cut by a mark."""
    found: list[int] = []
    with suppress(csv.Error):  # told with its line once the delimiter is known
        found.extend(len(record) for record in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter) if not is_blank(record))
    return found
