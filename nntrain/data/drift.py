"""Where new rows are not like those of training: for each row in words, and for each column as a share."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np

from nntrain.data.facts import beginning
from nntrain.data.scaling import take
from nntrain.data.shown import Shown

if TYPE_CHECKING:
    from nntrain.data.fields.field import Array, Unseen, Values
    from nntrain.data.fitted import FittedField

Kind = Literal["new", "unknown", "beyond", "missing"]

HEADS: Final[Mapping[Kind, str]] = {
    "new": "new categories",
    "unknown": "unknown tokens",
    "beyond": "out of range",
    "missing": "missing",
}
MAX_NAMED: Final = 3
"""Columns that a line or a note names, and values that a column shows."""
MAX_SHOWN_CELLS: Final = 1_000
"""Cells or tokens of a column that are told apart, about: what is shown beside a share must not grow with the rows."""


@dataclass(frozen=True, slots=True)
class Departure:
    """A column in which some rows are not like those of training."""

    kind: Kind
    column: str
    place: tuple[int, int]
    """Number of the field and of the column in it: of equal shares the first is told first."""
    where: Array
    """Which rows, bool `[M]`."""
    word: str | None
    """What a row's note calls it; `None` where that is none of its business."""
    cell: Callable[[int], str | None]
    """What stands in a row, where there is something to show."""
    shown: Mapping[str, None]
    """Different cells or tokens of the first of these rows, in their order."""
    usual: str | float | None
    """What training had: a range in words, a share of missing values, or of unknown tokens."""


@dataclass(frozen=True, slots=True)
class Departures:
    """All that is unlike training in some rows."""

    rows: int
    found: tuple[Departure, ...]
    tokens: Mapping[str, tuple[int, int]] = dataclasses.field(default_factory=dict[str, tuple[int, int]])
    """By input that has some, how many tokens are unknown, and how many there are."""

    @classmethod
    def of(cls, fields: Iterable[FittedField], values: Mapping[str, Values], rows: Array, unknown: Mapping[str, Array]) -> Departures:
        """Compare rows with those of training.

        Args:
            fields: The inputs.
            values: What they read, of all rows of a table, by name.
            rows: Numbers of the rows that are looked at, int64 `[M]`.
            unknown: By input, which of them hold a class that training never showed, bool `[M]`.
        """
        found: list[Departure] = []
        tokens: dict[str, tuple[int, int]] = {}
        for place, field in enumerate(fields):
            every: Any = values[field.name]
            own = every if len(rows) == len(every) else take(every, rows)
            if field.name in unknown and unknown[field.name].any():
                found.append(_new(field, place, own, unknown[field.name]))
            unseen = field.plan.field.unseen(own, field.state)
            if unseen is not None:
                tokens[field.name] = int(unseen.counts.sum()), int(unseen.totals.sum())
                found += _unseen(field, place, unseen)
            found += _beyond(field, place, own)
            is_missing = field.plan.field.is_missing(own)
            if is_missing.any():
                found.append(_missing(field, place, is_missing))
        return cls(len(rows), tuple(found), tokens)

    @property
    def notes(self) -> tuple[str, ...]:
        """By row what is unlike training: `new category (town: X); out of range (visits: 12)`; empty for most."""
        noted: dict[int, dict[str, list[str]]] = {}
        for departure in self.found:
            if departure.word is None:
                continue
            for row in np.flatnonzero(departure.where).tolist():
                cell = departure.cell(row)
                told = departure.column if cell is None else f"{departure.column}: {cell}"
                noted.setdefault(row, {}).setdefault(departure.word, []).append(told)
        notes = [""] * self.rows
        for row, parts in noted.items():
            notes[row] = "; ".join(f"{word} ({_some(told)})" for word, told in parts.items())
        return tuple(notes)

    @property
    def lines(self) -> tuple[str, ...]:
        """At most four lines for the screen, as of `Drift`."""
        drift = Drift()
        drift.add(self)
        return drift.lines


@dataclass(slots=True)
class _Column:
    """A column that departs, over all rows that were looked at."""

    kind: Kind
    name: str
    place: tuple[int, int]
    usual: str | float | None
    rows: int = 0
    shown: dict[str, None] = dataclasses.field(default_factory=dict[str, None])


