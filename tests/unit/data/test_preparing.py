import csv
from pathlib import Path

import numpy as np
import pytest
import torch

from nntrain.data.fitted import FittedFields
from nntrain.data.new_rows import complete, read_new
from nntrain.data.preparing import prepare
from nntrain.data.settings import DataSettings
from nntrain.data.table import Table
from nntrain.errors import ConfigError, DataError

REAL = Path(__file__).parents[4] / "shared" / "data"


def write(path, columns):
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))


def table(n=60):
    return {
        "size": [f"{row * 0.5}" for row in range(n)],
        "rooms": ["" if row % 10 == 3 else str(row % 4 + 1) for row in range(n)],
        "heating": ["" if row % 7 == 0 else ("gas", "oil", "wood")[row % 3] for row in range(n)],
        "rent": [f"{100 + row * 3}" for row in range(n)],
        "good": [("yes", "no")[row % 3 == 0] for row in range(n)],
    }


def run(tmp_path, columns=None, *, seed=0, **data):
    write(tmp_path / "t.csv", columns if columns is not None else table())
    return prepare(DataSettings.parse({"source": "t.csv", **data}), tmp_path, seed=seed)


def equal(one, two):
    if isinstance(one, torch.Tensor):
        return torch.equal(one, two)
    if isinstance(one, dict):
        return one.keys() == two.keys() and all(equal(one[key], two[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(two) and all(map(equal, one, two))
    return one == two


def test_blocks_targets_and_sizes(tmp_path):
    found = run(tmp_path, target="rent")
    assert found.train.inputs["@number"].shape == (48, 3)  # size, rooms, good
    assert found.train.inputs["@number"].dtype == torch.float32
    assert found.train.inputs["@category"].shape == (48, 1)
    assert found.layout.inputs["heating"].classes == 5  # never shown, gas, oil, wood, missing
    assert "good" in found.layout.inputs
    assert (len(found.train), len(found.validation), len(found.test)) == (48, 6, 6)
    rows = torch.cat([found.train.rows, found.validation.rows, found.test.rows])
    assert sorted(rows.tolist()) == list(range(60))


@pytest.mark.parametrize(
    ("lines", "source", "told"),
    [
        ("a,y\n{},{}", {}, "60 rows"),
        ("a;y\n{},5;{}", {}, "';' between columns, '1234,56' as numbers, UTF-8, header in line 1; 60 rows"),
        ("a\ty\n1.{}00,5\t{}", {"thousands": "."}, "tab between columns, '1.234,56' as numbers, UTF-8, header in line 1; 60 rows"),
        ("{},{}", {"header": False, "columns": ["a", "y"], "encoding": "latin-1"}, "',' between columns, LATIN-1, no header; 60 rows"),
    ],
)
def test_how_a_table_is_written_is_told_unless_it_is_plain(tmp_path, lines, source, told):
    *header, line = lines.split("\n")
    (tmp_path / "t.csv").write_text("\n".join([*header, *(line.format(row % 9 + 1, row) for row in range(60))]))
    found = prepare(DataSettings.parse({"source": {"path": "t.csv", **source}, "target": "y"}), tmp_path, seed=0)
    assert found.notes[0] == f"t.csv    {told}"


def test_a_number_target_is_scaled_for_training_and_raw_again_for_reports(tmp_path):
    found = run(tmp_path, target="rent", fields={"good": {"role": "ignore"}})
    target = found.train.targets["rent"]
    assert abs(float(target.mean())) < 1e-6
    assert abs(float(target.std(correction=0)) - 1) < 1e-6
    raw = found.fields.targets["rent"].to_raw(found.test.targets["rent"])
    assert torch.allclose(raw, 100 + 3 * found.test.rows.double())
    assert found.fields.targets["rent"].decode(found.test.targets["rent"])[0] == pytest.approx(100 + 3 * int(found.test.rows[0]), rel=1e-5)


@pytest.mark.parametrize("offset", [0.0, 1e8, -1e12])
def test_an_offset_far_larger_than_the_scale_loses_no_digit(tmp_path, offset):
    values = np.random.default_rng(0).normal(size=60).round(3) + offset
    found = run(tmp_path, {**table(), "rent": [repr(float(value)) for value in values]}, target="rent")
    target = found.fields.targets["rent"]
    for part in (found.train, found.validation, found.test):
        raw = target.to_raw(part.targets["rent"])
        assert raw.dtype == torch.float64
        assert float((raw - torch.from_numpy(values)[part.rows]).abs().max()) < 1e-6 * float(target.scale) + 2 * np.spacing(abs(offset))


@pytest.mark.parametrize("target", ["rent", "good"])
def test_other_rows_teach_nothing(tmp_path, target):
    before = run(tmp_path, target=target)
    columns = table()
    for row in (*before.validation.rows.tolist(), *before.test.rows.tolist()):
        columns["size"][row], columns["rooms"][row], columns["heating"][row] = "1e6", "", "coal"
        columns["rent"][row] = "1e7" if target == "rent" else columns["rent"][row]
    after = run(tmp_path, columns, target=target)
    assert equal(before.fields.state(), after.fields.state())
    assert torch.equal(before.train.inputs["@number"], after.train.inputs["@number"])
    assert (after.test.inputs["@category"] == 0).all()
    assert any("rows with a value that training never showed" in note for note in after.notes)


def test_a_cell_outside_of_the_training_rows_does_not_change_a_type_but_is_told(tmp_path):
    row = int(run(tmp_path, target="rent").test.rows[0])
    columns = table()
    columns["size"][row] = "large"
    with pytest.raises(DataError, match=f"size should be a number; 1 of 60 values is not: line {row + 2} 'large'"):
        run(tmp_path, columns, target="rent")


def test_missing_values(tmp_path):
    found = run(
        tmp_path, target="rent", fields={"rooms": {"missing": "median", "normalize": "none"}}, split={"validation": None, "test": None}
    )
    rooms = [float(value) for value in table()["rooms"] if value]
    assert found.train.inputs["@number"][3, 1] == float(np.median(rooms))
    assert found.validation is None
    assert found.test is None
    assert "missing values filled in: rooms 6 (median)" in found.notes
    filled = run(tmp_path, target="rent", fields={"rooms": {"normalize": "none", "missing": -1.0}})
    assert filled.train.inputs["@number"][:, 1].min() == -1
    with pytest.raises(DataError, match=r"t.csv: rooms: 5 rows have missing values, and missing: error allows none"):
        run(tmp_path, target="rent", fields={"rooms": {"type": "number", "missing": "error"}})
    with pytest.raises(DataError, match=r"t.csv: heating is missing in lines 2, 9, 16 and 6 more"):
        run(tmp_path, target="rent", fields={"heating": {"type": "category", "missing": "error"}})


def test_scales(tmp_path):
    minmax = run(tmp_path, target="good", fields={"size": {"normalize": "minmax"}}, split={"validation": None, "test": None})
    assert minmax.train.inputs["@number"][:, 0].min() == 0
    assert minmax.train.inputs["@number"][:, 0].max() == 1
    clipped = run(tmp_path, target="good", fields={"size": {"clip": [5, 10], "normalize": "none"}})
    assert (clipped.train.inputs["@number"][:, 0].min(), clipped.train.inputs["@number"][:, 0].max()) == (5, 10)
    same = {**table(), "size": ["3.3"] * 60}
    constant = run(tmp_path, same, target="good", fields={"size": "number"})
    assert (constant.train.inputs["@number"][:, 0] == 0).all()


def test_columns_that_never_change_are_left_out_and_told(tmp_path):
    found = run(tmp_path, {**table(), "size": ["3.3"] * 60, "name": [f"n{row}" for row in range(60)]}, target="good")
    assert "left out: size (always '3.3'), name (one value per row)" in found.notes
    assert list(found.layout.inputs) == ["rooms", "heating", "rent"]


def test_rows_without_target_are_dropped_and_counted_with_lines(tmp_path):
    columns = table()
    for row in (2, 5, 9, 11):
        columns["rent"][row] = "NA"
    found = run(tmp_path, columns, target="rent")
    assert "4 rows dropped without rent (lines 4, 7, 11 and 1 more)" in found.notes
    assert len(found.train) + len(found.validation) + len(found.test) == 56
    assert not {2, 5, 9, 11} & set(found.train.rows.tolist())


def test_dropped_values_and_least_counts(tmp_path):
    columns = {**table(), "heating": ["oil", "gas", "gas", "wood", "gas", "gas"] * 10}
    fields = {"heating": {"type": "category", "drop": ["oil"], "min_count": 11}}
    found = run(tmp_path, columns, target="good", fields=fields, split={"validation": None, "test": None})
    assert len(found.train) == 50
    assert "10 rows dropped with a value of data.fields.heating.drop (lines 2, 8, 14 and 7 more)" in found.notes
    assert found.train.inputs["@category"][:, 0].bincount().tolist() == [10, 40]  # wood counts as never shown


def test_weights_are_raw_and_not_negative(tmp_path):
    columns = {**table(), "w": [str(row % 3) for row in range(60)]}
    found = run(tmp_path, columns, target="good", fields={"w": {"role": "weight"}})
    assert torch.equal(found.train.weights, (found.train.rows % 3).float())
    assert found.layout.weight.name == "w"
    columns["w"][int(found.train.rows[1])] = "-1"
    with pytest.raises(DataError, match="weight w is negative in line"):
        run(tmp_path, columns, target="good", fields={"w": {"role": "weight"}})


def test_a_column_can_split(tmp_path):
    columns = {**table(), "fold": ["test" if row > 50 else "train" for row in range(60)]}
    found = run(tmp_path, columns, target="good", split={"by": "column", "column": "fold"})
    assert (len(found.train), found.validation, found.test.rows.tolist()) == (51, None, list(range(51, 60)))
    assert "fold" not in found.layout.inputs
    assert not found.layout.has_validation
    write(tmp_path / "other.csv", table())
    with pytest.raises(DataError, match=r"t.csv: fold says test in 9 rows, and data.source.test gives the test rows"):
        run(tmp_path, columns, target="good", source={"path": "t.csv", "test": "other.csv"}, split={"column": "fold"})
    columns["fold"][4] = "holdout"
    with pytest.raises(DataError, match=r"fold should be train, validation or test; 1 of 60 values is not: line 6 'holdout'"):
        run(tmp_path, columns, target="good", split={"column": "fold"})


def test_given_files_are_used_and_the_rest_is_split_off(tmp_path):
    write(tmp_path / "test.csv", {name: [*column[:7], "maybe" if name == "heating" else column[7]] for name, column in table().items()})
    found = run(tmp_path, target="heating", source={"path": "t.csv", "test": "test.csv"})
    dropped = table()["heating"].count("")
    assert len(found.train) + len(found.validation) == 60 - dropped
    assert found.test.rows.tolist() == [1, 2, 3, 4, 5, 6]
    assert "test: heating: 1 row with a value that training never showed, left out (line 9)" in found.notes
    assert "test: 1 row dropped without heating (line 2)" in found.notes
    assert set(found.fingerprints) == {"source", "source.test", "test"}


def test_splits_are_stratified_for_classes_and_keep_their_own_seed(tmp_path):
    found = run(tmp_path, target="good")
    assert [float(part.targets["good"].mean()) for part in (found.validation, found.test)] == [pytest.approx(4 / 6)] * 2
    assert any(note.endswith("stratified, seed 0") for note in found.notes)
    fixed = [run(tmp_path, target="good", split={"seed": 5}, seed=seed).test.rows.tolist() for seed in (0, 1)]
    assert fixed[0] == fixed[1]
    assert run(tmp_path, target="good", seed=1).test.rows.tolist() != found.test.rows.tolist()


@pytest.mark.parametrize(
    ("change", "data", "message"),
    [
        ({"good": ["yes"] * 60}, {"target": "good"}, "good is always 'yes' in the 48 training rows"),
        ({"rent": [""] * 60}, {"target": "rent"}, "0 of 60 rows can be used"),
        ({"good": [f"c{row}" for row in range(60)]}, {"target": "good"}, "too few rows for a stratified split"),
        ({}, {"target": "good", "split": {"validation": 40, "test": 20}}, "60 rows cannot give 40 for validation and 20 for test"),
        (
            {},
            {"target": "good", "fields": {"good": {"classes": ["yes", "never"]}}},
            "t.csv: good: the training rows show no, which classes does not name",
        ),
        ({}, {"target": "heating", "fields": {"heating": {"classes": 2}}}, "classes: 2, and the training rows show 3"),
        (
            {"good": ["yes", "no", "maybe"] * 20},
            {"target": "good", "fields": {"good": "boolean"}},
            "should be yes or no, true or false, 1 or 0; 20 of 60 values are not: line 4 'maybe'",
        ),
        (
            {"size": ["1e300", "-1e300"] * 30},
            {"target": "good", "fields": {"size": {"normalize": "none"}}},
            "values up to 1e[+]300 are too large",
        ),
    ],
)
def test_data_that_cannot_be_used(tmp_path, change, data, message):
    with pytest.raises(DataError, match=message):
        run(tmp_path, {**table(), **change}, **data)


def test_all_unreadable_columns_are_told_at_once(tmp_path):
    with pytest.raises(DataError) as caught:
        run(tmp_path, target="rent", fields={"heating": "number", "good": {"type": "boolean", "true": "ja", "false": "nein"}})
    assert [line.split(";")[0] for line in caught.value.message.splitlines() if line.startswith("t.csv")] == [
        "t.csv: heating should be a number",
        "t.csv: good should be ja or nein",
    ]


def test_problems_of_settings_are_config_errors(tmp_path):
    with pytest.raises(ConfigError) as caught:
        run(tmp_path, target="rant")
    assert caught.value.problems[0].hint == "nearest: rent"


@pytest.mark.parametrize("words", [("yes", "no"), ("true", "false"), ("1", "0"), ("Ja", "nein"), ("T", "F"), ("on", "off")])
def test_words_for_yes_and_no_never_become_all_false(tmp_path, words):
    columns = {**table(), "good": [words[row % 3 == 0] for row in range(60)]}
    found = run(tmp_path, columns, target="good")
    assert torch.equal(found.train.targets["good"], (found.train.rows % 3 != 0).float())
    assert found.fields.targets["good"].classes == (words[1], words[0])
    assert found.fields.targets["good"].decode(torch.tensor([1.0, 0.0])) == list(words)
    as_input = run(tmp_path, {**columns, "size": columns["good"]}, target="rent", fields={"size": "boolean"})
    assert set(as_input.train.inputs["@number"][:, 0].tolist()) == {0.0, 1.0}


def test_own_words(tmp_path):
    columns = {**table(), "good": [("A", "a")[row % 2] for row in range(60)]}
    found = run(tmp_path, columns, target="good", fields={"good": {"true": "a", "false": "A"}})
    assert torch.equal(found.train.targets["good"], (found.train.rows % 2).float())


def test_state_and_restore(tmp_path):
    columns = {**table(), **{f"t{step}": [str(row + step / 7) for row in range(60)] for step in range(12)}}
    fields = {"x": {"type": "series", "columns": "t*", "max_length": 10}}
    found = run(tmp_path, columns, target=["heating", "rent"], fields=fields)
    settings = DataSettings.parse({"source": "t.csv", "target": ["heating", "rent"], "fields": fields})
    again = FittedFields.restore(settings, found.fields.state())
    assert equal(again.state(), found.fields.state())
    assert again.inputs == found.fields.inputs == found.layout.inputs
    assert again.targets["heating"].classes == ("gas", "oil", "wood")
    rows = complete(read_new(settings, tmp_path / "t.csv", again), again)
    data, notes = again.encode_noted(rows, with_targets=True)
    assert "9 rows dropped without heating (lines 2, 9, 16 and 6 more)" in notes
    kept = torch.isin(data.rows, found.test.rows)
    assert torch.equal(data.take(kept.nonzero()[:, 0]).inputs["x"], found.test.inputs["x"])
    assert torch.equal(data.take(kept.nonzero()[:, 0]).targets["rent"], found.test.targets["rent"])
    with pytest.raises(DataError, match="the stored fields have no target 'good'; they predict heating, rent"):
        FittedFields.restore(DataSettings.parse({"source": "t.csv", "target": "good"}), found.fields.state())


def test_new_rows_need_no_target_and_no_order(tmp_path):
    found = run(tmp_path, target="rent")
    settings = DataSettings.parse({"source": "t.csv", "target": "rent"})
    columns = table()
    new = {
        "other": ["x"] * 60,
        "good": columns["good"],
        "heating": ["coal", *columns["heating"][1:]],
        "rooms": columns["rooms"],
        "size": columns["size"],
    }
    write(tmp_path / "new.csv", new)
    rows = complete(read_new(settings, tmp_path / "new.csv", found.fields), found.fields)
    data = found.fields.encode(rows, with_targets=False)
    assert (len(data), data.targets) == (60, {})
    place = int(found.test.rows[0])
    if place:
        assert torch.equal(data.inputs["@number"][place], found.test.inputs["@number"][0])
    assert data.inputs["@category"][0, 0] == 0
    with pytest.raises(DataError, match="no column 'rent'"):
        found.fields.encode(rows, with_targets=True)
    write(tmp_path / "new.csv", {name: column for name, column in new.items() if name != "rooms"} | {"room": columns["rooms"]})
    with pytest.raises(DataError) as caught:
        complete(read_new(settings, tmp_path / "new.csv", found.fields), found.fields)
    assert caught.value.message == "no column 'rooms' in new.csv (line 1: other, good, heating, size, room); the network reads it"
    assert caught.value.hint == "nearest: room"
    with pytest.raises(DataError, match="no file"):
        read_new(settings, tmp_path / "nowhere.csv", found.fields)


def test_rows_of_a_program_are_encoded_as_those_of_the_file(tmp_path):
    settings = {"source": {"path": "t.csv", "missing": ["", "-"]}, "target": "rent", "fields": {"rooms": "category"}}
    columns = {**table(), "heating": ["-" if row % 7 == 0 else ("gas", "oil", "wood")[row % 3] for row in range(60)]}
    found = run(tmp_path, columns, **settings)
    source = DataSettings.parse(settings).source
    cells = {
        "good": [row % 3 != 0 for row in range(60)],
        "heating": columns["heating"],
        "rooms": [float("nan") if row % 10 == 3 else float(row % 4 + 1) for row in range(60)],
        "size": [np.float64(row * 0.5) for row in range(60)],
    }
    data = found.fields.encode(Table.of_cells(cells, source.missing_words, source.numerals), with_targets=False)
    for part in (found.train, found.validation, found.test):
        for name, tensor in part.inputs.items():
            assert torch.equal(data.inputs[name][part.rows], tensor)


def test_an_autoencoder_of_a_vector(tmp_path):
    fields = {"x": {"type": "vector", "columns": ["size", "rooms"], "role": ["input", "target"]}}
    found = run(tmp_path, fields={**fields, "heating": {"role": "ignore"}, "good": {"role": "ignore"}, "rent": {"role": "ignore"}})
    assert list(found.layout.inputs) == ["x"]
    assert torch.equal(found.train.inputs["x"], found.train.targets["x"])
    raw = found.fields.targets["x"].to_raw(found.train.targets["x"])
    assert torch.allclose(raw[:, 0], found.train.rows.double() * 0.5, atol=1e-4)


def test_the_fingerprint_of_test_rows_is_their_content(tmp_path):
    first, second = run(tmp_path, target="good"), run(tmp_path, target="good")
    assert first.fingerprints == second.fingerprints
    columns = table()
    columns["size"][int(first.test.rows[0])] = "77.5"
    changed = run(tmp_path, columns, target="good")
    assert changed.fingerprints["test"] != first.fingerprints["test"]
    assert changed.fingerprints["source"] != first.fingerprints["source"]


@pytest.mark.skipif(not (REAL / "adult").is_dir(), reason="needs the adult table beside the repository")
def test_the_adult_table(monkeypatch):
    settings = DataSettings.parse({"source": {"path": "adult/train.csv", "test": "adult/test.csv"}, "target": "income"})
    found = prepare(settings, REAL, seed=0)
    assert (len(found.train), len(found.validation), len(found.test)) == (29305, 3256, 16281)
    assert found.train.inputs["@number"].shape[1] + found.train.inputs["@category"].shape[1] == 14
    assert found.fields.targets["income"].classes == ("<=50K", ">50K")


def test_columns_that_may_be_numbers_are_told_and_the_fix_works(tmp_path):
    columns = {"price": [f"${row + 0.5}" for row in range(60)], **table()}
    assert run(tmp_path, columns, target="rent").layout.doubts == (
        "price: '$0.5', '$2.5', '$5.5' may be numbers   fix: type: number, strip: '$'",
    )
    found = run(tmp_path, columns, target="rent", fields={"price": {"strip": "$"}})
    assert found.layout.doubts == ()
    assert found.layout.inputs["price"].kind == found.layout.inputs["size"].kind


def test_too_many_classes_of_a_target_say_how_it_was_read(tmp_path):
    columns = {**table(), "y": [f"0,{row + 100}" if row else "0.5" for row in range(60)]}
    with pytest.raises(DataError) as caught:
        run(tmp_path, columns, target="y")
    assert "y was taken for a category of 60 classes: '0,101', '0,102', '0,103', …" in caught.value.message
    assert "data.source.decimal: ','" in caught.value.message
    columns["y"] = [f"name {row}" for row in range(60)]
    with pytest.raises(DataError, match=r"y is a category of 60 classes: 'name 0'"):
        run(tmp_path, columns, target="y", fields={"y": "category"})


def test_usual_words_for_no_value_are_missing(tmp_path):
    columns = table()
    for row, word in enumerate(("NA", "N/A", "n/a", "#N/A", "NaN", "NAN", "nan", "None", "null", "NULL", "-", "?")):
        columns["size"][row] = word
    found = run(tmp_path, columns, target="rent", fields={"size": "number"})
    assert found.layout.inputs["size"].kind == "float"
