"""What follows the last rows of a file: a forecast as a table of its own, a row for each step ahead, with the times continued."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final, cast

from nntrain.commands.prediction_files import readable
from nntrain.data.dates import has_zone

if TYPE_CHECKING:
    from nntrain.commands.predict import Predictions
    from nntrain.commands.stored import Stored
    from nntrain.data.layout import FieldPlan
    from nntrain.data.table import Table
    from nntrain.data.window import WindowSettings

AHEAD: Final = "ahead"
"""Column with the number of the row after the last one."""
MONTHS: Final = 12
SHORTEST: Final = 1e-6
"""Times nearer than this part of their distance are as far from each other as others."""


def is_forecast(stored: Stored) -> bool:
    """Whether a run predicts the rows that follow a window."""
    return stored.fields.window is not None and all(plan.task.forecasts for plan in stored.blueprint.targets.values())


def forecast_rows(stored: Stored, table: Table, found: Predictions) -> tuple[Table, dict[str, Sequence[Any]]]:
    """The forecast after the last row, or after the last row of each group.

    Args:
        stored: The run.
        table: The rows that it is made from.
        found: What is predicted after each row with a whole past.

    Returns:
        A table with the group and the time of each row ahead, where there are any, and the columns of predictions.
    """
    import polars as pl

    window, plans = stored.fields.window, [field.plan for field in stored.fields.fields]
    assert window is not None
    ends = list(_ends(stored, table, found, plans))
    columns: dict[str, list[str]] = {}
    for end in ends:
        for name, cells in _places(table, plans, end, window).items():
            columns.setdefault(name, []).extend(cells)
    own = replace(
        table,
        columns={name: pl.Series(name, cells) for name, cells in columns.items()},
        rows=len(ends) * window.horizon,
        lines=None,
        known={},
        classes={},
    )
    return own, {name: cells for target in found for name, cells in _values(stored, target, found, ends).items()}


@dataclass(frozen=True, slots=True)
class _End:
    """The last row of a series."""

    place: int
    """Which of the predictions it is."""
    row: int
    """Its number in the table."""
    times: Sequence[float]
    """The times of the newest rows up to it, ascending; empty without a column of times."""


def _ends(stored: Stored, table: Table, found: Predictions, plans: Sequence[FieldPlan]) -> Iterator[_End]:
    """The last row of each group that is predicted from, in the order of the groups."""
    import numpy as np

    from nntrain.data.window_cutting import group_numbers

    window = stored.fields.window
    assert window is not None
    group = group_numbers(table, plans)
    group = np.zeros(table.rows, dtype=np.int64) if group is None else group
    time = next((plan for plan in plans if plan.role == "time"), None)
    times = np.arange(table.rows, dtype=np.float64) if time is None else np.asarray(time.field.read(table, time.columns), dtype=np.float64)
    rows = np.asarray(found.rows)
    for number in np.unique(group[rows]):
        places = np.flatnonzero(group[rows] == number)
        place = int(places[np.lexsort((rows[places], times[rows[places]]))[-1]])
        newest = np.sort(times[(group == number) & (times <= times[rows[place]])])[-max(window.past, 2) :]
        yield _End(place, int(rows[place]), [] if time is None else cast("list[float]", newest.tolist()))


def _places(table: Table, plans: Sequence[FieldPlan], end: _End, window: WindowSettings) -> dict[str, list[str]]:
    """Group, time and number of the rows ahead."""
    found: dict[str, list[str]] = {}
    group = next((plan for plan in plans if plan.role == "group"), None)
    if group is not None:
        found[group.columns[0]] = [str(table.texts(group.columns[0])[end.row])] * window.horizon
    time = next((plan for plan in plans if plan.role == "time"), None)
    ahead = range(window.gap + 1, window.gap + window.horizon + 1)
    written = None if time is None else continued(end.times, ahead, cast("str | None", getattr(time.field, "format", None)))
    if time is not None and written is not None:
        found[time.columns[0]] = written
    else:
        found[AHEAD] = [str(step) for step in ahead]
    return found


def continued(times: Sequence[float], ahead: Sequence[int], written: str | None) -> list[str] | None:
    """The times of rows after the last one, as the file writes them.

    Args:
        times: Times of the newest rows, ascending: numbers, or seconds since 1970 of dates.
        ahead: How many rows after the last each of them is.
        written: The format of dates, in the words of `strptime`; `None` for numbers.

    Returns:
        The times; `None` where the rows have no one distance, neither in seconds nor in months.
    """
    steps = [later - earlier for earlier, later in pairwise(times)]
    if not steps or steps[-1] <= 0:
        return None
    step, last = steps[-1], times[-1]
    is_even = all(abs(each - step) <= SHORTEST * step for each in steps)
    if written is None:
        return [f"{last + step * count:.12g}" for count in ahead] if is_even else None
    dates = [datetime.fromtimestamp(time, UTC) for time in times]
    months = [date.year * MONTHS + date.month for date in dates]
    distances = {later - earlier for earlier, later in pairwise(months)}
    parts = {(date.day, date.hour, date.minute, date.second) for date in dates}
    if len(distances) == 1 and 0 not in distances and len(parts) == 1 and dates[-1].day <= 28:
        (distance,) = distances
        whole = (months[-1] - 1 + distance * count for count in ahead)
        return [_written(dates[-1].replace(year=month // MONTHS, month=month % MONTHS + 1), written) for month in whole]
    return [_written(dates[-1] + timedelta(seconds=step * count), written) for count in ahead] if is_even else None


def _written(date: datetime, written: str) -> str:
    """A date as the file writes it; one with an offset from UTC as ISO 8601, without it."""
    return date.strftime("%Y-%m-%dT%H:%M:%S" if has_zone(written) else written.replace("%.f", ".%f"))


def _values(stored: Stored, target: str, found: Predictions, ends: Sequence[_End]) -> dict[str, Sequence[Any]]:
    """The predictions of a target as columns; with the limits of intervals beside them where there are any."""
    names = stored.fields.targets[target].columns or (target,)
    kinds: dict[str, Sequence[Any]] = {"": found[target].values}
    low_and_high = found[target].interval
    if low_and_high is not None:
        kinds |= {"_low": low_and_high[0], "_high": low_and_high[1]}
    columns: dict[str, list[Any]] = {f"{name}{kind}": [] for name in names for kind in kinds}
    for kind, values in kinds.items():
        for end in ends:
            for step in _listed(values[end.place]):
                for name, value in zip(names, _listed(step), strict=True):
                    columns[f"{name}{kind}"].append(readable(value))
    return dict(columns)


def _listed(value: object) -> list[Any]:
    """Several values as they are, one as a list of it."""
    return cast("list[Any]", value) if isinstance(value, list) else [value]
