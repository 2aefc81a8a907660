"""Which marks stand in the numbers of a text table: found from all number-like cells together, or told as a doubt; never guessed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from nntrain.data.facts import NEAR_NUMBER
from nntrain.data.numerals import SPACES, Numerals
from nntrain.errors import DataError

if TYPE_CHECKING:
    import polars as pl

HEAD_ROWS: Final = 1_000
FEW: Final = 64
"""Cells that are looked at one by one before those are passed over that tell nothing new."""
MAX_SHOWN_CELLS: Final = 3
"""Cells of a kind that are kept for messages."""
_NEAR: Final = re.compile(NEAR_NUMBER)
_GROUPS: Final = r"[1-9][0-9]{0,2}"
_PATTERNS: Final = {
    "space": rf"{_GROUPS}([{SPACES}][0-9]{{3}})+([.,][0-9]+)?",
    "apostrophe": rf"{_GROUPS}(['’][0-9]{{3}})+([.,][0-9]+)?",
    "comma thousands": rf"{_GROUPS}((,[0-9]{{3}})+\.[0-9]+|(,[0-9]{{3}}){{2,}})",
    "point thousands": rf"{_GROUPS}((\.[0-9]{{3}})+,[0-9]+|(\.[0-9]{{3}}){{2,}})",
    "comma": rf"{_GROUPS},[0-9]{{3}}",
    "point": rf"{_GROUPS}\.[0-9]{{3}}",
    "decimal comma": rf"([0-9]+|{_GROUPS}([{SPACES}'’][0-9]{{3}})+),[0-9]+",
    "decimal point": rf"([0-9]*|{_GROUPS}([{SPACES}'’][0-9]{{3}})+)\.[0-9]+",
}
"""What a number with marks shows, the first that fits; after `space` and `apostrophe` the mark of its decimals as well. `comma` and `point`
may stand between thousands or before decimals."""

_COMPILED: Final = {kind: re.compile(pattern) for kind, pattern in _PATTERNS.items()}
_FIRST: Final = re.compile("|".join(f"(?P<{kind.replace(' ', '_')}>{pattern})" for kind, pattern in _PATTERNS.items()))
"""All of them at once: the first that fits is what matches. Eight matches for each cell took most of the time of reading wide tables."""
_MARKED: Final = f"[0-9][.,'’{SPACES}][0-9]|^[+-]?[.,][0-9]"


@dataclass(frozen=True, slots=True)
class Shown:
    """What the cells of some columns show, each with the first few such cells."""

    kinds: dict[str, tuple[str, ...]]

    def has(self, *kinds: str) -> bool:
        """Whether one of some kinds was seen."""
        return any(kind in self.kinds for kind in kinds)


def shown_by(columns: Iterable[Sequence[str | None]]) -> Shown:
    """Look at the cells of columns; `None` is a missing one. Columns of which less than half are number-like show nothing."""
    found: dict[str, tuple[str, ...]] = {}
    for cells in columns:
        present = [cell for cell in cells if cell is not None]
        _add(found, _kinds(present) if 2 * sum(_NEAR.fullmatch(cell) is not None for cell in present) >= len(present) else {})
    return Shown(found)


class Showing:
    """Looks at the columns of a table block by block; what it finds does not depend on how the rows are cut into blocks.

    The cells of a block are text without blanks around them, null where missing.
    """

    def __init__(self) -> None:
        """Begin with nothing seen."""
        self._columns: dict[str, _Seen] = {}

    def add(self, column: str, cells: pl.Series) -> None:
        """Look at more cells of a column."""
        self._columns.setdefault(column, _Seen()).add(cells)

    def shown(self) -> Shown:
        """What all cells show. Columns of which less than half are number-like show nothing."""
        found: dict[str, tuple[str, ...]] = {}
        for seen in self._columns.values():
            _add(found, seen.kinds())
        return Shown(found)


class _Seen:
    """What the cells of a column showed so far."""

    def __init__(self) -> None:
        self._present = self._near = 0
        self._is_plain = True
        self._head = HEAD_ROWS
        """Cells at the beginning that are still to come."""
        self._of_head: dict[str, tuple[str, ...]] = {}
        self._marked: dict[str, tuple[str, ...]] = {}

    def add(self, cells: pl.Series) -> None:
        import polars as pl

        present = cells.drop_nulls()
        if not len(present):
            return
        is_number = present.cast(pl.Float64, strict=False).is_not_null()
        is_plain = bool(is_number.all())
        if self._head:
            _join(self._of_head, _kinds(present.head(self._head).to_list()))
            self._head -= min(self._head, len(present))
        self._present += len(present)
        self._is_plain &= is_plain
        if is_plain and "decimal point" in self._of_head:  # nothing else that plain numbers show matters beside it
            self._near += len(present)
            return
        is_near = is_number if is_plain else is_number | present.str.contains(f"^(?:{NEAR_NUMBER})$")
        self._near += int(is_near.sum())
        near = present.filter(is_near)
        marked = near.filter(near.str.contains(".", literal=True) if is_plain else near.str.contains(_MARKED))
        different = marked.unique(maintain_order=True)
        _join(self._marked, _kinds(different.head(FEW).to_list()))
        if len(different) > FEW:
            _join(self._marked, _kinds(self._telling(different.slice(FEW)).to_list()))

    def _telling(self, cells: pl.Series) -> pl.Series:
        """Those cells that are not surely of a kind of which enough were seen."""
        for mark, short, other in ((",", "comma", "decimal comma"), (".", "point", "decimal point")):
            is_short = cells.str.contains(rf"^[+-]?{_GROUPS}\{mark}[0-9]{{3}}$")
            is_other = cells.str.contains(rf"^[+-]?[0-9]+\{mark}[0-9]+$") & ~is_short
            enough = [len(self._marked.get(kind, ())) == MAX_SHOWN_CELLS for kind in (short, other)]
            cells = cells.filter(~((is_short & enough[0]) | (is_other & enough[1])))
        return cells

    def kinds(self) -> dict[str, tuple[str, ...]]:
        if self._is_plain and "decimal point" in self._of_head:
            return self._of_head  # every cell is a number with a point or none at all
        if 2 * self._near < self._present:
            return {}
        found = dict(self._of_head)
        _join(found, self._marked)
        return found


def decide(shown: Shown, *, decimal: str | None, thousands: str | None, like: Numerals | None, delimiter: str, name: str) -> Numerals:
    """The marks of a file.

    Args:
        shown: What its cells show.
        decimal: The mark that the settings say, if they do.
        thousands: The same between thousands.
        like: Marks of the training file, which hold where this file shows nothing else.
        delimiter: What separates columns; where it is a comma, a point is no doubt.
        name: The file, for messages.

    Raises:
        DataError: All numbers with a mark have three digits after it: `2,052` may be 2052 as well as 2.052.
    """
    if decimal is None:
        decimal = _decimal(shown, thousands, like, delimiter, name)
        if thousands is None:
            thousands = _thousands(shown, decimal, like)
    return Numerals(decimal, thousands)


def _decimal(shown: Shown, thousands: str | None, like: Numerals | None, delimiter: str, name: str) -> str:
    if thousands in (".", ","):
        return "," if thousands == "." else "."
    if shown.has("decimal point", "comma thousands"):
        return "."
    if shown.has("decimal comma", "point thousands"):
        return ","
    # between semicolons a comma is likelier before decimals, whatever the training file has
    is_doubtful = like is not None and shown.has("comma") and delimiter == ";" and "," not in (like.decimal, like.thousands)
    if like is not None and not is_doubtful:
        return like.decimal
    if shown.has("comma"):
        raise _two_readings(name, ",", shown.kinds["comma"])
    if shown.has("point") and delimiter != ",":
        raise _two_readings(name, ".", shown.kinds["point"])
    return "."


def _thousands(shown: Shown, decimal: str, like: Numerals | None) -> str | None:
    for kind, mark in (("space", " "), ("apostrophe", "'")):
        if shown.has(kind):
            return mark
    if decimal == "," and shown.has("point thousands", "point") and not shown.has("decimal point"):
        return "."
    if decimal == "." and shown.has("comma thousands", "comma") and not shown.has("decimal comma"):
        return ","
    return like.thousands if like is not None and like.decimal == decimal else None


def _kinds(cells: Iterable[str]) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for cell in cells:
        match = _NEAR.fullmatch(cell) or re.fullmatch(r"()([.][0-9]+)", cell)
        digits = "" if match is None else match[2]
        first = _FIRST.fullmatch(digits)
        fitting = [] if first is None or first.lastgroup is None else [first.lastgroup.replace("_", " ")]
        if fitting[:1] in (["space"], ["apostrophe"]):
            fitting = [kind for kind, pattern in _COMPILED.items() if pattern.fullmatch(digits)][:2]
        for kind in fitting:
            if len(found.get(kind, ())) < MAX_SHOWN_CELLS and digits not in found.get(kind, ()):
                found[kind] = (*found.get(kind, ()), digits)
    return found


def _join(found: dict[str, tuple[str, ...]], more: dict[str, tuple[str, ...]]) -> None:
    """The first few different cells of each kind."""
    for kind, cells in more.items():
        found[kind] = tuple(dict.fromkeys((*found.get(kind, ()), *cells)))[:MAX_SHOWN_CELLS]


def _add(found: dict[str, tuple[str, ...]], more: dict[str, tuple[str, ...]]) -> None:
    for kind, cells in more.items():
        found[kind] = (*found.get(kind, ()), *cells)[:MAX_SHOWN_CELLS]


def _two_readings(name: str, mark: str, cells: tuple[str, ...]) -> DataError:
    """What to say of marks that may stand between thousands or before decimals."""
    shown = ", ".join(repr(cell) for cell in dict.fromkeys(cells))
    whole, decimals = cells[0].replace(mark, ""), cells[0].replace(mark, ".")
    word = "commas" if mark == "," else "points"
    keeps = "\n   data.source.decimal: '.'   keeps such cells as text" if mark == "," else ""
    return DataError(
        f"{name}: {word} in numbers can be read in two ways: {shown}; is {cells[0]!r} {whole} or {decimals}?",
        f"data.source.thousands: {mark!r}   reads {whole}\n   data.source.decimal: {mark!r}   reads {decimals}{keeps}",
    )
