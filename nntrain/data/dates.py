"""How dates are written in a column: found from all of its cells, never guessed. Plain Python."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

_TIME: Final = (
    r"(?:(?P<gap>[ T]) ?(?P<clock>\d{1,2}:\d{2}(?P<seconds>:\d{2}(?P<fraction>\.\d{1,9})?)?)(?P<zone> ?(?:Z|[+-]\d{2}:?\d{2}))?)?"
)
_ISO: Final = re.compile(rf"(?P<year>[12]\d{{3}})(?P<mark>[-/.])(?P<month>\d{{1,2}})(?:(?P=mark)(?P<day>\d{{1,2}}){_TIME})?")
_SHORT: Final = re.compile(rf"(?P<first>\d{{1,2}})(?P<mark>[-/.])(?P<second>\d{{1,2}})(?P=mark)(?P<year>[12]\d{{3}}|\d{{2}}){_TIME}")


@dataclass(frozen=True, slots=True)
class TwoReadings:
    """A column whose dates can be read in two ways."""

    cell: str
    formats: tuple[str, str]
    """Day first, month first."""

    def message(self, column: str) -> str:
        """What is told."""
        first, second = re.split(r"[-/.]", self.cell)[:2]
        return f"{column}: dates can be read in two ways: is {self.cell!r} day {int(first)} of month {int(second)}, or the other way round?"

    def hint(self, column: str) -> str:
        """The lines for both."""
        day, month = self.formats
        return (
            f"data.fields.{column}: {{type: date, format: '{day}'}}   reads the day first"
            f"\n   data.fields.{column}: {{type: date, format: '{month}'}}   reads the month first"
            f"\n   data.source.date_format: '{day}'   is for all dates of the file"
        )


def find_format(cells: Iterable[str]) -> str | TwoReadings | None:
    """The one format, in the words of `strptime`, in which all cells are dates.

    Returns:
        The format; two readings where day and month may each come first; `None` where the cells are no dates, or in several formats.
    """
    found: str | None = None
    first, second = 0, 0
    example = ""
    for cell in cells:
        shape = _shape(cell)
        if shape is None or (found is not None and shape[0] != found):
            return None
        found, one, two = shape
        if one > first or two > second:
            example = example or cell
        first, second = max(first, one), max(second, two)
    if found is None or "{" not in found:
        return found
    if first > 31 or second > 31 or (first > 12 and second > 12):
        return None
    day, month = found.format("%d", "%m"), found.format("%m", "%d")
    if first > 12 or (second <= 12 and "." in found[:4]):  # with points between them, the day comes first
        return day
    return month if second > 12 else TwoReadings(example, (day, month))


def telling(cells: Iterable[str]) -> list[str]:
    """Some of the cells, in their order, of which `find_format` and `differing` say what they say of all."""
    firsts: dict[str | None, str] = {}
    highest: dict[int, tuple[int, str]] = {}
    for cell in cells:
        shape = _shape(cell)
        firsts.setdefault(None if shape is None else shape[0], cell)
        for place, number in enumerate((0, 0) if shape is None else shape[1:]):
            if place not in highest or number > highest[place][0]:
                highest[place] = number, cell
    return list(dict.fromkeys([*firsts.values(), *(cell for _, cell in highest.values())]))


def differing(cells: Iterable[str]) -> tuple[str, ...]:
    """Cells in which no one format is found: the first of each way to write a date, or of none, in their order."""
    found: dict[str | None, str] = {}
    for cell in cells:
        shape = _shape(cell)
        found.setdefault(None if shape is None else shape[0], cell)
    return tuple(found.values())


def _shape(cell: str) -> tuple[str, int, int] | None:
    """The format of one cell, `{}` where day and month may each stand, and the numbers there."""
    match = _ISO.fullmatch(cell) or _SHORT.fullmatch(cell)
    if match is None:
        return None
    part = match.groupdict()
    mark = part["mark"]
    if part.get("second") is not None:
        year = "%Y" if len(part["year"]) == 4 else "%y"
        return f"{{}}{mark}{{}}{mark}{year}{_time(part)}", int(part["first"]), int(part["second"])
    if not 1 <= int(part["month"]) <= 12:
        return None
    return (f"%Y{mark}%m" if part["day"] is None else f"%Y{mark}%m{mark}%d{_time(part)}"), 0, 0


def _time(part: dict[str, str | None]) -> str:
    if part["clock"] is None:
        return ""
    seconds = "" if part["seconds"] is None else ":%S%.f" if part["fraction"] else ":%S"
    blank = " " if (part["zone"] or "").startswith(" ") else ""
    return f"{part['gap']}%H:%M{seconds}{'' if part['zone'] is None else blank + '%z'}"


def has_zone(date_format: str) -> bool:
    """Whether times of a format say how far they are from UTC."""
    return "%z" in date_format
