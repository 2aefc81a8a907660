"""`training.bag`: several networks that are measured and used as one."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
import pytest
import yaml

import nntrain
from nntrain.cli import main
from nntrain.errors import CheckpointError, NNTrainError, UsageError
from nntrain.training import checkpoint
from nntrain.training.differing import first_difference

ROWS = 90


def write(folder: Path, *, classes: bool = False) -> None:
    """A table of two numbers and a word, and what they add up to."""
    draw = np.random.default_rng(0)
    with (folder / "rows.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["a", "b", "word", "y"])
        for a, b in draw.normal(size=(ROWS, 2)):
            word = "up" if b > 0 else "down"
            value = 10 + 3 * a - 2 * b + draw.normal() / 2
            writer.writerow([f"{a:.4f}", f"{b:.4f}", word, ("large" if value > 10 else "small") if classes else f"{value:.4f}"])


def config(folder: Path, **training: Any) -> Path:
    tree = {
        "name": "bag",
        "data": {"source": "rows.csv", "target": "y", "split": {"test": 0.2}, "batch_size": 16},
        "architecture": {"mlp": [8]},
        "optimizer": {"adamw": 0.01},
        "training": {"max_epochs": 3, "bag": 3, **training},
    }
    path = folder / "bag.yaml"
    path.write_text(yaml.safe_dump(tree), encoding="utf-8")
    return path


def rows_of(folder: Path) -> list[dict[str, str]]:
    with (folder / "rows.csv").open() as file:
        return list(csv.DictReader(file))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    write(tmp_path)
    return tmp_path


def test_a_bag_predicts_the_mean_of_its_members(folder: Path):
    run = nntrain.fit(config(folder)).run
    rows = rows_of(folder)[:20]
    members = [nntrain.load(f"{run.name}/members/0{member}").predict(rows).columns()["prediction"] for member in (1, 2, 3)]
    found = nntrain.load(run).predict(rows).columns()["prediction"]
    assert found == pytest.approx([fmean(each) for each in zip(*members, strict=True)], rel=1e-5)
    assert len({round(each[0], 3) for each in members}) == 3
    card = (run.path / "model_card.md").read_text(encoding="utf-8")
    assert f"nntrain predict {run.name} DATA" in card
    assert "| test.rmse |" in card


def test_a_bag_of_classes_averages_probabilities(folder: Path):
    write(folder, classes=True)
    run = nntrain.fit(config(folder)).run
    rows = rows_of(folder)[:20]
    members = [nntrain.load(f"{run.name}/members/0{member}").predict(rows).columns()["probability_large"] for member in (1, 2, 3)]
    found = nntrain.load(run).predict(rows).columns()["probability_large"]
    assert found == pytest.approx([fmean(each) for each in zip(*members, strict=True)], rel=1e-4)


def test_validation_rows_are_predicted_by_the_members_that_have_not_seen_them(folder: Path):
    run = nntrain.fit(config(folder)).run
    summary = run.read_json("summary.json")
    squares: list[float] = []
    for member in (1, 2, 3):
        own = nntrain.evaluate(f"{run.name}/members/0{member}", split="validation")
        error = own.metrics["rmse"]
        assert error is not None
        squares += [error**2] * own.rows
    assert len(squares) == ROWS - 18
    assert summary["best"]["validation.rmse"] == pytest.approx(math.sqrt(fmean(squares)), rel=1e-5)
    tested = nntrain.evaluate(run)
    assert tested.rows == 18
    assert tested.metrics["rmse"] == pytest.approx(summary["test"]["rmse"])
    assert [member["run"] for member in summary["bag"]] == [f"{run.name}/members/0{member}" for member in (1, 2, 3)]


def test_members_share_what_was_fitted_and_differ_in_their_seed(folder: Path):
    run = nntrain.fit(config(folder)).run
    resolved = [yaml.safe_load((run.path / "members" / f"0{member}" / "resolved.yaml").read_text()) for member in (1, 2, 3)]
    assert [tree["seed"] for tree in resolved] == [0, 1, 2]
    assert [tree["data"]["split"]["validation_fold"] for tree in resolved] == [1, 2, 3]
    folders = [next((run.path / "members" / f"0{member}" / "checkpoints").glob("step-*")) for member in (1, 2, 3)]
    fields = [{"fields": checkpoint.load(folder)["fields"]} for folder in folders]
    assert first_difference(fields[0], fields[1]) is first_difference(fields[0], fields[2]) is None


def test_seeds_of_a_bag_have_the_same_validation_rows(folder: Path):
    run = nntrain.fit(config(folder, bag={"seeds": 2})).run
    first, second = (nntrain.evaluate(f"{run.name}/members/0{member}", split="validation") for member in (1, 2))
    assert first.rows == second.rows
    assert first.metrics["rmse"] != second.metrics["rmse"]
    whole = nntrain.evaluate(run, split="validation")
    assert whole.metrics["rmse"] == pytest.approx(run.read_json("summary.json")["best"]["validation.rmse"])


def test_folds_and_seeds_make_a_member_each(folder: Path):
    run = nntrain.fit(config(folder, bag={"folds": 2, "seeds": 2}, max_epochs=1)).run
    assert [each["word"] for each in run.read_json("members.json")["members"]] == [
        "part 1, seed 0",
        "part 2, seed 1",
        "part 1, seed 2",
        "part 2, seed 3",
    ]


def test_a_threshold_is_tuned_on_rows_that_members_have_not_seen(folder: Path):
    write(folder, classes=True)
    path = config(folder)
    run = nntrain.fit(path, "task={type: classification, threshold: {tune: f1}, calibrate: temperature}").run
    reading = run.read_json("bag.json")["readings"]["y"]
    assert 0 < reading["threshold"] < 1
    assert reading["temperature"] != 1


def test_intervals_of_a_bag_come_from_rows_that_members_have_not_seen(folder: Path, capsys: pytest.CaptureFixture[str]):
    run = nntrain.fit(config(folder)).run
    assert run.read_json("intervals.json")["targets"]["y"]["rows"] == ROWS - 18
    assert main(["predict", run.name, "rows.csv", "--interval", "0.9"]) == 0
    shown = capsys.readouterr()
    assert "3 members" in shown.err
    assert "low,high" in shown.out


def test_simple_models_are_fitted_once_on_all_rows_of_the_members(folder: Path):
    pytest.importorskip("sklearn")
    run = nntrain.fit(config(folder), "baselines=[linear]").run
    assert set(run.read_json("summary.json")["baselines"]["linear"]) >= {"test.rmse", "seconds"}
    assert run.read_json("members/01/summary.json")["baselines"] == {}


def test_an_interrupted_bag_goes_on(folder: Path):
    whole = nntrain.fit(config(folder)).run
    path = folder / "runs" / "bag" / "0001" / "members" / "02" / "summary.json"
    before = nntrain.load(whole).predict(rows_of(folder)[:5]).columns()["prediction"]
    path.unlink()
    (whole.path / "summary.json").unlink()
    with pytest.raises(NNTrainError, match="is not trained yet"):
        nntrain.load(whole)
    again = nntrain.fit(resume=whole.name).run
    assert nntrain.load(again).predict(rows_of(folder)[:5]).columns()["prediction"] == before
    assert json.loads(path.read_text())["stop_reason"] == "max_epochs"


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        (["data.split.validation_folds=2", "data.split.validation_fold=1"], "training.bag.folds cuts the rows"),
        (["data.split.validation=0.3"], "validation has no effect"),
        (["training.bag={seeds: 1}"], "has one member"),
        (["training.bag=80"], "folds"),
    ],
)
def test_what_does_not_go_with_a_bag(folder: Path, changes: list[str], told: str):
    with pytest.raises(NNTrainError, match=told):
        nntrain.fit(config(folder), *changes)


def test_a_bag_has_no_validation_rows_of_its_own(folder: Path):
    run = nntrain.fit(config(folder, max_epochs=1)).run
    with pytest.raises(UsageError, match="have trained most of its members"):
        nntrain.evaluate(run, split="validation")


def test_options_that_mean_one_network(folder: Path, capsys: pytest.CaptureFixture[str]):
    path = config(folder)
    for option in (["--seeds", "2"], ["--folds", "2"], ["--profile"], ["--tune"]):
        assert main(["fit", str(path), *option]) == 2
        assert "training.bag" in capsys.readouterr().err


def test_a_bag_may_be_tested_on_a_fold(folder: Path):
    run = nntrain.fit(config(folder, max_epochs=1), "data.split={folds: 5, fold: 2}").run
    assert nntrain.evaluate(run).rows == ROWS // 5
    own = nntrain.evaluate(f"{run.name}/members/01", split="validation")
    assert own.rows == (ROWS - ROWS // 5) // 3


@pytest.mark.parametrize(
    ("file", "change"),
    [
        ("members.json", lambda tree: {**tree, "members": [{**tree["members"][0], "name": "../../../elsewhere"}]}),
        ("bag.json", lambda tree: {"readings": {"y": {"temperature": "hot"}}}),
    ],
    ids=["a member elsewhere", "readings of no run"],
)
def test_a_forged_bag_is_damaged(folder: Path, file: str, change: Any):
    run = nntrain.fit(config(folder, max_epochs=1)).run
    run.write_json(file, change(run.read_json(file)))
    with pytest.raises(CheckpointError, match="damaged"):
        nntrain.load(run)


def test_a_member_that_is_a_bag_is_not_followed(folder: Path):
    run = nntrain.fit(config(folder, max_epochs=1)).run
    (run.path / "members" / "01" / "members.json").write_text((run.path / "members.json").read_text())
    assert len(nntrain.load(run).predict(rows_of(folder)[:2]).columns()["prediction"]) == 2


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"data": {"split": {"validation_folds": 2, "validation_fold": 1}}}, "training.bag.folds cuts the rows"),
        ({"task": "metric", "data": {"fields": {"y": "category"}}}, "averages answers, and metric (y) has none to average"),
    ],
    ids=["cut twice", "no answer to average"],
)
def test_check_tells_what_a_bag_refuses(folder: Path, capsys: pytest.CaptureFixture[str], change: dict[str, Any], told: str):
    write(folder, classes=True)
    path = config(folder)
    tree = yaml.safe_load(path.read_text())
    for section, value in change.items():
        tree[section] = {**tree.get(section, {}), **value} if isinstance(value, dict) else value
    path.write_text(yaml.safe_dump(tree), encoding="utf-8")
    assert main(["check", str(path)]) == 2
    by_check = capsys.readouterr().err
    assert told in by_check
    assert "bag.yaml:" in by_check
    assert main(["fit", str(path)]) == 2
    assert capsys.readouterr().err == by_check


def test_a_bag_tells_who_is_better_and_what_each_took(folder: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["fit", str(config(folder, max_epochs=1)), "baselines=[linear]"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("time ") and line.count(" s ") == 2 for line in lines)
    assert any(line.startswith("linear is better than this network on this table: test.") for line in lines)


def test_a_bag_without_a_name_is_called_after_its_file_and_is_ranked(folder: Path, capsys: pytest.CaptureFixture[str]):
    tree = yaml.safe_load(config(folder, early_stopping={"monitor": "validation.loss", "patience": 2}).read_text())
    del tree["name"]
    (folder / "good.yaml").write_text(yaml.safe_dump(tree), encoding="utf-8")
    assert main(["fit", "good.yaml"]) == 0
    assert main(["fit", "good.yaml", "seed=1"]) == 0
    capsys.readouterr()
    assert main(["runs", "--json"]) == 0
    first, second = json.loads(capsys.readouterr().out)["runs"]
    assert [first["run"], second["run"]] == ["runs/good/0001", "runs/good/0002"]
    assert first["metric"] == second["metric"] == "validation.rmse"  # the loss that decides is that of a member
    best = min((first, second), key=lambda row: row["value"])
    assert main(["runs", "rm", "runs/good", "--keep-best", "1", "--yes"]) == 0
    assert Path(best["run"]).is_dir()
    assert len([path for path in Path("runs/good").iterdir() if path.is_dir()]) == 1
