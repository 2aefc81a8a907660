"""Columns of a window as one target, and the past of a split from those before: by hand, on series that count."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest
import torch

from nntrain.data.layout import plan_layout
from nntrain.data.preparing import Prepared, prepare
from nntrain.data.settings import DataSettings
from nntrain.data.window import FORECAST, WINDOW
from nntrain.errors import ConfigError, DataError
from nntrain.training.naive import naive_forecast

BOTH = {"type": "number", "role": ["input", "target"]}
PLAIN = {**BOTH, "normalize": "none"}


def write(columns: dict[str, Any]) -> None:
    lines = [",".join(map(str, row)) for row in zip(*columns.values(), strict=True)]
    Path("rows.csv").write_text("\n".join([",".join(columns), *lines]) + "\n", encoding="utf-8")


def section(window: dict[str, Any], **options: Any) -> DataSettings:
    tree = {"source": "rows.csv", "fields": {"*": PLAIN}, "split": {"validation": None, "test": None}, "window": window}
    return DataSettings.parse({**tree, **options})


def numbers(tensor: torch.Tensor) -> list[Any]:
    return cast("list[Any]", tensor.tolist())


def prepared(window: dict[str, Any], **options: Any) -> Prepared:
    return prepare(section(window, **options), Path(), seed=0)


def problems(window: dict[str, Any], **options: Any) -> list[str]:
    return [f"{'.'.join(map(str, found.path))} {found.message}" for found in plan_layout(section(window, **options), Path(), look=True)[1]]


def test_columns_that_are_input_and_target_are_one_target() -> None:
    write({"a": range(30), "b": [100 + row for row in range(30)]})
    found = prepared({"past": 3, "horizon": 2, "gap": 1})
    batch = found.train.batch(0, 2)
    assert list(batch.targets) == [FORECAST]
    assert batch.inputs[WINDOW][0].tolist() == [[0, 100], [1, 101], [2, 102]]
    assert batch.targets[FORECAST].tolist() == [[[4, 104], [5, 105]], [[5, 105], [6, 106]]]
    assert torch.equal(found.train.take(torch.tensor([1])).target(FORECAST), batch.targets[FORECAST][1:])
    assert {name: str(target.spec) for name, target in found.fields.targets.items()} == {FORECAST: "[2, 2]"}
    assert found.fields.targets[FORECAST].columns == ("a", "b")
    assert [str(plan.spec) for plan in found.layout.targets] == ["[2, 2]"]


def test_together_or_separate_is_as_the_window_says() -> None:
    write({"a": range(30), "b": [100 + row for row in range(30)]})
    separate = prepared({"past": 3, "horizon": 2, "targets": "separate"})
    assert list(separate.fields.targets) == ["a", "b"]
    fields = {"a": {"type": "number", "normalize": "none"}, "b": PLAIN, "*": PLAIN}
    write({"a": range(30), "b": range(30), "c": range(30)})
    together = prepared({"past": 3, "targets": "together"}, fields={**fields, "c": {**PLAIN, "role": "target"}})
    assert together.train.batch(0, 1).targets[FORECAST].tolist() == [[[3, 3]]]
    assert together.fields.targets[FORECAST].places is None  # c's past is no input


def test_every_column_comes_back_in_its_own_unit() -> None:
    write({"a": [row % 7 for row in range(50)], "b": [1000 + 50 * (row % 5) for row in range(50)]})
    found = prepared({"past": 4, "horizon": 3}, fields={"*": BOTH})
    target = found.fields.targets[FORECAST]
    raw = target.to_raw(found.train.target(FORECAST))
    assert raw[0].round(decimals=3).tolist() == [[4, 1200], [5, 1000], [6, 1050]]


@pytest.mark.parametrize(("past_from", "windows"), [("split", 40 - 6 - 2 + 1), ("earlier", 40 - 2 + 1)])
def test_the_past_may_come_from_earlier_splits_and_what_is_predicted_never(past_from: str, windows: int) -> None:
    write({"y": range(200)})
    found = prepared({"past": 6, "horizon": 2, "past_from": past_from}, split={"validation": 30, "test": 40})
    assert found.test is not None
    assert len(found.test) == windows
    ahead = found.test.targets["y"]
    assert (ahead.min(), ahead.max()) == ((166 if past_from == "split" else 160), 199)
    assert found.validation is not None
    assert found.validation.targets["y"].max() == 159
    assert found.train.targets["y"].max() == 129
    first = numbers(found.test.batch(0, 1).inputs[WINDOW].flatten())
    assert first == [ahead[0, 0] - back for back in range(6, 0, -1)]


def test_the_stride_counts_from_the_first_window_of_the_split() -> None:
    write({"y": range(100)})
    found = prepared({"past": 5, "horizon": 2, "past_from": "earlier", "stride": 4}, split={"validation": None, "test": 21})
    assert found.test is not None
    assert found.test.targets["y"][:, 0].tolist() == [79, 83, 87, 91, 95]


def test_no_other_group_is_the_past_of_one() -> None:
    rows = [(shop, day) for shop in "ab" for day in range(30)]
    write({"shop": [shop for shop, _ in rows], "y": [100 * (shop == "b") + day for shop, day in rows]})
    fields = {"y": PLAIN, "shop": {"role": "group"}}
    found = prepared({"past": 4, "past_from": "earlier"}, fields=fields, split={"validation": None, "test": 0.2})
    assert found.test is not None
    assert len(found.test) == 12
    batch = found.test.batch(0, 12)
    assert torch.equal(batch.inputs[WINDOW][:, -1, 0] + 1, batch.targets["y"])


def test_what_is_learned_is_of_the_training_rows_alone() -> None:
    values = [float(row % 11) for row in range(100)]
    states: list[Any] = []
    for last in (1.0, 1e6):
        write({"a": [*values[:70], *[last] * 30], "b": values})
        states.append(prepared({"past": 5, "past_from": "earlier"}, fields={"*": BOTH}, split={"validation": 15, "test": 15}).fields)
    first, second = ([str(saved["learned"]) for saved in fields.state()] for fields in states)
    assert first == second


def test_naive_errors_and_forecasts_by_hand() -> None:
    write({"a": [0, 1, 4, 9, 0, 1, 6, 9, 0, 3, 4, 9], "b": [10 * row for row in range(12)]})
    found = prepared({"past": 4, "horizon": 3, "season": 4})
    target = found.fields.targets[FORECAST]
    assert target.naive is not None
    # a: |0-0| |1-1| |6-4| |9-9| |0-0| |3-1| |4-6| |9-9|; b is always 40 more than a season before
    assert target.naive.tolist() == [6 / 8, 40]
    last = naive_forecast(section({"past": 4, "horizon": 3}).window, target, found.train, 1)  # type: ignore[arg-type]
    assert last[0].tolist() == [[9, 30]] * 3
    seasonal = naive_forecast(section({"past": 4, "horizon": 3}).window, target, found.train, 4)  # type: ignore[arg-type]
    assert seasonal[0].tolist() == [[0, 0], [1, 10], [4, 20]]
    gap = naive_forecast(section({"past": 4, "horizon": 3, "gap": 2}).window, target, found.train, 4)  # type: ignore[arg-type]
    assert gap[0].tolist() == [[4, 20], [9, 30], [0, 0]]


def test_without_a_season_the_row_before_stands_for_it() -> None:
    write({"a": [0, 1, 3, 6, 10, 15]})
    naive = prepared({"past": 2}).fields.targets["a"].naive
    assert naive is not None
    assert naive.tolist() == [3]


@pytest.mark.parametrize(
    ("window", "options", "found"),
    [
        (
            {"past": 3, "targets": "together"},
            {"fields": {"a": PLAIN, "b": {"role": "ignore"}}},
            "window.targets has no effect: a is the only",
        ),
        ({"past": 3}, {"fields": {"a": PLAIN, "b": BOTH}}, "fields.b is scaled otherwise than a"),
        ({"past": 3, "past_from": "earlier"}, {}, "window.past_from has no effect: no rows for validation or test"),
    ],
)
def test_settings_that_do_nothing_or_do_not_go_together(window: dict[str, Any], options: dict[str, Any], found: str) -> None:
    write({"a": range(30), "b": range(30)})
    assert any(found in problem for problem in problems(window, **options)), problems(window, **options)


@pytest.mark.parametrize(
    ("window", "found"), [({"past": 3, "season": 4}, "season 4 is longer than past 3"), ({"past": 3, "horizon": 0}, "greater than 0")]
)
def test_lengths_that_make_no_window(window: dict[str, Any], found: str) -> None:
    with pytest.raises(ValueError, match=found):
        section(window)


def test_a_split_without_a_window_is_told() -> None:
    write({"y": range(60)})
    with pytest.raises((ConfigError, DataError), match="window takes"):
        prepared({"past": 20, "horizon": 2}, split={"validation": 10, "test": None})
    assert prepared({"past": 20, "horizon": 2, "past_from": "earlier"}, split={"validation": 10, "test": None}).validation is not None
