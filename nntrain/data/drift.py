"""Where new rows are not like those of training: for each row in words, and for each column as a share."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np

from nntrain.data.facts import beginning
from nntrain.data.moments import Moments
from nntrain.data.scaling import take
from nntrain.data.shown import Shown

if TYPE_CHECKING:
    from nntrain.data.fields.field import Array, Unseen, Values
    from nntrain.data.fitted import FittedField

Kind = Literal["new", "unknown", "beyond", "missing"]
Place = tuple[int, int]

HEADS: Final[Mapping[Kind, str]] = {
    "new": "new categories",
    "unknown": "unknown tokens",
    "beyond": "out of range",
    "missing": "missing",
}
SHIFTED: Final = "mean shifted"
LEAST_SHIFT: Final = 0.5
"""Standard deviations of training that a mean lies from that of training, from which it is told."""
FEWEST_ROWS: Final = 20
"""Rows below which a mean says nothing."""
CERTAIN_SHIFT: Final = 6.0
"""How often that is what chance alone would make of so many rows, at least."""
NOTABLE: Final = 0.05
"""Share of the test rows of a run that are unlike training in a column, from which that is told."""
MAX_NAMED: Final = 3
"""Columns that a line or a note names, and values that a column shows."""
MAX_SHOWN_CELLS: Final = 1_000
"""Cells or tokens of a column that are told apart, about: what is shown beside a share must not grow with the rows."""


LEAST_NOTABLE: Final = 5
"""Such rows, at least: one or two of a few rows are out of range by chance."""


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
class Mean:
    """The mean of a column of numbers beside that of training."""

    place: Place
    count: float
    mean: float
    usual: tuple[float, float]
    """Mean and standard deviation of the training rows."""

    def merged(self, other: Mean) -> Mean:
        """Of the rows of both."""
        count = self.count + other.count
        return dataclasses.replace(self, count=count, mean=self.mean + (other.mean - self.mean) * other.count / max(count, 1))

    @property
    def shift(self) -> float:
        """How many standard deviations the mean lies from that of training; 0 where chance may make it so."""
        mean, spread = self.usual
        size = abs(self.mean - mean) / spread if spread else 0.0
        is_told = self.count >= FEWEST_ROWS and size >= LEAST_SHIFT and size * math.sqrt(self.count) >= CERTAIN_SHIFT
        return size if is_told else 0.0

    @property
    def words(self) -> str:
        """`4.02 (training 0.01, deviation 0.99)`."""
        return f"{self.mean:.3g} (training {self.usual[0]:.3g}, deviation {self.usual[1]:.3g})"


@dataclass(frozen=True, slots=True)
class Departures:
    """All that is unlike training in some rows."""

    rows: int
    found: tuple[Departure, ...]
    tokens: Mapping[str, tuple[int, int]] = dataclasses.field(default_factory=dict[str, tuple[int, int]])
    """By input that has some, how many tokens are unknown, and how many there are."""
    means: Mapping[str, Mean] = dataclasses.field(default_factory=dict[str, "Mean"])
    """By column of numbers its moments, and those of training."""

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
        means: dict[str, Mean] = {}
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
            means |= _means(field, place, own)
            is_missing = field.plan.field.is_missing(own)
            if is_missing.any():
                found.append(_missing(field, place, is_missing))
        return cls(len(rows), tuple(found), tokens, means)

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

    def __init__(self, least: float = 0.0) -> None:
        """Begin without a row; `least` is the share of rows from which a column is told."""
        self._least = least
        self._rows = 0
        self._means: dict[str, Mean] = {}
        self._columns: dict[tuple[Kind, str], _Column] = {}
        self._tokens: dict[str, tuple[int, int]] = {}

    def add(self, found: Departures) -> None:
        """Count further rows."""
        self._rows += found.rows
        for name, (unknown, all_of_them) in found.tokens.items():
            before = self._tokens.get(name, (0, 0))
            self._tokens[name] = before[0] + unknown, before[1] + all_of_them
        for name, mean in found.means.items():
            self._means[name] = self._means[name].merged(mean) if name in self._means else mean
        for departure in found.found:
            key = departure.kind, departure.column
            column = self._columns.setdefault(key, _Column(*key, departure.place, departure.usual))
            column.rows += int(departure.where.sum())
            if len(column.shown) < MAX_SHOWN_CELLS:
                column.shown.update(departure.shown)

    @property
    def lines(self) -> tuple[str, ...]:
        """At most five lines for the screen: the columns with the largest shares of each kind, and those whose mean is another.

        Missing values count where more are missing than chance makes of the share in training, unknown tokens where there are more of
        them than in training.
        """
        kinds: tuple[Kind, ...] = ("new", "unknown", "beyond", "missing")
        lines = [*map(self._line, kinds), self._shifted()]
        return tuple(line for line in lines if line is not None)

    def _shifted(self) -> str | None:
        found = sorted((name for name, mean in self._means.items() if mean.shift), key=lambda name: -self._means[name].shift)
        return _line_of(SHIFTED, [f"{name} {self._means[name].words}" for name in found])

    def _line(self, kind: Kind) -> str | None:
        found = [column for column in self._columns.values() if column.kind == kind]
        told = [
            f"{column.name} {percent(column.rows / self._rows)} ({beside})"
            for column in sorted(found, key=lambda each: (-each.rows, each.place))
            if (not self._least or column.rows >= max(LEAST_NOTABLE, self._least * self._rows))
            and (beside := self._beside(column)) is not None
        ]
        return _line_of(HEADS[kind], told)

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


def _line_of(head: str, told: Sequence[str]) -> str | None:
    """The first of some columns behind a head; `None` where there are none."""
    if not told:
        return None
    more = len(told) - MAX_NAMED
    rest = f", and {more} more column{'s' if more > 1 else ''}" if more > 0 else ""
    return f"{head:<14}   {', '.join(told[:MAX_NAMED])}{rest}"


def unlike_training(fields: Iterable[FittedField], values: Mapping[str, Values], rows: Array) -> list[str]:
    """Where rows that a run itself has set apart are not like those it trains on, in lines; chance alone makes none.

    Only numbers are compared: categories that training never showed are told where rows are encoded.
    """
    drift = Drift(NOTABLE)
    drift.add(Departures.of([field for field in fields if field.plan.role == "input" and field.shown.ranges], values, rows, {}))
    return [" ".join(line.split()) for line in drift.lines]


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
    names = _features(field)
    for at in np.flatnonzero(outside.any(axis=0)).tolist():
        pair = field.shown.ranges[at]
        span = "training had none" if pair is None else f"training {_number(pair[0])} to {_number(pair[1])}"
        yield Departure("beyond", names[at], (place, at), outside[:, at], "out of range", _cell_of(numbers[:, at]), {}, span)


def _means(field: FittedField, place: int, values: Any) -> dict[str, Mean]:
    """The means of new numbers beside those of training, by feature."""
    numbers = field.plan.field.magnitudes(values)
    if numbers is None or not field.shown.moments or not len(numbers):
        return {}
    own, names = Moments.of(numbers), _features(field)
    return {
        names[at]: Mean((place, at), float(own.count[at]), float(own.mean[at]), usual)
        for at, usual in enumerate(field.shown.moments)
        if usual is not None and own.count[at]
    }


def _features(field: FittedField) -> Sequence[str]:
    """What each feature is called."""
    count = len(field.shown.ranges)
    if count == 1:
        return (field.name,)
    return field.plan.columns if len(field.plan.columns) == count else tuple(f"{field.name}[{at}]" for at in range(count))


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
