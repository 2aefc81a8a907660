"""Where new rows are not like those of training: for each row in words, and for each column as a share."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np

from nntrain.data.facts import beginning
from nntrain.data.scaling import take
from nntrain.data.shown import Shown

if TYPE_CHECKING:
    from nntrain.data.fields.field import Array, Values
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


@dataclass(frozen=True, slots=True)
class Departure:
    """A column in which some rows are not like those of training."""

    kind: Kind
    column: str
    where: Array
    """Which rows, bool `[M]`."""
    word: str | None
    """What a row's note calls it; `None` where that is none of its business."""
    cell: Callable[[int], str | None]
    """What stands in a row, where there is something to show."""
    beside: str | None
    """What training had."""

    @property
    def share(self) -> float:
        """Of all rows."""
        return float(self.where.mean())


@dataclass(frozen=True, slots=True)
class Departures:
    """All that is unlike training in some rows."""

    rows: int
    found: tuple[Departure, ...]

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
        for field in fields:
            every: Any = values[field.name]
            own = every if len(rows) == len(every) else take(every, rows)
            if field.name in unknown and unknown[field.name].any():
                found.append(_new(field, own, unknown[field.name]))
            found += _unseen(field, own)
            found += _beyond(field, own)
            is_missing = field.plan.field.is_missing(own)
            if is_missing.any():
                found.append(_missing(field, is_missing))
        return cls(len(rows), tuple(found))

    @property
    def notes(self) -> tuple[str, ...]:
        """By row what is unlike training: `new category (town: X); out of range (visits: 12)`; empty for most."""
        noted: list[dict[str, list[str]]] = [{} for _ in range(self.rows)]
        for departure in self.found:
            if departure.word is None:
                continue
            for row in np.flatnonzero(departure.where).tolist():
                cell = departure.cell(row)
                told = departure.column if cell is None else f"{departure.column}: {cell}"
                noted[row].setdefault(departure.word, []).append(told)
        return tuple("; ".join(f"{word} ({_some(told)})" for word, told in parts.items()) if parts else "" for parts in noted)

    @property
    def lines(self) -> tuple[str, ...]:
        """At most four lines for the screen: the columns with the largest shares of each kind.

        Missing values count where more are missing than chance makes of the share in training, unknown tokens where there are more of
        them than in training.
        """
        kinds: tuple[Kind, ...] = ("new", "unknown", "beyond", "missing")
        return tuple(line for kind in kinds if (line := self._line(kind)) is not None)

    def _line(self, kind: Kind) -> str | None:
        found = sorted((departure for departure in self.found if departure.kind == kind), key=lambda each: -each.share)
        if kind in ("unknown", "missing"):
            found = [departure for departure in found if departure.beside is not None]
        if not found:
            return None
        told = [
            f"{departure.column} {percent(departure.share)}{'' if departure.beside is None else f' ({departure.beside})'}"
            for departure in found[:MAX_NAMED]
        ]
        more = len(found) - MAX_NAMED
        rest = f", and {more} more column{'s' if more > 1 else ''}" if more > 0 else ""
        return f"{HEADS[kind]:<14}   {', '.join(told)}{rest}"


def percent(share: float) -> str:
    """A share in words: `31 %`, `under 1 %`."""
    return "under 1 %" if 0 < share < 0.01 else f"{100 * share:.0f} %"


def _some(told: Sequence[str]) -> str:
    more = len(told) - MAX_NAMED
    return ", ".join(told[:MAX_NAMED]) + (f" and {more} more" if more > 0 else "")


def _new(field: FittedField, values: Any, unknown: Array) -> Departure:
    def cell(row: int) -> str:
        value = values[row]
        return beginning(value if isinstance(value, str) else "|".join(map(str, value)))

    shown = list(dict.fromkeys(cell(int(row)) for row in np.flatnonzero(unknown)[:1_000]))
    return Departure("new", field.name, unknown, "new category", cell, _some([repr(value) for value in shown]))


def _unseen(field: FittedField, values: Any) -> Iterable[Departure]:
    """Tokens of texts that training never showed."""
    unseen = field.plan.field.unseen(values, field.state)
    if unseen is None or not unseen.counts.any():
        return
    share = float(unseen.counts.sum() / unseen.totals.sum())
    shown = list(dict.fromkeys(token for row in unseen.examples for token in row))
    beside = f"{percent(share)} of the tokens: {_some([repr(token) for token in shown])}; training {percent(unseen.usual)}"

    def cell(row: int) -> str:
        return " ".join(map(beginning, unseen.examples[row]))

    yield Departure("unknown", field.name, unseen.counts > 0, "unknown tokens", cell, beside if share > unseen.usual else None)


def _beyond(field: FittedField, values: Any) -> Iterable[Departure]:
    """Numbers below the lowest or above the highest of training, by feature."""
    numbers = field.plan.field.magnitudes(values)
    if numbers is None:
        return
    low = np.array([math.inf if pair is None else pair[0] for pair in field.shown.ranges])
    high = np.array([-math.inf if pair is None else pair[1] for pair in field.shown.ranges])
    outside = (numbers < low) | (numbers > high)
    if not outside.any():
        return
    names = field.plan.columns if len(field.plan.columns) == len(low) else tuple(f"{field.name}[{place}]" for place in range(len(low)))
    for place in np.flatnonzero(outside.any(axis=0)).tolist():
        pair = field.shown.ranges[place]
        span = "training had none" if pair is None else f"training {_number(pair[0])} to {_number(pair[1])}"
        column = names[place] if len(low) > 1 else field.name
        yield Departure("beyond", column, outside[:, place], "out of range", _cell_of(numbers[:, place]), span)


def _missing(field: FittedField, is_missing: Array) -> Departure:
    share, before = float(is_missing.mean()), field.shown.missing
    by_chance = before + 2 * math.sqrt(before * (1 - before) / len(is_missing))
    has_class = bool(field.state.get("has_missing"))
    word = None if has_class else "missing filled in" if field.plan.field.filling is not None else "missing"
    return Departure("missing", field.name, is_missing, word, _nothing, f"training {percent(before)}" if share > by_chance else None)


def _cell_of(numbers: Array) -> Callable[[int], str]:
    return lambda row: _number(float(numbers[row]))


def _nothing(row: int) -> None:
    return None


def _number(value: float) -> str:
    return f"{value:.6g}"


NONE: Final = Shown(0.0)
"""Of what is no input."""