class Drift:
    """By column how many rows are unlike those of training, added up block by block."""

    def __init__(self) -> None:
        """Begin without a row."""
        self._rows = 0
        self._columns: dict[tuple[Kind, str], _Column] = {}
        self._tokens: dict[str, tuple[int, int]] = {}

    def add(self, found: Departures) -> None:
        """Count further rows."""
        self._rows += found.rows
        for name, (unknown, all_of_them) in found.tokens.items():
            before = self._tokens.get(name, (0, 0))
            self._tokens[name] = before[0] + unknown, before[1] + all_of_them
        for departure in found.found:
            key = departure.kind, departure.column
            column = self._columns.setdefault(key, _Column(*key, departure.place, departure.usual))
            column.rows += int(departure.where.sum())
            if len(column.shown) < MAX_SHOWN_CELLS:
                column.shown.update(departure.shown)

    @property
    def lines(self) -> tuple[str, ...]:
        """At most four lines for the screen: the columns with the largest shares of each kind.

        Missing values count where more are missing than chance makes of the share in training, unknown tokens where there are more of
        them than in training.
        """
        kinds: tuple[Kind, ...] = ("new", "unknown", "beyond", "missing")
        return tuple(line for kind in kinds if (line := self._line(kind)) is not None)

    def _line(self, kind: Kind) -> str | None:
        found = [column for column in self._columns.values() if column.kind == kind]
        told = [
            f"{column.name} {percent(column.rows / self._rows)} ({beside})"
            for column in sorted(found, key=lambda each: (-each.rows, each.place))
            if (beside := self._beside(column)) is not None
        ]
        if not told:
            return None
        more = len(told) - MAX_NAMED
        rest = f", and {more} more column{'s' if more > 1 else ''}" if more > 0 else ""
        return f"{HEADS[kind]:<14}   {', '.join(told[:MAX_NAMED])}{rest}"

    def _beside(self, column: _Column) -> str | None:
        """What is told beside a share; `None` for a share that training had too."""
        shown = _some([repr(cell) for cell in column.shown])
        if column.kind == "new":
            return shown
        if column.kind == "unknown":
            unknown, every = self._tokens[column.name]
            share, usual = unknown / every, float(column.usual or 0)
            return f"{percent(share)} of the tokens: {shown}; training {percent(usual)}" if share > usual else None
        if column.kind == "missing":
            before = float(column.usual or 0)
            by_chance = before + 2 * math.sqrt(before * (1 - before) / self._rows)
            return f"training {percent(before)}" if column.rows / self._rows > by_chance else None
        return str(column.usual)


def percent(share: float) -> str:
    """A share in words: `31 %`, `under 1 %`."""
    return "under 1 %" if 0 < share < 0.01 else f"{100 * share:.0f} %"


def _some(told: Sequence[str]) -> str:
    more = len(told) - MAX_NAMED
    return ", ".join(told[:MAX_NAMED]) + (f" and {more} more" if more > 0 else "")


def _new(field: FittedField, place: int, values: Any, unknown: Array) -> Departure:
    def cell(row: int) -> str:
        value = values[row]
        return beginning(value if isinstance(value, str) else "|".join(map(str, value)))

    shown = dict.fromkeys(cell(int(row)) for row in np.flatnonzero(unknown)[:MAX_SHOWN_CELLS])
    return Departure("new", field.name, (place, 0), unknown, "new category", cell, shown, None)


def _unseen(field: FittedField, place: int, unseen: Unseen) -> Iterable[Departure]:
    """Tokens of texts that training never showed."""
    if not unseen.counts.any():
        return

    def cell(row: int) -> str:
        return " ".join(map(beginning, unseen.examples[row]))

    shown = dict.fromkeys(token for row in unseen.examples for token in row)
    yield Departure("unknown", field.name, (place, 0), unseen.counts > 0, "unknown tokens", cell, shown, unseen.usual)


def _beyond(field: FittedField, place: int, values: Any) -> Iterable[Departure]:
    """Numbers below the lowest or above the highest of training, by feature."""
    numbers = field.plan.field.magnitudes(values)
    if numbers is None:
        return
    low = np.array([math.inf if pair is None else pair[0] for pair in field.shown.ranges])
    high = np.array([-math.inf if pair is None else pair[1] for pair in field.shown.ranges])
    outside = (numbers < low) | (numbers > high)
    if not outside.any():
        return
    names = field.plan.columns if len(field.plan.columns) == len(low) else tuple(f"{field.name}[{at}]" for at in range(len(low)))
    for at in np.flatnonzero(outside.any(axis=0)).tolist():
        pair = field.shown.ranges[at]
        span = "training had none" if pair is None else f"training {_number(pair[0])} to {_number(pair[1])}"
        column = names[at] if len(low) > 1 else field.name
        yield Departure("beyond", column, (place, at), outside[:, at], "out of range", _cell_of(numbers[:, at]), {}, span)


def _missing(field: FittedField, place: int, is_missing: Array) -> Departure:
    has_class = bool(field.state.get("has_missing"))
    word = None if has_class else "missing filled in" if field.plan.field.filling is not None else "missing"
    return Departure("missing", field.name, (place, 0), is_missing, word, _nothing, {}, field.shown.missing)


def _cell_of(numbers: Array) -> Callable[[int], str]:
    return lambda row: _number(float(numbers[row]))


def _nothing(row: int) -> None:
    return None


def _number(value: float) -> str:
    return f"{value:.6g}"


NONE: Final = Shown(0.0)
"""Of what is no input."""
