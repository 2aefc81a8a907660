"""Tables whose truth is known: which columns matter, by how much, and how the mean prediction goes with them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nntrain
from nntrain.cli import main
from nntrain.insight.explanation import Explanation

COLUMNS = "abcdef"
WIDTHS = np.array([1.0, 20.0, 3.0, 1.0, 1.0, 1.0])
CONFIG: dict[str, Any] = {
    "name": "known",
    "data": {"source": "known.csv", "target": "y"},
    "architecture": {"layers": [{"linear": 1}]},
    "optimizer": {"type": "adamw", "lr": 0.03},
    "training": {"max_epochs": 25, "device": "cpu"},
}


def written(folder: Path) -> None:
    """Numbers of which two make y, and a column of words that does nothing."""
    random = np.random.default_rng(0)
    x = random.normal(size=(800, 6)) * WIDTHS + [0, 100, 0, 0, 0, 0]
    y = 3 * x[:, 0] + 0.5 * x[:, 1] + 0.1 * random.normal(size=len(x))
    towns = random.choice(["north", "south", "west"], len(x), p=[0.5, 0.3, 0.2])
    rows = [",".join([*(f"{value:.5f}" for value in row), town, f"{answer:.5f}"]) for row, town, answer in zip(x, towns, y, strict=True)]
    (folder / "known.csv").write_text("\n".join([",".join([*COLUMNS, "town", "y"]), *rows]) + "\n")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("known")
    written(place)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        nntrain.fit(CONFIG, runs="runs")
        layers = {**CONFIG, "name": "mlp", "architecture": {"type": "mlp", "hidden": [16, 16]}}
        nntrain.fit(layers, runs="runs")
    return place


@pytest.fixture
def inside(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(folder)
    return folder


def explained(run: str, **options: Any) -> Explanation:
    pytest.importorskip("captum", reason="needs pip install 'nntrain[explain]'")
    return nntrain.explain(f"runs/{run}", **options)


def test_the_columns_that_make_the_target_matter_and_no_others(inside: Path) -> None:
    for run in ("known", "mlp"):
        found = explained(run).importances
        assert found is not None
        assert (found.metric, found.shuffles) == ("rmse", 5)
        assert [each.column for each in found.columns[:2]] == ["b", "a"]
        for each in found.columns[:2]:
            assert each.mean > 10 * each.spread
        for each in found.columns[2:]:
            assert abs(each.mean) < 0.02 * found.columns[1].mean


def test_importance_is_in_the_unit_of_the_metric(inside: Path) -> None:
    """A column of weight w and deviation s, shuffled, adds 2 (w s)^2 to the squared error."""
    found = explained("known").importances
    assert found is not None
    by_column = {each.column: each.mean for each in found.columns}
    assert by_column["b"] == pytest.approx(np.sqrt(2) * 10, rel=0.15)
    assert by_column["a"] == pytest.approx(np.sqrt(2) * 3, rel=0.15)


def test_importance_is_a_function_of_the_seed(inside: Path) -> None:
    assert explained("mlp").importances == explained("mlp").importances


def test_the_curve_of_a_line_is_a_line_of_its_slope_in_raw_units(inside: Path) -> None:
    curves = {each.column: each for each in explained("known").dependences}
    for column, slope in (("a", 3.0), ("b", 0.5)):
        values, (means,) = np.array(curves[column].values, dtype=float), curves[column].means.values()
        slopes = np.diff(means) / np.diff(values)
        assert slopes == pytest.approx(np.full(len(slopes), slope), rel=0.01)
        assert np.ptp(slopes) < 1e-3 * slope
    assert curves["town"].values == ("north", "south", "west")
    assert not curves["town"].is_ordered


def test_shares_of_a_line_are_weight_times_distance(inside: Path) -> None:
    import torch

    from nntrain.commands.stored.opening import open_run
    from nntrain.runs import find_run

    stored = open_run(find_run("runs/known", Path("runs")))
    weight = dict(stored.network.named_parameters())
    (name,) = [name for name in weight if name.endswith("weight")]
    target = stored.fields.targets["y"]
    own = weight[name].detach().double()[0, :6] * target.scale.double()
    states = {field.name: field.state for field in stored.fields.fields if field.plan.role == "input"}
    found = explained("known", rows=[0, 4])
    assert found.is_probability is False
    for row in found.explained:
        shares = {share.column: share for share in row.shares}
        for place, column in enumerate(COLUMNS):
            distance = (float(shares[column].cell or "nan") - float(states[column]["offset"][0])) / float(states[column]["scale"][0])
            assert shares[column].share == pytest.approx(float(own[place]) * distance, rel=1e-4, abs=1e-4)
        assert row.completeness is not None
        assert row.completeness < 1e-4
        assert sum(share.share for share in row.shares) == pytest.approx(row.answer - row.neutral, abs=1e-4)
    assert isinstance(own, torch.Tensor)


def test_shares_of_a_network_add_up_and_are_better_than_chance(inside: Path) -> None:
    quality = explained("mlp").quality
    assert quality is not None
    assert quality.completeness is not None
    assert quality.completeness < 1e-2
    assert quality.deletion.is_better
    assert quality.deletion.area > 1.3 * quality.deletion.random_area
    assert quality.randomisation is not None
    assert abs(quality.randomisation.correlation) < 0.3


@pytest.mark.parametrize("method", ["occlusion", "saliency", "input_x_gradient", "smoothgrad"])
def test_every_method_finds_the_columns(method: str, inside: Path) -> None:
    found = explained("mlp", method=method, rows=[0, 1, 2, 3])
    sums: dict[str, float] = {}
    for row in found.explained:
        assert row.completeness is None
        for share in row.shares:
            sums[share.column] = sums.get(share.column, 0.0) + abs(share.share)
    assert set(sorted(sums, key=lambda column: -sums[column])[:2]) == {"a", "b"}


def test_the_screen_and_the_file(inside: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("captum", reason="needs pip install 'nntrain[explain]'")
    assert main(["explain", "runs/known", "known.csv", "--rows", "3,17", "-o", "why.json"]) == 0
    screen = capsys.readouterr().out
    assert "columns that matter: how much worse rmse" in screen
    assert "row 17 (line 19)" in screen
    assert max(map(len, screen.splitlines())) <= 90
    found = json.loads(Path("why.json").read_text())
    assert (found["explains"], found["rows"], found["split"]) == ("runs/known/0001", 800, "known.csv")
    assert [row["number"] for row in found["explained"]] == [3, 17]
    assert main(["explain", "runs/known", "known.csv", "--json", "-o", "why.json"]) == 0  # its own file is replaced
    assert json.loads(capsys.readouterr().out) == json.loads(Path("why.json").read_text())


def test_rows_without_a_target_are_explained_too(inside: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("captum", reason="needs pip install 'nntrain[explain]'")
    lines = Path("known.csv").read_text().splitlines()[:30]
    Path("new.csv").write_text("\n".join(line.rpartition(",")[0] for line in lines) + "\n")
    assert main(["explain", "runs/known", "new.csv", "--json", "-o", "new.json"]) == 0
    told = capsys.readouterr()
    assert "columns that matter need y in the rows, and new.csv has none" in told.err
    found = json.loads(told.out)
    assert found["importances"] is None
    assert len(found["dependences"]) == 7


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--method", "integrated_gradient"], "integrated_gradients"),
        (["--rows", "5000"], "no row 5000: validation has 80 rows, numbered from 0"),
        (["--rows", "a"], "--rows takes numbers of rows"),
        (["--target", "z"], "nothing that is predicted has the name 'z'"),
        (["--split", "all"], "no split 'all'"),
        (["known.csv", "--split", "test"], "exclude each other"),
        (["--method", "saliency", "--baseline", "zero"], "--baseline has no effect: saliency compares a row with no other"),
        (["-o", "known.csv"], "known.csv is there, and no explanation of nntrain's: it is not replaced"),
        (["-o", "nowhere/why.json"], "no folder nowhere"),
    ],
)
def test_what_is_wrong_is_told(arguments: list[str], message: str, inside: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("captum", reason="needs pip install 'nntrain[explain]'")
    assert main(["explain", "runs/known", *arguments]) == 2
    assert message in capsys.readouterr().err
    assert Path("known.csv").read_text().startswith("a,b,c")


def test_a_missing_package_is_told_in_a_line(inside: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "captum", None)
    assert main(["explain", "runs/known"]) == 2
    assert "needs the package captum, which is not installed" in (told := capsys.readouterr().err)
    assert "pip install 'nntrain[explain]'" in told
