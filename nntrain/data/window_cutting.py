"""Where windows lie among the rows of a table: in order, within one group, over rows that follow one another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import numpy as np

from nntrain.data.consecutive import places_within
from nntrain.data.field_plan import FieldPlan
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
    runs: Array
    """Number of the run in which each window is, int64 `[M]`: no window goes on from one of another."""
    notes: tuple[str, ...]
    """Rows that are in no window, and why."""


@dataclass(frozen=True, slots=True)
class _Runs:
    """Some rows in their order, in runs that nothing interrupts."""

    rows: Array
    """Row numbers, int64 `[N]`: group after group, each by time."""
    starts: Array
    """Where in `rows` each run begins."""
    lengths: Array
    """Rows of each run."""


def cut_windows(  # noqa: PLR0913 (what is cut, and from which rows)
    window: WindowSettings,
    table: Table,
    plans: Sequence[FieldPlan],
    values: Mapping[str, Values],
    rows: Array,
    *,
    ahead: bool,
    before: Array | None = None,
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
            Where columns are known beforehand, the rows ahead have to be there in any case; those that have nothing but such columns are
            no past.
        before: Row numbers of the splits before, which the past of a window may have too; what it predicts is in `rows` alone.

    Raises:
        DataError: A row has no time.
    """
    runs = _runs(table, plans, values, rows if before is None else np.concatenate([before, rows]))
    is_own = np.zeros(table.rows, dtype=bool)
    is_own[rows] = True
    is_open = np.zeros(len(runs.rows), dtype=bool) if ahead else open_rows(window, plans, values)[runs.rows]
    origins: list[Array] = []
    for start, length in zip(runs.starts, runs.lengths, strict=True):
        closed = np.flatnonzero(~is_open[start : start + length])
        possible = _origins(window, int(start), int(length), ahead=ahead, last=int(start + closed[-1]) if len(closed) else -1)
        if before is not None and ahead:
            possible = possible[is_own[runs.rows[target_rows(window, possible)]].all(axis=1)]
        origins.append(possible[:: window.stride] if ahead else possible[:: -window.stride][::-1])
    found = np.concatenate(origins) if origins else np.empty(0, dtype=np.int64)
    found = found[np.argsort(runs.rows[found], kind="stable")]
    run = np.searchsorted(runs.starts, found, side="right") - 1
    return Cut(runs.rows, found, run, tuple(_told(window, runs.lengths, ahead=ahead or bool(window.known))))


def naive_errors(
    window: WindowSettings, table: Table, plans: Sequence[FieldPlan], values: Mapping[str, Values], rows: Array
) -> dict[str, float]:
    """How far each target lies on average from itself a season before, in its own unit: of `mase`, over the training rows.

    A season without a length is one row. NaN where no two rows are a season apart. Arguments as of `cut_windows`.
    """
    runs = _runs(table, plans, values, rows)
    season = window.season or 1
    run = np.repeat(np.arange(len(runs.lengths)), runs.lengths)
    is_pair = run[season:] == run[:-season]
    found: dict[str, float] = {}
    for plan in plans:
        if plan.role == "target":
            series = np.asarray(values[plan.name], dtype=np.float64)[runs.rows]
            off = np.abs(series[season:] - series[:-season])[is_pair]
            off = off[~np.isnan(off)]
            found[plan.name] = float(off.mean()) if len(off) else float("nan")
    return found


def _runs(table: Table, plans: Sequence[FieldPlan], values: Mapping[str, Values], rows: Array) -> _Runs:
    """Some rows in their order. A run ends where another row stands between two, and with its group. Raises `DataError`."""
    group = group_numbers(table, plans)
    order = ordered_rows(table, plans, values, group)
    is_member = np.zeros(table.rows, dtype=bool)
    is_member[rows] = True
    places = np.flatnonzero(is_member[order])
    kept = order[places]
    is_new = np.ones(len(kept), dtype=bool)
    is_new[1:] = np.diff(places) > 1
    if group is not None:
        is_new[1:] |= np.diff(group[kept]) != 0
    starts = np.flatnonzero(is_new)
    return _Runs(kept, starts, np.diff(np.append(starts, len(kept))))


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
    places[order] = places_within(lengths)
    return places


def target_rows(window: WindowSettings, origins: Array) -> Array:
    """Where the rows lie that each window predicts, `[M, horizon]`."""
    return origins[:, None] + (1 + window.gap + np.arange(window.horizon))


def open_rows(window: WindowSettings, plans: Sequence[FieldPlan], values: Mapping[str, Values]) -> Array:
    """Rows of which nothing is there but what is known beforehand, bool `[N]`: nobody has seen them yet."""
    past = [plan for plan in plans if plan.role == "input" and not window.is_known(plan.name)]
    rows = len(cast("Array", values[next(plan.name for plan in plans if plan.role == "input")]))
    if not window.known or not past:
        return np.zeros(rows, dtype=bool)
    return np.logical_and.reduce([plan.field.is_missing(values[plan.name]) for plan in past])


def _origins(window: WindowSettings, start: int, length: int, *, ahead: bool, last: int) -> Array:
    """Last rows of all windows over one run of rows, rising; none after the row `last`."""
    room = window.gap + window.horizon if ahead or window.known else 0
    return np.arange(start + window.past - 1, min(start + length - room, last + 1))


def ordered_rows(table: Table, plans: Sequence[FieldPlan], values: Mapping[str, Values], group: Array | None) -> Array:
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
