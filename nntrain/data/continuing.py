"""Times of rows that nobody has written yet: those of the newest rows, continued. Plain Python."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import pairwise
from typing import Final

from nntrain.data.dates import has_zone

MONTHS: Final = 12
SHORTEST: Final = 1e-6
"""Times nearer than this part of their distance are as far from each other as others."""
EVERY_MONTH: Final = 28
"""The last day that every month has."""


def continued(times: Sequence[float], ahead: Sequence[int], *, are_dates: bool) -> list[float] | None:
    """The times of rows after the last one.

    Args:
        times: Times of the newest rows, ascending: numbers, or seconds since 1970 of dates.
        ahead: How many rows after the last each of them is.
        are_dates: Whether they are dates, which may be months apart.

    Returns:
        The times; `None` where the rows have no one distance, neither in seconds nor in months.
    """
    steps = [later - earlier for earlier, later in pairwise(times)]
    if not steps or steps[-1] <= 0:
        return None
    monthly = _by_months(times, ahead) if are_dates else None
    if monthly is not None:
        return monthly
    step = steps[-1]
    is_even = all(abs(each - step) <= SHORTEST * step for each in steps)
    return [times[-1] + step * count for count in ahead] if is_even else None


def _by_months(times: Sequence[float], ahead: Sequence[int]) -> list[float] | None:
    """Times that are whole months apart; `None` where they are not."""
    dates = [datetime.fromtimestamp(time, UTC) for time in times]
    months = [date.year * MONTHS + date.month - 1 for date in dates]
    distances = {later - earlier for earlier, later in pairwise(months)}
    parts = {(date.day, date.hour, date.minute, date.second) for date in dates}
    if len(distances) != 1 or 0 in distances or len(parts) != 1 or dates[-1].day > EVERY_MONTH:
        return None
    (distance,) = distances
    whole = (divmod(months[-1] + distance * count, MONTHS) for count in ahead)
    return [dates[-1].replace(year=year, month=month + 1).timestamp() for year, month in whole]


def written(time: float, date_format: str | None) -> str:
    """A time as the file writes it: a number, or a date in a format of `strptime`; with an offset from UTC as ISO 8601 without it."""
    if date_format is None:
        return f"{time:.12g}"
    date = datetime.fromtimestamp(time, UTC)
    return date.strftime("%Y-%m-%dT%H:%M:%S" if has_zone(date_format) else date_format.replace("%.f", ".%f"))
