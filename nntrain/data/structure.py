"""Where a table begins and ends among the records of a file: titles, header, units, notes, total rows. Plain Python."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, Protocol

from nntrain.data.facts import quoted
from nntrain.data.numerals import POINT
from nntrain.data.records import Record, no_rows, ragged
from nntrain.errors import DataError

MAX_FOOTER: Final = 20
"""Records at the end of a file among which notes and total rows are looked for."""

MIN_BODY: Final = 3
"""Rows that must be there for a line below the header to be told from them as one of units."""

_UNIT: Final = re.compile(r"[\[(]?[^\d\s\[\]()]{0,6}[a-zA-Zµ°%€$£Ω²³/·-][^\s\[\]]{0,8}[\])]?")
_TOTAL: Final = re.compile(
    r"(grand |sub)?totale?s?|gesamt(summe)?|insgesamt|summe|sum|somme|suma|average|mean|mittelwert|durchschnitt|moyenne", re.IGNORECASE
)
_NOTE: Final = re.compile(
    r"(\*|\(|©|source|quelle|note|hinweis|anmerkung|stand\b|copyright|exported|generated|\d+ (rows|records|zeilen))", re.IGNORECASE
)


class Options(Protocol):
    """What the settings say of the shape of a table."""

    @property
    def header(self) -> bool | int:
        """Whether there is a header, or in which line."""
        ...

    @property
    def columns(self) -> tuple[str, ...] | None:
        """Names of columns without header."""
        ...

    @property
    def skip_after_header(self) -> int | None:
        """Lines between header and rows."""
        ...

    @property
    def skip_footer(self) -> int | None:
        """Lines below the rows."""
        ...


@dataclass(frozen=True, slots=True)
class Structure:
    """The frame of a table."""

    columns: tuple[str, ...]
    header_line: int | None
    """Line of the header; `None` where there is none."""
    skipped_lines: int = 0
    """Records below the header that are no rows: units."""
    units: str | None = None
    """The first of them, in part, for the screen."""
    skip_footer: int | None = None
    """Records below the rows; `None` where they are found."""

    def describe(self) -> str:
        """In words: `header in line 3, units in line 4 ('m²')`."""
        if self.header_line is None:
            return "no header"
        units = f", units below it ({quoted(self.units)})" if self.units is not None else ""
        lines = "line" if self.skipped_lines == 1 else f"{self.skipped_lines} lines"
        skipped = f", {lines} below it skipped" if self.skipped_lines and self.units is None else ""
        return f"header in line {self.header_line}{units}{skipped}"


def find_structure(records: Sequence[Record], options: Options, missing: frozenset[str], name: str) -> tuple[Structure, list[Record]]:
    """Find the frame of a table, and the records below it, notes at the end included.

    Raises:
        DataError: Two columns have one name, the first line may be a row as well as names, or the header is not there.
    """
    width = Counter(len(record.cells) for record in records).most_common(1)[0][0]
    if options.header is False:
        return Structure(_given_columns(records[0], options, name), None, skip_footer=options.skip_footer), list(records)
    place = _header_place(records, options, width, name)
    header, body = records[place], list(records[place + 1 :])
    columns = _names(header, name)
    if options.header is True:
        _refuse_rows(header, columns, body, name)
    skipped, units = options.skip_after_header, None
    if skipped is None:
        skipped = 1 if _are_units(body, len(columns), missing) else 0
        units = next((cell.strip() for cell in body[0].cells if cell.strip() and cell.strip() not in missing), "") if skipped else None
    return Structure(columns, header.start, skipped, units, options.skip_footer), body[skipped:]


def set_aside(tail: Sequence[Record], structure: Structure, name: str) -> tuple[list[Record], list[Record]]:
    """Tell rows from notes and total rows among the last records of a table.

    Returns:
        The rows, and what is none.

    Raises:
        DataError: A record that is no note has another number of cells than the header.
    """
    width = len(structure.columns)
    end = len(tail)
    if structure.skip_footer is not None:
        end = max(0, end - structure.skip_footer)
    else:
        while end and _is_footer(tail[end - 1], tail[: end - 1], width):
            end -= 1
    misfit = next((record for record in tail[:end] if len(record.cells) != width), None)
    if misfit is not None:
        raise ragged(name, misfit, width, structure.header_line)
    return list(tail[:end]), list(tail[end:])


def describe_footer(records: Sequence[Record]) -> str:
    """What was set aside, in words: `set aside: line 14 ('Summe'); skip_footer: 0 keeps it`."""
    if not records:
        return ""
    shown = ", ".join(f"{record.place} ({quoted(record.first)})" for record in records[:3])
    more = f" and {len(records) - 3} more" if len(records) > 3 else ""
    return f"set aside: {shown}{more}"


def _header_place(records: Sequence[Record], options: Options, width: int, name: str) -> int:
    """Which record is the header: the first, unless those above the first full one are titles."""
    if options.header is not True:
        place = next((place for place, record in enumerate(records) if record.start <= options.header <= record.end), None)
        if place is None:
            raise DataError(f"{name}: data.source.header is {options.header}, and that line is blank or not among the first lines")
        return place
    place = 0
    while place < len(records) - 1 and _is_title(records[place], records[place + 1], width):
        place += 1
    found = records[place]
    is_header = len(found.cells) == width and found.filled >= width - 1 and all(_is_name(cell) for cell in found.cells)
    return place if place and is_header else 0


def _is_title(record: Record, following: Record, width: int) -> bool:
    """Whether a record above others has too few cells for a header: of another number, or few that are filled, or with a gap below it."""
    is_short = len(record.cells) != width or record.filled < width - 1 or following.start > record.end + 1
    return width > 1 and record.filled <= max(1, width // 2) and is_short


def _is_name(cell: str) -> bool:
    """Whether a cell may name a column."""
    return POINT.read(cell.strip()) is None


def _names(header: Record, name: str) -> tuple[str, ...]:
    columns = tuple(cell.strip() or f"unnamed_{index + 1}" for index, cell in enumerate(header.cells))
    twice = next((column for column, count in Counter(columns).items() if count > 1), None)
    if twice is not None:
        places = " and ".join(str(index + 1) for index, column in enumerate(columns) if column == twice)
        hint = "give each column its own name; a file without names: data.source.header: false"
        raise DataError(f"{name}: line {header.start} names the columns {places} {twice!r}", hint)
    return columns


def _refuse_rows(header: Record, columns: tuple[str, ...], body: Sequence[Record], name: str) -> None:
    """Refuse a first line that reads as a row: numbers with decimals or a sign, or nothing but numbers that do not count."""
    numbers = [value for column in columns if (value := POINT.read(column)) is not None]
    steps = {later - earlier for earlier, later in pairwise(numbers)}
    counts = len(steps) == 1 and (len(numbers) > 2 or steps == {1})
    is_row = any(not value.is_integer() or value < 0 for value in numbers) or (len(numbers) == len(columns) and not counts)
    if is_row and body:
        shown = ", ".join(map(quoted, columns[:4]))
        raise DataError(
            f"{name}: line {header.start} reads as a row, not as names of columns: {shown}{', …' if len(columns) > 4 else ''}",
            f"a row? data.source: {{header: false, columns: [NAME, …]}}   names? data.source.header: {header.start}",
        )


def _given_columns(first: Record, options: Options, name: str) -> tuple[str, ...]:
    given = options.columns or tuple(f"column_{index + 1}" for index in range(len(first.cells)))
    if len(given) != len(first.cells):
        raise DataError(f"{name}: line {first.start} has {len(first.cells)} columns and data.source.columns names {len(given)}")
    return given


def _are_units(body: Sequence[Record], width: int, missing: frozenset[str]) -> bool:
    """Whether the first record below the header holds the units of the columns: words above numbers, and no number anywhere."""
    rows = [record.cells for record in body[1:101] if len(record.cells) == width]
    if len(rows) < MIN_BODY or len(body[0].cells) != width:
        return False
    found = 0
    for index, cell in enumerate(cell.strip() for cell in body[0].cells):
        below = [cells[index].strip() for cells in rows]
        present = [other for other in below if other not in missing]
        is_numeric = bool(present) and sum(any(char.isdigit() for char in other) for other in present) == len(present)
        if any(char.isdigit() for char in cell) and not _UNIT.fullmatch(cell):
            return False
        if not cell or cell in missing:
            continue
        if not _UNIT.fullmatch(cell) or _form(cell) in map(_form, below):
            return False
        found += is_numeric
    return found > 0


def _form(cell: str) -> str:
    """A cell with each number as one sign: those of `a/1.wav` and `a/27.wav` are alike."""
    return re.sub(r"\d+", "0", cell)


def _is_footer(record: Record, before: Sequence[Record], width: int) -> bool:
    """Whether the last record is a note, or a total of those before."""
    first = record.first.rstrip(": ")
    if width < 2:
        return False
    if record.filled == 1 and _NOTE.match(first) and (len(record.cells) != width or width > 2):
        return True
    if record.filled == 1 and len(record.cells) != width:
        return len(record.cells) == 1 and len(first.split()) > 2
    is_total = len(record.cells) == width and _TOTAL.fullmatch(first) is not None
    return is_total and len(before) >= 2 and not any(_TOTAL.fullmatch(other.first.rstrip(": ")) for other in before[-MAX_FOOTER:])


def body_or_error(body: Sequence[Record], name: str, *, has_header: bool, is_cut: bool) -> None:
    """Refuse a table without rows. Raises `DataError`."""
    if not body and not is_cut:
        raise no_rows(name, has_header=has_header)
