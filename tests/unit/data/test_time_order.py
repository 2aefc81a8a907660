"""What is told of the times of rows: those that stand twice, and gaps."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nntrain.data.preparing import prepare
from nntrain.data.settings import DataSettings
from nntrain.data.time_order import one_row_a


def notes(times: Sequence[str], shops: Sequence[str] | None = None, **fields: Any) -> list[str]:
    columns = {"when": times, "y": [str(row) for row in range(len(times))], **({} if shops is None else {"shop": shops})}
    rows = [",".join(row) for row in zip(*columns.values(), strict=True)]
    Path("rows.csv").write_text("\n".join([",".join(columns), *rows]) + "\n", encoding="utf-8")
    both = {"type": "number", "role": ["input", "target"]}
    tree = {"when": {"role": "time"}, "y": both, **({} if shops is None else {"shop": {"role": "group"}}), **fields}
    split = {"validation": None, "test": None}
    found = prepare(DataSettings.parse({"source": "rows.csv", "fields": tree, "window": 2, "split": split}), Path(), seed=0).notes
    return [note for note in found if note.startswith("when:")]


def hours(rows: Sequence[int]) -> list[str]:
    return [f"2024-01-{1 + row // 24:02}T{row % 24:02}:00" for row in rows]


def test_rows_without_anything_odd() -> None:
    assert notes(hours(range(30))) == []
    assert notes([f"{2000 + month // 12}-{1 + month % 12:02}" for month in range(30)]) == []  # months have 28 to 31 days
    assert notes([str(row) for row in range(20)], when={"type": "number", "role": "time"}) == []
    assert notes(hours([0, 1, 5, 7, 8, 20, 22, 31])) == []  # no distance is that of most rows


def test_gaps_are_counted_with_their_first_place_and_what_is_done() -> None:
    (told,) = notes(hours([*range(10), *range(13, 20), 24, 25]))
    assert told.startswith("when: 2 gaps, 7 rows missing at one every hour, first after line 11 (2024-01-01T09:00): ")
    assert "windows take the rows on both sides for neighbours" in told
    (months,) = notes(["2020-01", "2020-02", "2020-03", "2020-06", "2020-07", "2020-08", "2020-09"])
    assert months.startswith("when: 1 gap, 2 rows missing at one every month, first after line 4 (2020-03): ")
    (numbers,) = notes(["1", "1.5", "2", "2.5", "4", "4.5"], when={"type": "number", "role": "time"})
    assert numbers.startswith("when: 1 gap, 2 rows missing at one every 0.5, first after line 5 (2.5): ")


def test_times_that_stand_twice_and_gaps_within_a_series() -> None:
    (twice,) = notes(hours([0, 1, 1, 2, 3, 3, 4]))
    assert twice.startswith(
        "when: 2 rows with the time of the row before, first in line 4 (2024-01-01T01:00): kept, in the order of the file"
    )
    times, shops = hours([row for row in range(8) for _ in "ab"]), list("ab" * 8)
    assert notes(times, shops) == []  # one time in two series is none that stands twice
    (gap,) = notes([*times[:4], *times[5:]], [*shops[:4], *shops[5:]])
    assert gap.startswith("when: 1 gap, 1 row missing at one every hour, first after line 4 (2024-01-01T01:00): ")


@pytest.mark.parametrize(
    ("times", "every"),
    [
        ([3600.0 * row for row in (3, 1, 2, 0)], "hour"),
        ([900.0 * row for row in range(9)], "15 minutes"),
        ([86400.0 * row for row in (0, 1, 2, 3, 6, 7)], "day"),
        ([float(day) * 86400 for day in (0, 31, 59, 90)], "month"),
        ([0.0, 3600.0, 3600.0, 7200.0], None),
        ([0.0, 5.0, 700.0, 9000.0], None),
        ([0.0, 3600.0, float("nan")], None),
        ([], None),
    ],
)
def test_a_row_for_each_time(times: list[float], every: str | None) -> None:
    assert one_row_a(np.array(times)) == every
