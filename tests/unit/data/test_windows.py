"""Windows over rows: what is in them, by hand on series that count, and what they never mix."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch

from nntrain.data.batches import TensorData, ordered_batches
from nntrain.data.layout import plan_layout
from nntrain.data.numerals import POINT
from nntrain.data.orders import epoch_order
from nntrain.data.preparing import Prepared, prepare
from nntrain.data.settings import DataSettings
from nntrain.data.table import Table
from nntrain.errors import ConfigError, DataError

COUNTING = {"y": {"type": "number", "role": ["input", "target"], "normalize": "none"}}


def write(columns: dict[str, Sequence[object]], name: str = "rows.csv") -> None:
    lines = [",".join(map(str, row)) for row in zip(*columns.values(), strict=True)]
    Path(name).write_text("\n".join([",".join(columns), *lines]) + "\n", encoding="utf-8")


def section(window: dict[str, Any] | int, **options: Any) -> DataSettings:
    tree = {"source": {"type": "csv", "path": "rows.csv"}, "fields": COUNTING, "window": window, **options}
    return DataSettings.parse({"split": {"validation": None, "test": None}, **tree})


def prepared(window: dict[str, Any], **options: Any) -> Prepared:
    return prepare(section(window, **options), Path(), seed=0)


def inputs(data: TensorData) -> list[list[Any]]:
    """The only feature of each window."""
    return numbers(data.batch(0, len(data)).inputs["window"][:, :, 0])


def numbers(tensor: torch.Tensor) -> list[Any]:
    return cast("list[Any]", tensor.tolist())


def problems(window: dict[str, Any], **options: Any) -> list[str]:
    return [f"{'.'.join(map(str, found.path))} {found.message}" for found in plan_layout(section(window, **options), Path(), look=True)[1]]


@pytest.mark.parametrize(
    ("window", "first_input", "first_target", "windows", "second_row"),
    [
        ({"past": 3}, [0, 1, 2], 3, 17, 3),
        ({"past": 3, "gap": 2}, [0, 1, 2], 5, 15, 3),
        ({"past": 3, "horizon": 2}, [0, 1, 2], [3, 4], 16, 3),
        ({"past": 6, "step": 2}, [1, 3, 5], 6, 14, 6),
        ({"past": 5, "step": 2}, [0, 2, 4], 5, 15, 5),
        ({"past": 4, "step": 3}, [0, 3], 4, 16, 4),
        ({"past": 3, "stride": 4}, [0, 1, 2], 3, 5, 6),
        ({"past": 6, "horizon": 3, "gap": 1, "step": 3, "stride": 2}, [2, 5], [7, 8, 9], 6, 7),
    ],
)
def test_a_counting_series(window: dict[str, int], first_input: list[int], first_target: Any, windows: int, second_row: int) -> None:
    write({"y": range(20)})
    data = prepared(window).train
    assert inputs(data)[0] == first_input
    assert numbers(data.targets["y"][0]) == first_target
    assert len(data) == windows
    assert numbers(data.rows[:2]) == [window["past"] - 1, second_row]
    stride = window.get("stride", 1)
    assert inputs(data)[1] == [value + stride for value in first_input]  # the series counts: every window is the one before, moved
    assert (
        inputs(data)[-1][-1]
        == data.rows[-1]
        == 19
        - window.get("gap", 0)
        - window.get("horizon", 1)
        - ((20 - sum(window.get(key, default) for key, default in (("past", 0), ("gap", 0), ("horizon", 1)))) % stride)
    )


def test_inputs_are_the_features_of_one_series_and_targets_may_be_several() -> None:
    write(
        {"a": range(30), "b": [10 * row for row in range(30)], "u": [100 + row for row in range(30)], "v": [200 + row for row in range(30)]}
    )
    plain = {"type": "number", "normalize": "none"}
    fields = {"a": plain, "b": plain, "u": {**plain, "role": "target"}, "v": {**plain, "role": "target"}}
    found = prepared({"past": 2, "horizon": 2}, fields=fields)
    batch = found.train.batch(0, 2)
    assert batch.inputs["window"].tolist() == [[[0, 0], [1, 10]], [[1, 10], [2, 20]]]
    assert numbers(batch.targets["u"]) == [[102, 103], [103, 104]]
    assert numbers(batch.targets["v"]) == [[202, 203], [203, 204]]
    assert {name: str(spec) for name, spec in found.fields.inputs.items()} == {"window": "[2, 2]"}
    assert [str(target.spec) for target in found.fields.targets.values()] == ["[2]", "[2]"]


def test_numbers_are_scaled_by_the_training_rows_and_come_back_in_their_unit() -> None:
    write({"y": [10 + row**2 for row in range(100)]})
    fields = {"y": {"type": "number", "role": ["input", "target"]}}
    found = prepared({"past": 4, "horizon": 2}, fields=fields, split={"validation": 20, "test": None})
    train = torch.tensor([10.0 + row**2 for row in range(80)])
    values = found.train.stored["window"].values[:, 0]
    assert torch.allclose(values, (train - train.mean()) / train.std(correction=0), atol=1e-5)
    target = found.fields.targets["y"]
    assert found.validation is not None
    assert torch.allclose(target.to_raw(found.validation.targets["y"])[0], torch.tensor([10 + 84.0**2, 10 + 85.0**2]).double(), rtol=1e-5)


def test_no_window_crosses_a_split() -> None:
    write({"y": range(200)})
    found = prepared({"past": 7, "horizon": 3, "gap": 2}, split={"validation": 0.2, "test": 30})
    touched = {}
    for part, data in found.splits.items():
        rows = np.concatenate([inputs(data), data.targets["y"].numpy()], axis=1)  # each value is the number of its row
        touched[part] = set(map(float, rows.flatten()))
    assert touched == {"train": set(range(130)), "validation": set(range(130, 170)), "test": set(range(170, 200))}
    assert any("the last rows of the file" in note for note in found.notes)


def test_rows_are_ordered_by_the_column_of_times() -> None:
    rng = np.random.default_rng(0)
    order = rng.permutation(60)
    write({"day": [f"2024-{1 + row // 28:02}-{1 + row % 28:02}" for row in order], "y": [int(row) for row in order]})
    found = prepared({"past": 3}, fields={**COUNTING, "day": {"role": "time"}}, split={"validation": None, "test": 10})
    for row, window, target in zip(numbers(found.train.rows), inputs(found.train), numbers(found.train.targets["y"]), strict=True):
        assert window == [target - 3, target - 2, target - 1]
        assert order[row] == target - 1  # a window has the number of the row that it predicts from
    assert found.test is not None
    assert found.test.targets["y"].min() == 53
    assert any("rows ordered by day" in note for note in found.notes)


def test_windows_of_groups_do_not_mix() -> None:
    shops = ["b", "a", "c"]
    rows = [(shop, day) for day in range(40) for shop in shops]
    write(
        {"shop": [shop for shop, _ in rows], "day": [day for _, day in rows], "y": [1000 * shops.index(shop) + day for shop, day in rows]}
    )
    fields = {**COUNTING, "shop": {"role": "group"}, "day": {"role": "time"}}
    found = prepared({"past": 5, "horizon": 2}, fields=fields, split={"validation": 0.25, "test": None})
    for data, days in ((found.train, range(30)), (found.validation, range(30, 40))):
        assert data is not None
        assert len(data) == 3 * (len(days) - 6)
        together = np.concatenate([inputs(data), data.targets["y"].numpy()], axis=1)
        assert (np.diff(together, axis=1) == 1).all()
        assert set((together % 1000).flatten().tolist()) == set(days)
        assert numbers(data.rows) == sorted(numbers(data.rows))
    assert any("each shop by itself" in note for note in found.notes)


def test_without_times_the_last_rows_of_each_group_test_and_short_groups_are_counted() -> None:
    lengths = {"a": 30, "b": 30, "c": 4}
    write(
        {
            "shop": [shop for shop, rows in lengths.items() for _ in range(rows)],
            "y": [row for rows in lengths.values() for row in range(rows)],
        }
    )
    fields = {**COUNTING, "shop": {"role": "group"}}
    found = prepared({"past": 5}, fields=fields, split={"validation": None, "test": 20})
    assert found.test is not None
    assert sorted(set(numbers(found.test.targets["y"]))) == [25, 26, 27, 28, 29]
    assert any("the last rows of each shop" in note for note in found.notes)
    assert (
        "train: 1 of 3 series have fewer rows in a row than a window takes, 6 (past 5 + gap 0 + horizon 1): 4 rows in none" in found.notes
    )


def test_whole_groups_may_be_split_off() -> None:
    write({"shop": [shop for shop in "abcdefgh" for _ in range(12)], "y": range(96)})
    found = prepared({"past": 4}, fields={**COUNTING, "shop": {"role": "group"}}, split={"by": "group", "validation": None, "test": 24})
    assert found.test is not None
    shops = [{row // 12 for row in numbers(data.rows)} for data in (found.train, found.test)]
    assert (len(shops[0]), len(shops[1])) == (6, 2)
    assert not shops[0] & shops[1]


def test_a_split_column_cuts_windows_where_it_changes() -> None:
    words = ["train"] * 20 + ["test"] * 10 + ["train"] * 20
    write({"part": words, "y": range(50)})
    found = prepared({"past": 4}, fields=COUNTING, split={"column": "part", "validation": None})
    assert found.test is not None
    assert sorted(numbers(found.train.targets["y"])) == [*range(4, 20), *range(34, 50)]
    assert numbers(found.test.targets["y"]) == [*range(24, 30)]


def test_missing_inputs_are_filled_and_windows_without_a_target_are_left_out_and_counted() -> None:
    values: list[object] = [*range(30)]
    values[10] = ""
    write({"y": values, "more": values[::-1]})
    fields = {"y": {**COUNTING["y"], "missing": -1}, "more": {"role": "ignore"}}
    found = prepared({"past": 3, "horizon": 2}, fields=fields)
    assert len(found.train) == 30 - 4 - 2
    assert [8, 9, -1] in inputs(found.train)
    assert not any(-1 in row for row in numbers(found.train.targets["y"]))
    assert "train: 2 windows left out, as y is missing in what they predict" in found.notes
    assert any("missing values filled in: y 1 (-1" in note for note in found.notes)
    with pytest.raises(DataError, match="1 rows have missing values, and missing: error allows none"):
        prepared({"past": 3}, fields={**fields, "y": {**COUNTING["y"], "missing": "error"}})


def test_new_rows_are_predicted_up_to_the_last() -> None:
    write({"y": range(40)})
    found = prepared({"past": 4, "horizon": 2, "stride": 3})
    table = Table.of_cells({"y": [*range(100, 113)]}, frozenset({""}), POINT)
    data = found.fields.encode(table, with_targets=False)
    assert numbers(data.rows) == [3, 6, 9, 12]
    assert inputs(data)[-1] == [109, 110, 111, 112]
    known = found.fields.encode(table, with_targets=True)
    assert numbers(known.rows) == [3, 6, 9]
    assert numbers(known.targets["y"]) == [[104, 105], [107, 108], [110, 111]]
    short = Table.of_cells({"y": [1, 2, 3]}, frozenset({""}), POINT)
    with pytest.raises(DataError, match="none of 3 rows can be used") as caught:
        found.fields.encode(short, with_targets=False)
    assert caught.value.hint == "3 rows, and a window takes 4 (past)"


def test_what_is_restored_cuts_the_same_windows() -> None:
    write({"shop": ["a", "b"] * 20, "day": [row // 2 for row in range(40)], "y": range(40)})
    settings = section({"past": 4}, fields={**COUNTING, "shop": {"role": "group"}, "day": {"role": "time"}})
    found = prepare(settings, Path(), seed=0)
    restored = type(found.fields).restore(settings, found.fields.state())
    table = Table.of_cells({"shop": ["a"] * 6 + ["b"] * 5, "day": [5, 4, 3, 2, 1, 0, *range(5)], "y": range(11)}, frozenset(), POINT)
    data = restored.encode(table, with_targets=True)
    assert numbers(data.rows) == [1, 2, 9]
    assert numbers(data.targets["y"]) == [0, 1, 10]
    assert data.stored["window"].gather()[:, :, 0].tolist() == [[4, 3, 2, 1], [5, 4, 3, 2], [6, 7, 8, 9]]
    with pytest.raises(DataError, match="no column 'day'"):
        restored.encode(Table.of_cells({"shop": ["a"] * 9, "y": range(9)}, frozenset(), POINT), with_targets=False)


def test_rows_of_one_time_are_told() -> None:
    write({"day": [row // 2 for row in range(40)], "y": range(40)})
    notes = prepared({"past": 4}, fields={**COUNTING, "day": {"role": "time"}}).notes
    assert any(
        "20 rows with the time of the row before, first in line" in note and "several series? data.fields: {COLUMN" in note
        for note in notes
    )


def test_too_few_rows_are_told_with_the_numbers() -> None:
    write({"y": range(100)})
    with pytest.raises(
        DataError, match=r"no validation window: 10 rows, and a window takes 25 \(past 20 \+ gap 3 \+ horizon 2\)"
    ) as caught:
        prepared({"past": 20, "gap": 3, "horizon": 2}, split={"validation": 10, "test": 30})
    assert caught.value.hint == "fewer rows in data.window, or more rows here: data.split.validation, null for none"


@pytest.mark.parametrize(
    ("window", "message"),
    [
        ({"past": 3, "step": 4}, "step 4 is larger than past 3"),
        ({"past": 0}, "greater than 0"),
        ({"past": 3, "stride": 0}, "greater than 0"),
        ({"past": 3, "step": 0}, "greater than 0"),
        ({"past": 3, "horizon": 0}, "greater than 0"),
        ({"past": 3, "gap": -1}, "greater than or equal to 0"),
        ({"horizon": 3}, "Field required"),
    ],
)
def test_settings_that_are_no_window(window: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        section(window)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"fields": {**COUNTING, "k": "category"}}, "data.fields.k is a category, and with data.window inputs are number columns"),
        (
            {"fields": {"y": COUNTING["y"], "k": {"type": "category", "role": "target"}}},
            "data.fields.k is a category, and with data.window targets",
        ),
        (
            {"fields": {**COUNTING, "s": {"type": "series", "columns": ["k", "d"]}}},
            "data.fields.s is a series, and with data.window inputs",
        ),
        ({"fields": {**COUNTING, "d": {"role": "weight"}, "k": {"role": "ignore"}}}, "data.fields.d weighs rows"),
        (
            {"fields": {"y": "number", "k": {"role": "ignore"}, "d": {"role": "ignore"}}, "target": "y"},
            "data.fields has no input: a window over y itself",
        ),
        ({"fields": {**COUNTING, "k": {"role": "ignore"}}, "split": {"by": "random"}}, "data.split.by random leaves no rows in a row"),
        (
            {"fields": {**COUNTING, "k": {"role": "ignore"}}, "split": {"seed": 3}},
            "data.split.seed has no effect: no rows are split off at random",
        ),
    ],
)
def test_what_does_not_go_with_a_window(options: dict[str, Any], message: str) -> None:
    write({"y": range(30), "k": [["u", "v", "w"][row % 3] for row in range(30)], "d": [row / 2 for row in range(30)]})
    assert any(found.startswith(message) for found in problems({"past": 3}, **options)), problems({"past": 3}, **options)


def test_a_source_without_an_order_has_no_windows() -> None:
    found = problems({"past": 3}, source={"type": "builtin", "name": "digits"}, fields={}, target="label")
    assert found == ["data.window needs rows in an order, and the rows of builtin have none"]


def test_what_the_fields_are_is_told_without_a_look_at_the_data() -> None:
    settings = section({"past": 6, "step": 2, "horizon": 3}, fields={**COUNTING, "day": {"role": "time"}})
    layout, found = plan_layout(settings, Path(), look=False)
    assert found == ()
    assert {name: str(spec) for name, spec in layout.inputs.items()} == {"window": "[3, <columns of the window>]"}
    assert [str(plan.spec) for plan in layout.targets] == ["[3]"]
    assert layout.untyped == ()


@pytest.mark.skipif(sys.platform != "linux", reason="how much memory was taken at most is told in kilobytes on Linux alone")
def test_memory_is_that_of_the_rows_and_of_a_number_a_window() -> None:
    rows, past = 100_000, 500
    np.savez("rows.npz", y=np.arange(rows))
    import resource

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    data = prepared({"past": past}, source="rows.npz").train
    order = epoch_order(len(data), seed=0, epoch=0)
    for batch in islice(ordered_batches(data, 256, order), 20):
        window = batch.inputs["window"]
        assert window.shape == (256, past, 1)
        assert torch.equal(window[:, -1, 0], batch.rows.float())
        assert torch.equal(window[:, 0, 0], batch.rows.float() - past + 1)
    windows = data.stored["window"]
    assert windows.take(order).values is windows.narrow(3, 9).values is windows.values
    assert windows.values.untyped_storage().nbytes() == 4 * rows
    assert data.values_per_row == past
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000  # side by side they would be 200 MB


def test_an_epoch_entered_in_the_middle_goes_on_with_the_same_batches() -> None:
    write({"y": range(300)})
    data = prepared({"past": 9, "step": 3}).train
    order = epoch_order(len(data), seed=1, epoch=2)
    whole = list(ordered_batches(data, 16, order))
    for batch, again in zip(whole[7:], ordered_batches(data, 16, order, start=7), strict=True):
        assert torch.equal(batch.inputs["window"], again.inputs["window"])
        assert torch.equal(batch.targets["y"], again.targets["y"])
        assert torch.equal(batch.rows, again.rows)
    assert sorted(numbers(torch.cat([batch.rows for batch in whole]))) == numbers(data.rows)


def test_problems_stop_the_preparation() -> None:
    write({"y": range(30), "k": ["u", "v", "w"] * 10})
    with pytest.raises(ConfigError):
        prepared({"past": 3})
