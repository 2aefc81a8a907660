"""What new rows have that training did not: by row in words, by column as a share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nntrain.data.drift import Drift, percent
from nntrain.data.fitted import FittedFields, NewRows
from nntrain.data.moments import Moments
from nntrain.data.preparing import prepare
from nntrain.data.settings import DataSettings
from nntrain.data.shown import Shown
from nntrain.data.table import Table

LINES = ["a,b,kind,tags,y", *(f"{row % 10},{'' if row % 5 == 0 else row},{'pq'[row % 2]},x|z,{row % 3}" for row in range(40))]


@pytest.fixture
def fields(tmp_path: Path) -> FittedFields:
    """Two numbers, a category, labels, a vector."""
    (tmp_path / "t.csv").write_text("\n".join(LINES) + "\n")
    settings = DataSettings.model_validate(
        {
            "source": {"type": "csv", "path": "t.csv"},
            "target": "y",
            "fields": {"ab": {"type": "vector", "columns": ["a", "b"]}, "kind": "category", "tags": "multi_label", "y": "category"},
            "split": {"validation": None, "test": None},
        }
    )
    found = prepare(settings, tmp_path, seed=0).fields
    return FittedFields.restore(settings, found.state())


def new(fields: FittedFields, **columns: list[Any]) -> NewRows:
    return fields.encode_new(Table.of_cells(columns, frozenset({""}), Table("", {}, 1).numerals), with_targets=False)


def test_each_row_is_told_what_is_unlike_training(fields: FittedFields) -> None:
    found = new(fields, a=[1, 99, 2], b=[1, -5, None], kind=["p", "new", None], tags=["x", "x|w", None]).departures
    assert found.notes[0] == ""
    assert found.notes[1] == "out of range (a: 99, b: -5); new category (kind: new, tags: x|w)"
    assert found.notes[2] == "missing filled in (ab); missing (kind, tags)"


def test_columns_are_told_with_the_worst_first(fields: FittedFields) -> None:
    found = new(fields, a=[1, 99, 2, 98], b=[1, 1, 1, 500], kind=["p", "p", "p", "n"], tags=["x"] * 4).departures
    assert found.lines == (
        "new categories   kind 25 % ('n')",
        "out of range     a 50 % (training 0 to 9), b 25 % (training 1 to 39)",
    )


def test_as_many_missing_values_as_in_training_are_no_drift(fields: FittedFields) -> None:
    columns: dict[str, list[Any]] = {"a": [1] * 20, "kind": ["p"] * 20, "tags": ["x"] * 20}
    few, many = ([None] * count + [7] * (20 - count) for count in (5, 15))
    assert new(fields, b=few, **columns).departures.lines == ()
    assert new(fields, b=many, **columns).departures.lines == ("missing          ab 75 % (training 20 %)",)


def test_what_was_shown_is_checked_when_it_is_read() -> None:
    assert Shown.restore({"missing": 0.5, "ranges": [[1, 2], None]}, 2) == Shown(0.5, ((1.0, 2.0), None))
    faults: list[dict[str, Any]] = [
        {"missing": 2, "ranges": []},
        {"missing": 0, "ranges": [[2, 1]]},
        {"missing": 0, "ranges": [[1]]},
        {"ranges": []},
    ]
    for broken in faults:
        with pytest.raises((ValueError, LookupError)):
            Shown.restore(broken, len(broken["ranges"]))
    with pytest.raises(ValueError, match="other features"):
        Shown.restore({"missing": 0, "ranges": []}, 1)


def test_shares_are_plain() -> None:
    assert [percent(share) for share in (0, 0.004, 0.31, 1)] == ["0 %", "under 1 %", "31 %", "100 %"]


def test_a_mean_that_is_another_is_told(fields: FittedFields) -> None:
    columns: dict[str, list[Any]] = {"kind": ["p"] * 100, "tags": ["x"] * 100}
    same = [row % 10 for row in range(100)]
    assert new(fields, a=same, b=[1, 39] * 50, **columns).departures.lines == ()
    found = new(fields, a=[8, 9] * 50, b=[1, 39] * 50, **columns).departures
    assert found.lines == ("mean shifted     a 8.5 (training 4.5, deviation 2.87)",)
    assert found.notes == ("",) * 100  # no row is out of range
    few = {name: values[:4] for name, values in columns.items()}
    assert new(fields, a=[8, 9] * 2, b=[1, 39] * 2, **few).departures.lines == ()  # as chance makes of four rows


def test_means_add_up_block_by_block(fields: FittedFields) -> None:
    blocks = [[3] * 30, [9] * 90]
    drift = Drift()
    for block in blocks:
        drift.add(new(fields, a=block, b=[20] * len(block), kind=["p"] * len(block), tags=["x"] * len(block)).departures)
    assert drift.lines == ("mean shifted     a 7.5 (training 4.5, deviation 2.87)",)


def test_moments_are_those_of_all_rows() -> None:
    draw = np.random.default_rng(0)
    rows = 1e6 + draw.normal(size=(1000, 3))
    rows[draw.random((1000, 3)) < 0.2] = np.nan
    whole, merged = Moments.of(rows), Moments.of(rows[:300]).merged(Moments.of(rows[300:]))
    for found in (whole, merged):
        np.testing.assert_allclose(found.mean, np.nanmean(rows, axis=0), rtol=1e-12)
        np.testing.assert_allclose(found.spread, np.nanstd(rows, axis=0), rtol=1e-9)
    assert Moments.of(np.full((5, 1), np.nan)).count.tolist() == [0]


@pytest.mark.parametrize("moments", [[[1, -1], None], [[1, 2]], [[float("nan"), 1], None]])
def test_forged_moments_are_refused(moments: Any) -> None:
    with pytest.raises((ValueError, TypeError)):
        Shown.restore({"missing": 0.5, "ranges": [[1, 2], None], "moments": moments}, 2)


def drifting(folder: Path, shift: float) -> tuple[str, ...]:
    """What is told of a table whose last rows, which are its test rows, are `shift` higher."""
    draw = np.random.default_rng(0)
    lines = ["a,b,part,y"]
    for row in range(400):
        part = "train" if row < 240 else "validation" if row < 300 else "test"
        lines.append(f"{draw.normal() + (shift if part == 'test' else 0):.4f},{draw.normal():.4f},{part},{draw.normal():.4f}")
    (folder / "t.csv").write_text("\n".join(lines) + "\n")
    fields = {"part": {"role": "split"}}
    settings = DataSettings.model_validate({"source": {"type": "csv", "path": "t.csv"}, "target": "y", "fields": fields})
    return tuple(note for note in prepare(settings, folder, seed=0).notes if "unlike training" in note)


def test_a_run_says_that_its_own_test_rows_are_unlike_training(tmp_path: Path) -> None:
    assert drifting(tmp_path, 0) == ()
    [found] = drifting(tmp_path, 1.5)
    assert found.startswith("test rows are unlike training: mean shifted a 1.")
    beyond, shifted = drifting(tmp_path, 5)
    assert "out of range a " in beyond
    assert "mean shifted a " in shifted


def test_one_of_a_few_test_rows_out_of_range_is_chance(tmp_path: Path) -> None:
    lines = ["a,part,y", *(f"{row % 7},train,{row % 5}.5" for row in range(40)), *(f"{cell},test,1.5" for cell in (1, 2, 3, 4, 99))]
    (tmp_path / "t.csv").write_text("\n".join(lines) + "\n")
    fields = {"part": {"role": "split"}}
    settings = DataSettings.model_validate({"source": {"type": "csv", "path": "t.csv"}, "target": "y", "fields": fields})
    assert not any("unlike training" in note for note in prepare(settings, tmp_path, seed=0).notes)
