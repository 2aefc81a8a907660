"""Where windows lie among the rows of a table: in order, within one group, over rows that follow one another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from nntrain.data.layout import FieldPlan
from nntrain.data.table import Table, counted
from nntrain.data.window import WindowSettings
from nntrain.errors import DataError

if TYPE_CHECKING:
    from nntrain.data.fields.field import Array, Values


@dataclass(frozen=True, slots=True)
class Cut:
    """Windows over some rows of a table."""

    rows: Array
    """The rows in their order, int64 `[N]`: group after group, each by time."""
    origins: Array
    """Where in `rows` the last row of each window is, int64 `[M]`, sorted by the number of that row in the table."""
    notes: tuple[str, ...]
    """Rows that are in no window, and why."""


def cut_windows(
    window: WindowSettings, table: Table, plans: Sequence[FieldPlan], values: Mapping[str, Values], rows: Array, *, ahead: bool
) -> Cut:
    """Cut windows from some rows of a table.

    Args:
        window: How they are cut.
        table: The rows.
        plans: Fields; those whose role is group and time say which rows follow one another.
        values: Values of the plans, of all rows of the table.
        rows: Row numbers of one split. Where another row stands between two of them, no window has both.
        ahead: Whether the rows that are predicted are there too; then windows are counted from the first row that gives one. Else from the
            last row on, so that what comes after it is predicted.

    Raises:
        DataError: A row has no time.
    """
    group = group_numbers(table, plans)
    order = _order(table, plans, values, group)
    is_member = np.zeros(table.rows, dtype=bool)
    is_member[rows] = True
    places = np.flatnonzero(is_member[order])
    kept = order[places]
    is_new = np.ones(len(kept), dtype=bool)
    is_new[1:] = np.diff(places) > 1
    if group is not None:
        is_new[1:] |= np.diff(group[kept]) != 0
    starts = np.flatnonzero(is_new)
    lengths = np.diff(np.append(starts, len(kept)))
    origins = [_origins(window, int(start), int(length), ahead=ahead) for start, length in zip(starts, lengths, strict=True)]
    found = np.concatenate(origins) if origins else np.empty(0, dtype=np.int64)
    found = found[np.argsort(kept[found], kind="stable")]
    return Cut(kept, found, tuple(_told(window, lengths, ahead=ahead)))


def group_numbers(table: Table, plans: Sequence[FieldPlan]) -> Array | None:
    """A number for the group of each row of a table, `[N]`; `None` where no column says it."""
    plan = next((plan for plan in plans if plan.role == "group"), None)
    if plan is None:
        return None
    texts = table.texts(plan.columns[0]).fill_null("").to_numpy().astype(str)
    return np.unique(texts, return_inverse=True)[1]


def places_in_groups(group: Array) -> Array:
    """How many rows of its group come before each row `[N]`."""
    order = np.argsort(group, kind="stable")
    lengths = np.bincount(group)
    places = np.empty(len(group), dtype=np.int64)
    places[order] = np.arange(len(group)) - np.repeat(lengths.cumsum() - lengths, lengths)
    return places


def order_in_words(table: Table, plans: Sequence[FieldPlan], values: Mapping[str, Values]) -> str:
    """By what the rows are ordered, and what is odd about it."""
    time = next((plan for plan in plans if plan.role == "time"), None)
    group = next((plan for plan in plans if plan.role == "group"), None)
    within = "" if group is None else f", each {group.name} by itself"
    if time is None:
        return f"rows in the order of the file{within}"
    numbers = group_numbers(table, plans)
    order = _order(table, plans, values, numbers)
    times = _times(table, time, values)[order]
    is_same = np.diff(times) == 0
    if numbers is not None:
        is_same &= np.diff(numbers[order]) == 0
    twice = int(is_same.sum())
    doubt = "" if group is not None else "; several series? data.fields: {COLUMN: {role: group}}"
    told = f"; {counted(twice)} with the time of the row before{doubt}" if twice else ""
    return f"rows ordered by {time.name}{within}{told}"


def target_rows(window: WindowSettings, origins: Array) -> Array:
    """Where the rows lie that each window predicts, `[M, horizon]`."""
    return origins[:, None] + (1 + window.gap + np.arange(window.horizon))


def _origins(window: WindowSettings, start: int, length: int, *, ahead: bool) -> Array:
    """Last rows of the windows over one run of rows, rising."""
    first = start + window.past - 1
    if ahead:
        return np.arange(first, start + length - window.gap - window.horizon, window.stride)
    return np.arange(start + length - 1, first - 1, -window.stride)[::-1]


def _order(table: Table, plans: Sequence[FieldPlan], values: Mapping[str, Values], group: Array | None) -> Array:
    """All rows: group after group, each by time, rows of one time as they stand in the file."""
    time = next((plan for plan in plans if plan.role == "time"), None)
    keys = [np.arange(table.rows)]
    if time is not None:
        keys.append(_times(table, time, values))
    if group is not None:
        keys.append(group)
    return np.lexsort(keys)


def _times(table: Table, plan: FieldPlan, values: Mapping[str, Values]) -> Array:
    """Float64 `[N]`. Raises `DataError` where a row has none."""
    found = np.asarray(values[plan.name], dtype=np.float64)
    lost = [int(row) for row in np.flatnonzero(np.isnan(found))]
    if lost:
        raise DataError(f"{table.name}: {plan.name} has no time in {table.places(lost)}, and windows need an order", "remove these rows")
    return found


def _told(window: WindowSettings, lengths: Array, *, ahead: bool) -> list[str]:
    """Runs of rows that are too short, in words."""
    needed = window.rows if ahead else window.past
    takes = f"{needed:,} ({window.in_words})" if ahead else f"{needed:,} (past)"
    short = lengths[lengths < needed]
    if not len(short):
        return []
    if len(lengths) == 1:
        return [f"{counted(int(lengths[0]))}, and a window takes {takes}"]
    several = "all" if len(short) == len(lengths) else f"{len(short):,} of"
    return [f"{several} {len(lengths):,} series have fewer rows in a row than a window takes, {takes}: {counted(int(short.sum()))} in none"]
