"""How a text table is written: found from its first lines. Plain Python."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from nntrain.data import marks
from nntrain.data.missing_words import refuse_two_meanings
from nntrain.data.numerals import POINT, Numerals
from nntrain.data.records import Record, find_delimiter, head_records
from nntrain.data.structure import Structure, body_or_error, describe_footer, find_structure, set_aside
from nntrain.data.text_file import decode, encoding_of, head_of
from nntrain.errors import DataError

if TYPE_CHECKING:
    from nntrain.data.sources.csv import Csv

PEEK_ROWS: Final = 1_000

PLAIN: Final = "',' between columns, UTF-8, header in line 1"
"""A dialect of which nothing is to be told."""

_NAMES: Final = {",": "','", ";": "';'", "\t": "tab", "|": "'|'"}


@dataclass(frozen=True, slots=True)
class Dialect:
    """Everything that is needed to read a text table."""

    delimiter: str
    encoding: str
    structure: Structure
    missing: frozenset[str]
    comment: str | None

    def describe(self, numerals: Numerals, aside: list[Record]) -> str:
        """In words: `';' between columns, '1.234,56' as numbers, UTF-8, header in line 1`."""
        numbers = "" if numerals == POINT else f", '1{numerals.thousands or ''}234{numerals.decimal}56' as numbers"
        encoding = self.encoding.removesuffix("-sig").upper()
        footer = describe_footer(aside)
        return f"{_NAMES[self.delimiter]} between columns{numbers}, {encoding}, {self.structure.describe()}{footer and ', ' + footer}"


@dataclass(frozen=True, slots=True)
class Sample:
    """The first records of a text table."""

    dialect: Dialect
    numerals: Numerals
    """The marks in numbers, as far as these records show them."""
    records: tuple[tuple[str | None, ...], ...]
    """Cells by row, stripped, `None` where missing."""
    is_whole: bool
    """Whether the file has no more rows."""
    described: str


def find_dialect(path: Path, source: Csv, name: str) -> tuple[Dialect, list[Record], bool]:
    """The dialect of a text table, the records of its rows in the first 64 kB, and whether there are more.

    Raises:
        DataError: The file is empty, binary or no text in the encoding, two columns have one name, or the first line may be a row.
    """
    content, is_cut = head_of(path, name)
    encoding = source.encoding or encoding_of(content, source.like.encoding)
    encoding = "utf-8-sig" if encoding == "utf-8" else encoding
    text = decode(content, encoding, name, is_cut=is_cut)
    if not text.strip():
        raise DataError(f"{name} is empty")
    delimiter = source.delimiter or find_delimiter(text, source.like.delimiter)
    comment = source.comment or _comment(text)
    records = head_records(text, delimiter, name, comment, is_cut=is_cut)
    if not records:
        raise DataError(f"{name} is empty")
    structure, body = find_structure(records, source, source.missing_words, name)
    return Dialect(delimiter, encoding, structure, source.missing_words, comment), body, is_cut


def look(path: Path, source: Csv, name: str) -> Sample:
    """Read the first 64 kB or 1,000 rows of a text table and find how it is written.

    Raises:
        DataError: What `find_dialect` refuses; a row has another number of cells than the header, or the marks in its numbers can be
            read in two ways.
    """
    dialect, body, is_cut = find_dialect(path, source, name)
    rows, aside = set_aside(body, dialect.structure, name) if not is_cut else (_fitting(body, dialect.structure, name), [])
    body_or_error(rows, name, has_header=dialect.structure.header_line is not None, is_cut=is_cut)
    cells = tuple(tuple(clean(cell, dialect.missing) for cell in record.cells) for record in rows[:PEEK_ROWS])
    if not source.has_own_missing:
        for column, found in _columns(dialect.structure.columns, rows):
            refuse_two_meanings(name, column, (cell.strip() for cell in found), dialect.missing)
    numerals = source.marks(marks.shown_by(zip(*cells, strict=True)), dialect.delimiter, name)
    return Sample(dialect, numerals, cells, not is_cut and len(rows) <= PEEK_ROWS, dialect.describe(numerals, aside))


def clean(cell: str, missing: frozenset[str]) -> str | None:
    """A cell without blanks around it, `None` for one that holds no value."""
    stripped = cell.strip()
    return None if stripped in missing else stripped


def _fitting(body: list[Record], structure: Structure, name: str) -> list[Record]:
    """The rows of a file that goes on: none of them is a note. Raises `DataError` for one of another width."""
    return set_aside(body, Structure(structure.columns, structure.header_line, skip_footer=0), name)[0]


def _columns(names: tuple[str, ...], rows: list[Record]) -> Iterator[tuple[str, tuple[str, ...]]]:
    return zip(names, zip(*(record.cells for record in rows[:PEEK_ROWS]), strict=True), strict=False)


def _comment(text: str) -> str | None:
    """`#` where lines that begin with it and a blank stand above the header."""
    first = next((line.lstrip() for line in text.splitlines() if line.strip()), "")
    return "#" if first.startswith(("# ", "##")) or first == "#" else None
