"""The newest rows of each series and the rows that come after them, of which a forecast says what is in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final, cast

import numpy as np

from nntrain.data.continuing import continued, written
from nntrain.data.table import Table, counted, listed
from nntrain.data.window_cutting import group_numbers, open_rows, ordered_rows
from nntrain.errors import DataError

if TYPE_CHECKING:
    from nntrain.data.fields.field import Array, Values
    from nntrain.data.fitted import FittedFields
    from nntrain.data.layout import FieldPlan

AHEAD: Final = "ahead"
"""Column with the number of the row after the last one, where there are no times."""


@dataclass(frozen=True, slots=True)
class RowsAhead:
    """Series one after another: of each the rows that are there, then those that come after them."""

    table: Table
    """As many rows, with the column that tells the series apart."""
    values: dict[str, Array]
    """What the fields read, by name: `[N]` or `[N, F]`, NaN where nothing is known."""
    first: Array
    """The first row that comes after the last one of each series, int64 `[G]`."""
    ahead: int
    """Rows that come after it."""
    newest: Array
    """Numbers of the rows that are there in the table that they come from, int64."""
    cells: Mapping[str, list[str]]
    """By column the group and the time of the rows that come after, `[G * ahead]`."""

    def until(self, count: int) -> Array:
        """The rows up to some that come after the last one of each series, int64, rising."""
        ends = [int(first) + count for first in self.first]
        starts = [0, *(int(first) + self.ahead for first in self.first[:-1])]
        return np.concatenate([np.arange(start, end) for start, end in zip(starts, ends, strict=True)])


@dataclass(frozen=True, slots=True)
class _Series:
    """The rows of one series, by time."""

    there: Array
    """Row numbers of those that a window may have, int64."""
    later: Array
    """Row numbers of those of which only what is known beforehand is there, int64."""
    times: tuple[float, ...] | None
    """Times of the rows that are in the file no more; `None` where they can't be told."""


def rows_ahead(fields: FittedFields, table: Table, count: int) -> RowsAhead:
    """The newest rows of each series of a table, and `count` rows that come after them.

    Rows that have only what is known beforehand are the first of these; where only the times are, they go on by themselves.

    Raises:
        DataError: A cell can't be read, no series has a whole past, or what is known beforehand is not there.
    """
    plans = [field.plan for field in fields.fields]
    values = fields.read(table, with_targets=False)
    series = list(_series(fields, plans, table, values, count))
    if not series:
        assert fields.window is not None
        raise DataError(f"{table.name}: none of {counted(table.rows)} can be used: a window takes {fields.window.past:,} (past)")
    lacking = [max(0, count - len(one.later)) for one in series]
    index = np.concatenate([np.concatenate([one.there, one.later, np.full(lack, -1)]) for one, lack in zip(series, lacking, strict=True)])
    index = index.astype(np.int64)
    found = {plan.name: _taken(values[plan.name], index) for plan in plans if plan.role in ("input", "time") and plan.name in values}
    lengths = np.array([len(one.there) + count for one in series])
    first = np.cumsum(lengths) - count
    time = next((plan for plan in plans if plan.role == "time"), None)
    if time is not None:
        _write_times(found[time.name], index, series, lacking)
    group = next((plan.columns[0] for plan in plans if plan.role == "group"), None)
    names = {} if group is None else {group: table.texts(group)[np.concatenate([_filled(one, count) for one in series])]}
    own = replace(table, columns=names, rows=len(index), lines=None, known={}, classes={}, notes=())
    newest = np.concatenate([one.there for one in series])
    return RowsAhead(own, found, first, count, newest, _cells(table, plans, series, count))


