"""Columns of a window that are known beforehand: by hand, on series that count."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch

from nntrain.data.field_rows import field_rows
from nntrain.data.layout import plan_layout
from nntrain.data.preparing import Prepared, prepare
from nntrain.data.reading import read_file
from nntrain.data.rows_ahead import RowsAhead, rows_ahead
from nntrain.data.settings import DataSettings
from nntrain.data.window import KNOWN, KNOWN_PAST, WINDOW, unread_inputs
from nntrain.errors import DataError

PLAIN = {"type": "number", "normalize": "none"}
FIELDS = {"y": {**PLAIN, "role": ["input", "target"]}, "price": PLAIN}


def write(columns: dict[str, Sequence[object]], name: str = "rows.csv") -> None:
    lines = [",".join("" if cell is None else str(cell) for cell in row) for row in zip(*columns.values(), strict=True)]
    Path(name).write_text("\n".join([",".join(columns), *lines]) + "\n", encoding="utf-8")


def section(window: dict[str, Any], **options: Any) -> DataSettings:
    tree = {"source": "rows.csv", "fields": FIELDS, "split": {"validation": None, "test": None}, "window": window}
    return DataSettings.parse({**tree, **options})


def prepared(window: dict[str, Any], **options: Any) -> Prepared:
    return prepare(section(window, **options), Path(), seed=0)


def problems(window: dict[str, Any], **options: Any) -> list[str]:
    return [f"{'.'.join(map(str, found.path))} {found.message}" for found in plan_layout(section(window, **options), Path(), look=True)[1]]


def hours(rows: int) -> list[str]:
    return [f"2024-01-{1 + row // 24:02}T{row % 24:02}:00" for row in range(rows)]


def test_known_columns_are_inputs_of_their_own_over_the_rows_ahead_and_over_the_past() -> None:
    write({"price": [100 + row for row in range(30)], "y": range(30)})
    found = prepared({"past": 4, "step": 2, "horizon": 2, "gap": 1, "known": ["price"], "season": 2})
    batch = found.train.batch(0, 2)
    assert batch.inputs[WINDOW].tolist() == [[[1], [3]], [[2], [4]]]
    assert batch.inputs[KNOWN].tolist() == [[[105], [106]], [[106], [107]]]  # the very rows of the targets
    assert batch.inputs[KNOWN_PAST].tolist() == [[[101], [103]], [[102], [104]]]
    assert batch.targets["y"].tolist() == [[5, 6], [6, 7]]
    assert {name: str(spec) for name, spec in found.fields.inputs.items()} == {WINDOW: "[2, 1]", KNOWN: "[2, 1]", KNOWN_PAST: "[2, 1]"}
    assert found.fields.targets["y"].places == (0,)  # of the window, where the known column is not
    assert any("inputs window [2, 1], known [2, 1], known_past [2, 1]" in note for note in found.notes)


def test_the_column_of_times_gives_its_calendar() -> None:
    write({"when": hours(60), "y": range(60)})
    fields = {"when": {"role": "time"}, "y": FIELDS["y"]}
    found = prepared({"past": 5, "horizon": 3, "known": ["wh*"]}, fields=fields)
    ahead = found.train.batch(0, 1).inputs[KNOWN][0]
    angle = 2 * np.pi * np.arange(5, 8) / 24  # the hours of rows 5 to 7
    hour = torch.from_numpy(np.stack([np.sin(angle), np.cos(angle)], axis=1)).float()
    places = range(ahead.shape[1] - 1)
    assert any(torch.allclose(ahead[:, place : place + 2], hour, atol=1e-6) for place in places)
    layout, _ = plan_layout(section({"past": 5, "known": ["when"]}, fields=fields), Path(), look=True)
    rows = {(name, note): shape for name, _, shape, note in field_rows(layout)}
    assert ("when", "orders the rows") in rows
    assert ("when", "a feature of known and known_past") in rows


@pytest.mark.parametrize(
    ("known", "fields", "found"),
    [
        (["y"], {}, "window.known.0 y is what is predicted"),
        (["prize"], {}, "window.known.0 no input column 'prize'"),
        (["kind"], {"kind": {"type": "category"}}, "kind is a category, and known inputs are numbers, booleans and dates"),
        (["price"], {"y": {**PLAIN, "role": "target"}}, "has no input but what is known beforehand"),
    ],
)
def test_what_can_not_be_known(known: list[str], fields: dict[str, Any], found: str) -> None:
    write({"price": range(30), "y": range(30), "kind": ["u", "v"] * 15})
    others = {"kind": {"role": "ignore"}, **FIELDS, **fields}
    assert any(found in problem for problem in problems({"past": 3, "known": known}, fields=others)), problems({"past": 3, "known": known})


def test_a_date_that_is_no_time_is_pointed_to_known() -> None:
    write({"when": hours(30), "y": range(30)})
    told = plan_layout(section({"past": 3}, fields={"y": FIELDS["y"]}), Path(), look=True)[1]
    assert any("known: [when]" in (problem.hint or "") for problem in told)


def test_what_no_node_reads_is_told_but_for_the_past_of_what_is_known() -> None:
    window = section({"past": 3, "known": ["price"]}).window
    assert window is not None
    assert list(unread_inputs(window, [KNOWN_PAST])) == []
    assert [line.split(",")[0] for line in unread_inputs(window, [WINDOW, KNOWN])] == ["no node reads window", "no node reads known"]


def test_rows_that_nobody_has_seen_are_no_past() -> None:
    write({"price": range(20), "y": [*range(14), *[None] * 6]})
    fields = prepared({"past": 3, "horizon": 2, "known": ["price"]}).fields
    new = fields.encode_new(read_file(section({"past": 3, "known": ["price"]}), Path("rows.csv")), with_targets=False).data
    assert cast("list[int]", new.rows.tolist()) == list(range(2, 14))
    last = new.batch(11, 12).inputs
    assert (last[WINDOW].flatten().tolist(), last[KNOWN].flatten().tolist()) == ([11, 12, 13], [14, 15])


def ahead_of(count: int, window: dict[str, Any], **options: Any) -> RowsAhead:
    settings = section(window, **options)
    return rows_ahead(prepare(settings, Path(), seed=0).fields, read_file(settings, Path("rows.csv")), count)


def test_rows_ahead_are_those_of_the_file_and_then_go_on() -> None:
    write({"when": hours(30), "y": [*range(28), None, None]})
    fields = {"when": {"role": "time"}, "y": FIELDS["y"]}
    found = ahead_of(4, {"past": 3, "known": ["when"]}, fields=fields)
    assert found.cells == {"when": ["2024-01-02T04:00", "2024-01-02T05:00", "2024-01-02T06:00", "2024-01-02T07:00"]}
    assert found.values["y"][:3].tolist() == [25, 26, 27]
    assert np.isnan(found.values["y"][3:]).all()
    assert set(np.diff(found.values["when"])) == {3600}
    assert (found.first.tolist(), found.until(1).tolist(), found.newest.tolist()) == ([3], [0, 1, 2, 3], [25, 26, 27])


def test_rows_ahead_of_each_series() -> None:
    rows = [(shop, day) for day in range(12) for shop in "ba" if not (shop == "b" and day > 9)]
    write({"shop": [shop for shop, _ in rows], "y": [100 * (shop == "b") + day for shop, day in rows]})
    found = ahead_of(2, {"past": 3}, fields={"y": FIELDS["y"], "shop": {"role": "group"}})
    assert found.cells == {"shop": ["a", "a", "b", "b"], "ahead": ["1", "2", "1", "2"]}
    assert np.nan_to_num(found.values["y"], nan=-1).tolist() == [9, 10, 11, -1, -1, 107, 108, 109, -1, -1]
    assert found.until(1).tolist() == [0, 1, 2, 3, 5, 6, 7, 8]


def test_what_is_known_beforehand_has_to_be_there() -> None:
    write({"price": range(20), "y": [*range(19), None]})
    with pytest.raises(DataError, match=r"price is known beforehand, of 3 rows ahead: 1 row with no y comes after line 20"):
        ahead_of(3, {"past": 3, "known": ["price"]})
    write({"price": range(2), "y": range(2)}, "short.csv")
    fields = replace(prepared({"past": 3, "known": ["price"]}).fields)
    with pytest.raises(DataError, match=r"none of 2 rows can be used: a window takes 3 \(past\)"):
        rows_ahead(fields, read_file(section({"past": 3}), Path("short.csv")), 1)
