"""By what rows are ordered, and what is odd about their times, in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final, cast

import numpy as np

from nntrain.data.table import Table, counted
from nntrain.data.window_cutting import group_numbers, ordered_rows
from nntrain.wording import number_of

if TYPE_CHECKING:
    from nntrain.data.field_plan import FieldPlan
    from nntrain.data.fields.field import Array, Values
    from nntrain.data.window import WindowSettings

UNITS: Final = {"week": 604800, "day": 86400, "hour": 3600, "minute": 60, "second": 1}
"""Seconds of what distances are told in."""
MONTH: Final = "month"
TOLERANCE: Final = 1e-6
"""Distances that differ by less than this part of them are the same."""
USUAL_SHARE: Final = 0.5
"""Share of the distances from which on the most frequent one is taken for that of the rows."""


def order_in_words(
    window: WindowSettings, table: Table, plans: Sequence[FieldPlan], values: Mapping[str, Values], last: Array
) -> list[str]:
    """By what the rows are ordered; then times that stand twice, and gaps: how many, where the first is, and which windows cross them.

    Args:
        window: How windows are cut.
        table: The rows.
        plans: Fields.
        values: Values of the plans.
        last: Of each window that is used the last row of its past, int64 `[M]`.
    """
    time = next((plan for plan in plans if plan.role == "time"), None)
    group = next((plan for plan in plans if plan.role == "group"), None)
    within = "" if group is None else f", each {group.name} by itself"
    if time is None:
        return [f"rows in the order of the file{within}"]
    numbers = group_numbers(table, plans)
    order = ordered_rows(table, plans, values, numbers)
    times = np.asarray(values[time.name], dtype=np.float64)[order]
    follows = np.ones(max(len(order) - 1, 0), dtype=bool) if numbers is None else np.diff(numbers[order]) == 0
    cells = table.texts(time.columns[0])
    told = [f"rows ordered by {time.name}{within}"]
    twice = np.flatnonzero(follows & (np.diff(times) == 0))
    if len(twice):
        row = int(order[twice[0] + 1])
        doubt = "" if group is not None else "; several series? data.fields: {COLUMN: {role: group}}"
        first = f"first in {table.place(row)} ({cells[row]})"
        told.append(f"{time.name}: {counted(len(twice))} with the time of the row before, {first}: kept, in the order of the file{doubt}")
    gaps, missing, distance = _gaps(times, follows, are_dates=time.field.type == "date")
    if len(gaps):
        row = int(order[gaps[0]])
        first = f"first after {table.place(row)} ({cells[row]})"
        count = f"{len(gaps):,} gap{'s' if len(gaps) > 1 else ''}, {counted(missing)} missing at one every {distance}"
        place = np.empty(len(order), dtype=np.int64)
        place[order] = np.arange(len(order))
        before = np.searchsorted(gaps, [place[last] - window.past + 1, place[last] + window.gap + window.horizon])
        crossing = f"{int((before[1] > before[0]).sum()):,} of {number_of(len(last), 'window')} take the rows on both sides for neighbours"
        told.append(f"{time.name}: {count}, {first}: {crossing}; rows with empty cells there keep the distance")
    return told


def one_row_a(times: Array) -> str | None:
    """The distance of the rows of a table that has a row for each time, in words: `day`; `None` where it is no such table.

    Args:
        times: Seconds since 1970, in any order, float64 `[N]`.
    """
    ordered = np.sort(times[~np.isnan(times)])
    if len(ordered) < len(times) or (np.diff(ordered) == 0).any():
        return None
    return _gaps(ordered, np.ones(max(len(ordered) - 1, 0), dtype=bool), are_dates=True)[2] or None


def _gaps(times: Array, follows: Array, *, are_dates: bool) -> tuple[Array, int, str]:
    """After which rows some are missing, how many these are, and the distance that rows have; nothing where they have no one distance.

    Args:
        times: In order, series after series, `[N]`.
        follows: Whether each row but the first is of the series of the one before, bool `[N - 1]`.
        are_dates: Whether times are seconds since 1970.
    """
    steps, unit = np.diff(times), None
    if are_dates and len(times):
        dates = times.astype("datetime64[s]")
        months = dates.astype("datetime64[M]")
        if (dates - months == dates[0] - months[0]).all():  # whole months apart, which have 28 to 31 days
            steps, unit = np.diff(months.astype(np.int64)).astype(np.float64), MONTH
    usual = _most_frequent(steps[follows & (steps > 0)])
    if usual is None:
        return np.empty(0, dtype=np.int64), 0, ""
    wide = np.flatnonzero(follows & (steps > usual * (1 + TOLERANCE)))
    missing = int(np.maximum(np.round(steps[wide] / usual) - 1, 1).sum())
    return wide, missing, _in_words(usual, are_dates=are_dates) if unit is None else _times_of(usual, unit)


def _most_frequent(steps: Array) -> float | None:
    """The distance that more than half of the rows have; `None` where there is none."""
    if len(steps) < 2:
        return None
    values, counts = np.unique(steps, return_counts=True)
    place = int(counts.argmax())
    return float(cast("float", values[place])) if counts[place] > USUAL_SHARE * len(steps) else None


def _in_words(distance: float, *, are_dates: bool) -> str:
    """`hour`, `15 minutes`; a number of what is no date."""
    if not are_dates:
        return f"{distance:g}"
    name, seconds = next(((name, seconds) for name, seconds in UNITS.items() if distance % seconds == 0), ("second", 1))
    return _times_of(distance / seconds, name)


def _times_of(count: float, unit: str) -> str:
    return unit if count == 1 else f"{count:g} {unit}s"