def _series(fields: FittedFields, plans: Sequence[FieldPlan], table: Table, values: Mapping[str, Values], count: int) -> list[_Series]:
    """Each series that has a whole past, in the order of the groups. Raises `DataError`."""
    window = fields.window
    assert window is not None
    group = group_numbers(table, plans)
    order = ordered_rows(table, plans, values, group)
    is_open = open_rows(window, plans, values)
    time = next((plan for plan in plans if plan.role == "time"), None)
    edges = [0, len(order)] if group is None else [0, *(np.flatnonzero(np.diff(group[order])) + 1), len(order)]
    found: list[_Series] = []
    for start, end in pairwise(edges):
        rows = order[start:end]
        closed = np.flatnonzero(~is_open[rows])
        if not len(closed) or closed[-1] + 1 < window.past:
            continue
        last = int(closed[-1]) + 1
        there, later = rows[:last] if fields.lanes is not None else rows[last - window.past : last], rows[last : last + count]
        lacking = count - len(later)
        times = None
        if lacking > 0 and time is not None:
            newest = np.asarray(values[time.name], dtype=np.float64)[np.concatenate([there, later])][-max(window.past, 2) :]
            told = continued(cast("list[float]", newest.tolist()), range(1, lacking + 1), are_dates=time.field.type == "date")
            times = None if told is None else tuple(told)
        if lacking > 0:
            _require_known(fields, table, rows[last - 1], len(later), count, goes_on=times is not None)
        found.append(_Series(there, later, times))
    return found


def _require_known(fields: FittedFields, table: Table, row: int, later: int, count: int, *, goes_on: bool) -> None:
    """Refuse what is to be known beforehand of rows that are not there. Raises `DataError`."""
    window = fields.window
    assert window is not None
    ordering = {field.name for field in fields.fields if field.plan.role == "time"}
    known = [field.name for field in fields.fields if field.plan.role == "input" and window.is_known(field.name)]
    lost = [name for name in known if not (goes_on and name in ordering)]
    if not lost:
        return
    past = [field.name for field in fields.fields if field.plan.role == "input" and not window.is_known(field.name)]
    found = f"{counted(later)} with no {listed(past)} come{'s' if later == 1 else ''} after {table.place(int(row))}" if past else "none"
    raise DataError(
        f"{table.name}: {listed(known)} {'is' if len(known) == 1 else 'are'} known beforehand, of {counted(count)} ahead: {found}",
        f"add rows to the file in which {listed(lost)} {'is' if len(lost) == 1 else 'are'} written and the rest is empty",
    )


def _taken(values: Values, index: Array) -> Array:
    """Some rows as floats; NaN for -1."""
    array = np.asarray(cast("Any", values), dtype=np.float64)
    taken = array[np.maximum(index, 0)]
    taken[index < 0] = np.nan
    return taken


def _write_times(times: Array, index: Array, series: Sequence[_Series], lacking: Sequence[int]) -> None:
    """Put the times of rows that are in no file where they belong; where none can be told, they keep the order."""
    lost = np.flatnonzero(index < 0)
    start = 0
    for one, lack in zip(series, lacking, strict=True):
        places = lost[start : start + lack]
        if lack:
            last = times[places[0] - 1]
            times[places] = last + np.arange(1, lack + 1) if one.times is None else np.array(one.times)
        start += lack


def _filled(one: _Series, count: int) -> Array:
    """Rows that say which series each row of it is of, int64 `[N]`."""
    return np.concatenate([one.there, np.full(count, one.there[-1])])


def _cells(table: Table, plans: Sequence[FieldPlan], series: Sequence[_Series], count: int) -> dict[str, list[str]]:
    """Group and time of the rows that come after; their numbers where the time of one can't be told."""
    found: dict[str, list[str]] = {}
    group = next((plan.columns[0] for plan in plans if plan.role == "group"), None)
    if group is not None:
        texts = table.texts(group)
        found[group] = [str(texts[int(one.there[-1])]) for one in series for _ in range(count)]
    time = next((plan for plan in plans if plan.role == "time"), None)
    if time is None or any(len(one.later) < count and one.times is None for one in series):
        return {**found, AHEAD: [str(step) for _ in series for step in range(1, count + 1)]}
    texts = table.texts(time.columns[0])
    date_format = cast("str | None", getattr(time.field, "format", None))
    found[time.columns[0]] = [
        cell
        for one in series
        for cell in (*(str(texts[int(row)]) for row in one.later), *(written(each, date_format) for each in one.times or ()))
    ]
    return found
