"""Splits that keep groups whole or the order in time, and folds of every kind."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nntrain.data.layout import plan_layout
from nntrain.data.preparing import prepare
from nntrain.data.settings import DataSettings
from nntrain.data.split import folds, split_by_time, split_groups
from nntrain.errors import ConfigError, DataError


@given(st.lists(st.integers(0, 30), min_size=20, max_size=120), st.integers(0, 5), st.sampled_from([0.1, 0.3]))
def test_no_group_is_in_two_parts(groups, seed, share):
    names = np.array([f"g{group}" for group in groups])
    if len(set(groups)) < 3:
        return
    rows = np.arange(len(groups)) * 3
    parts = split_groups(rows, names, {"validation": share, "test": share}, seed=seed)
    found = [set(names[part // 3]) for part in (parts.train, parts.validation, parts.test)]
    assert all(found)
    assert sum(map(len, found)) == len(set(groups))
    assert sorted([*parts.train, *parts.validation, *parts.test]) == rows.tolist()


def test_groups_give_about_the_wanted_rows_and_too_few_are_told():
    groups = np.repeat(np.arange(100), 10).astype(str)
    parts = split_groups(np.arange(1000), groups, {"validation": 0.2, "test": 100}, seed=0)
    assert (len(parts.validation), len(parts.test)) == (200, 100)
    assert split_groups(np.arange(1000), groups, {"validation": 0.2, "test": None}, seed=0).test.tolist() == []
    with pytest.raises(DataError, match="2 groups cannot give 3 splits: no group is in two of them"):
        split_groups(np.arange(4), np.array(["a", "a", "b", "b"]), {"validation": 0.1, "test": 0.1}, seed=0)


def test_the_latest_rows_test():
    times = np.array([5.0, 1.0, 4.0, 2.0, 3.0])
    parts = split_by_time(np.arange(5) + 10, times, {"validation": 0.2, "test": 2})
    assert (parts.train.tolist(), parts.validation.tolist(), parts.test.tolist()) == ([11, 13], [14], [10, 12])
    plain = split_by_time(np.arange(10), None, {"validation": 0.2, "test": 0.2})
    assert (plain.validation.tolist(), plain.test.tolist()) == ([6, 7], [8, 9])
    with pytest.raises(DataError, match="5 rows cannot give 2 for validation and 3 for test"):
        split_by_time(np.arange(5), None, {"validation": 2, "test": 3})


@pytest.mark.parametrize("by", ["random", "stratified", "group"])
def test_each_row_validates_in_one_fold(by):
    values = np.repeat(np.arange(20), 6).astype(str)
    found = folds(np.arange(120), 5, by=by, seed=1, values=values)
    assert sorted(np.concatenate([fold.validation for fold in found])) == list(range(120))
    for fold in found:
        assert sorted([*fold.train, *fold.validation]) == list(range(120))
        assert len(fold.validation) == 24
        if by == "group":
            assert not set(values[fold.train]) & set(values[fold.validation])
        if by == "stratified":
            assert set(np.unique(values[fold.validation], return_counts=True)[1]) <= {1, 2}
    assert [fold.validation.tolist() for fold in folds(np.arange(120), 5, by=by, seed=1, values=values)] == [
        fold.validation.tolist() for fold in found
    ]
    assert found[0].validation.tolist() != folds(np.arange(120), 5, by=by, seed=2, values=values)[0].validation.tolist()


def test_folds_in_time_train_on_what_was_before():
    times = np.arange(60.0)[::-1]
    found = folds(np.arange(60), 5, by="time", seed=0, values=times)
    assert [(len(fold.train), len(fold.validation)) for fold in found] == [(10, 10), (20, 10), (30, 10), (40, 10), (50, 10)]
    for fold in found:
        assert times[fold.train].max() < times[fold.validation].min()


def test_too_many_folds():
    with pytest.raises(DataError, match="3 groups cannot give 5 folds"):
        folds(np.arange(30), 5, by="group", seed=0, values=np.repeat(["a", "b", "c"], 10))
    with pytest.raises(DataError, match="no class has 5 rows"):
        folds(np.arange(6), 5, by="stratified", seed=0, values=np.repeat(["a", "b", "c"], 2))
    with pytest.raises(DataError, match="3 rows cannot give 4 folds"):
        folds(np.arange(3), 4, by="random", seed=0)
    with pytest.raises(DataError, match="3 rows cannot give 4 folds in time"):
        folds(np.arange(3), 4, by="time", seed=0)


def write(path):
    lines = [f"{row % 7},s{row % 6},2021-{row % 12 + 1:02}-01,{row * 3 % 11 + 0.5}" for row in range(60)]
    path.write_text("\n".join(["a,street,day,y", *lines]) + "\n")


def settings(**data):
    return DataSettings.parse({"source": "t.csv", "target": "y", **data})


def test_a_column_of_groups_is_no_input_unless_it_is_said_to_be(tmp_path):
    write(tmp_path / "t.csv")
    for data in ({"split": {"by": "group", "column": "street"}}, {"fields": {"street": {"role": "group"}}}):
        found = prepare(settings(**data), tmp_path, seed=0)
        streets = [{int(row) % 6 for row in data.rows} for data in found.splits.values()]
        assert len(streets) == 3
        assert sum(map(len, streets)) == 6
        assert "street" not in found.layout.inputs
        assert any("by group street (6 groups), seed 0" in note for note in found.notes)
    both = {"split": {"by": "group", "column": "street"}, "fields": {"street": {"type": "category", "role": "input"}}}
    assert "street" in prepare(settings(**both), tmp_path, seed=0).layout.inputs
    listed = {"fields": {"street": {"type": "category", "role": ["input", "group"]}}}
    assert "street" in prepare(settings(**listed), tmp_path, seed=0).layout.inputs


@pytest.mark.parametrize("split", [{}, {"folds": 2, "fold": 1}])
def test_rows_without_a_group_are_told(tmp_path, split):
    write(tmp_path / "t.csv")
    (tmp_path / "t.csv").write_text((tmp_path / "t.csv").read_text().replace(",s2,", ",,"))
    with pytest.raises(DataError, match=r"t\.csv: street says no group in lines 4, 10, 16 and 7 more") as told:
        prepare(settings(fields={"street": {"role": "group"}}, split=split), tmp_path, seed=0)
    assert "fields: {street: {role: ignore}}" in (told.value.hint or "")


def test_rows_by_time(tmp_path):
    write(tmp_path / "t.csv")
    found = prepare(settings(split={"by": "time", "column": "day", "validation": 5, "test": 10}), tmp_path, seed=0)
    assert {int(row) % 12 for row in found.test.rows} == {10, 11}
    assert {int(row) % 12 for row in found.validation.rows} == {9}
    assert found.notes[1] == "train 45, validation 5, test 10; the latest by day"
    plain = prepare(settings(split={"by": "time"}), tmp_path, seed=0)
    assert plain.test.rows.tolist() == list(range(54, 60))


def test_settings_that_do_not_fit(tmp_path):
    write(tmp_path / "t.csv")
    _, problems = plan_layout(settings(fields={"street": {"role": "group"}, "day": {"role": "time"}}), tmp_path, look=True)
    assert [problem.message for problem in problems] == ["a column is group and another time: which one splits?"]
    _, problems = plan_layout(settings(batch={"sampler": "balanced"}), tmp_path, look=True)
    assert problems[0].message == "balanced shows the classes of one target equally often, and the target is a number"
    with pytest.raises(ConfigError, match="no column 'road'"):
        prepare(settings(split={"by": "group", "column": "road"}), tmp_path, seed=0)


def test_what_a_split_column_leaves_open_is_split_off(tmp_path):
    lines = [f"{row % 7},{'test' if row > 50 else 'train'},{row * 3 % 11 + 0.5}" for row in range(60)]
    (tmp_path / "t.csv").write_text("\n".join(["a,fold,y", *lines]) + "\n")
    found = prepare(settings(split={"column": "fold", "validation": 5}), tmp_path, seed=0)
    assert (len(found.train), len(found.validation), found.test.rows.tolist()) == (46, 5, list(range(51, 60)))
    assert found.notes[1] == "train 46, validation 5, test 9; by column fold; validation split off the training rows: random, seed 0"
    latest = prepare(settings(fields={"fold": {"role": "split"}}, split={"by": "time", "validation": 5}), tmp_path, seed=0)
    assert latest.validation.rows.tolist() == list(range(46, 51))
    assert prepare(settings(split={"column": "fold", "validation": None}), tmp_path, seed=0).validation is None
    with pytest.raises(ConfigError, match=r"split\.test: has no effect: fold says test in 9 rows"):
        prepare(settings(split={"column": "fold", "test": 5}), tmp_path, seed=0)
