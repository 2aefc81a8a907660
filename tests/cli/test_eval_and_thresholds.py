"""Metrics with options, thresholds and temperature from the config to `eval` and `predict`; intervals, groups, requirements."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from forging import part_of

import nntrain
from nntrain.cli import main

CONFIG = """
name: fraud
data: {source: fraud.csv, fields: {label: {type: category, role: target}, region: {role: ignore}}}
architecture: {type: mlp, hidden: [8]}
optimizer: {type: adamw, lr: 2e-2}
task: {type: classification, threshold: {tune: f1}, calibrate: temperature}
metrics:
  - f1
  - accuracy
  - {type: precision, class: fraud, threshold: 0.9}
  - {type: recall, class: fraud, name: caught}
  - cohen_kappa
training: {max_epochs: 3, early_stopping: {monitor: validation.caught, patience: 3}}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A trained run over a rare class."""
    place = tmp_path_factory.mktemp("fraud")
    random = np.random.default_rng(0)
    lines = ["amount,hour,region,label"]
    for row in range(600):
        amount, hour = random.normal(size=2)
        label = "fraud" if amount + hour + random.normal() > 2 else "fine"
        lines.append(f"{amount:.3f},{hour:.3f},{['north', 'south', ''][row % 3]},{label}")
    (place / "fraud.csv").write_text("\n".join(lines) + "\n")
    (place / "fraud.yaml").write_text(CONFIG)
    nntrain.fit(place / "fraud.yaml", runs=place / "runs", quiet=True)
    return place


@pytest.fixture
def inside(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(folder)
    return folder


def evaluated(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    assert main(["eval", *arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_metrics_stand_in_reports_under_their_names(inside: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = evaluated(capsys)
    assert list(found["metrics"]) == ["loss", "f1", "accuracy", "precision.fraud_at_0.9", "caught", "cohen_kappa"]
    summary = json.loads((inside / "runs/fraud/0001/summary.json").read_text())
    assert summary["monitor"] == "validation.caught"
    assert found["metrics"] == pytest.approx(summary["test"])


def test_a_resolved_config_means_the_same(inside: Path) -> None:
    resolved = yaml.safe_load((inside / "runs/fraud/0001/resolved.yaml").read_text())
    assert resolved["task"]["threshold"]["tune"]["type"] == "f1"
    assert [metric.get("class") for metric in resolved["metrics"]] == [None, None, "fraud", "fraud", None]
    assert main(["check", "runs/fraud/0001/resolved.yaml", "--no-data"]) == 0


def test_what_was_tuned_is_kept_and_used(inside: Path, capsys: pytest.CaptureFixture[str]) -> None:
    checkpoints = inside / "runs/fraud/0001/checkpoints"
    task = part_of(checkpoints / (checkpoints / "best").read_text().strip(), "task")
    assert main(["predict", "fraud.csv", "-o", "out.csv"]) == 0
    capsys.readouterr()
    with (inside / "out.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    flagged = [float(row["probability_fraud"]) for row in rows if row["prediction"] == "fraud"]
    passed = [float(row["probability_fraud"]) for row in rows if row["prediction"] == "fine"]
    assert max(passed) < min(flagged)
    threshold = nntrain.load("runs/fraud/0001")._stored.objective.targets["label"].reading.threshold  # type: ignore[reportPrivateUsage]
    assert threshold is not None
    assert max(passed) <= threshold <= min(flagged)
    assert f"{threshold:.6g}" in json.dumps(task)


def test_eval_has_a_table_by_class(inside: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = evaluated(capsys)
    table = found["tables"]["per_class"]
    assert list(table) == ["fine", "fraud"]
    assert table["fraud"]["recall"] == pytest.approx(found["metrics"]["caught"])
    assert sum(row["support"] for row in table.values()) == found["rows"]


def test_one_row_of_a_class_is_shown_as_a_count(inside: Path, capsys: pytest.CaptureFixture[str]) -> None:
    header, *rows = Path("fraud.csv").read_text().splitlines()
    Path("few.csv").write_text("\n".join([header, *[next(row for row in rows if name in row) for name in ("fine", "fraud")]]) + "\n")
    assert main(["eval", "--data", "few.csv"]) == 0
    lines = [line.split() for line in capsys.readouterr().out.split("by class\n")[1].splitlines()]
    assert [line[-1] for line in lines] == ["support", "1", "1"]


def test_intervals_hold_the_values_and_are_the_same_each_time(inside: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found, again = evaluated(capsys, "--intervals"), evaluated(capsys, "--intervals")
    assert found["intervals"] == again["intervals"]
    assert set(found["intervals"]) == set(found["metrics"]) - {"loss"}
    for name, span in found["intervals"].items():
        assert span is None or span["low"] <= found["metrics"][name] <= span["high"]
    wider = evaluated(capsys, "--intervals", "--level", "0.99")["intervals"]["accuracy"]
    assert wider["low"] < found["intervals"]["accuracy"]["low"]


def test_metrics_by_a_column_that_nothing_reads(inside: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = evaluated(capsys, "--by", "region")
    assert list(found["groups"]) == ["(missing)", "north", "south"]
    assert sum(group["rows"] for group in found["groups"].values()) == found["rows"]
    right = sum(group["rows"] * group["accuracy"] for group in found["groups"].values())
    assert right / found["rows"] == pytest.approx(found["metrics"]["accuracy"])
    of_file = evaluated(capsys, "--data", "fraud.csv", "--by", "region")
    assert [group["rows"] for group in of_file["groups"].values()] == [200, 200, 200]


def test_the_screen_has_intervals_and_groups(inside: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["eval", "--intervals", "--level", "0.9", "--by", "region"]) == 0
    shown = capsys.readouterr().out
    assert "90 % interval" in shown
    assert "\nby class\n" in shown
    assert "\nby region\n" in shown
    assert max(map(len, shown.splitlines())) <= 80


def test_a_requirement_that_is_met_is_not_surely_met(inside: Path, capsys: pytest.CaptureFixture[str]) -> None:
    accuracy = evaluated(capsys)["metrics"]["accuracy"]
    assert main(["eval", "--min", f"accuracy={accuracy}"]) == 0
    assert main(["eval", "--min", f"accuracy={accuracy}", "--sure"]) == 6
    assert "its 95 % interval begins at" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--by", "regoin"], "--by: no column 'regoin' in fraud.csv\n   nearest: region"),
        (["--by", "amount", "--data", "fraud.csv"], "values, and at most 50 are told apart"),
        (["--level", "0.9"], "--level has no effect without --intervals or --sure"),
        (["--level", "95", "--intervals"], "--level is a share between 0 and 1, got 95"),
        (["--sure"], "--sure has no effect without --min or --max"),
        (["--min", "precision.fruad=0.5"], "no metric 'precision.fruad'. This run reports loss, f1, accuracy, precision.fraud_at_0.9"),
    ],
)
def test_what_does_not_fit_is_told(inside: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str) -> None:
    assert main(["eval", *arguments]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("task.threshold.tune=auroc", "auroc does not depend on the threshold"),
        ("task.threshold.tune=rmse", "rmse does not fit the target label"),
        ("task.threshold.tune=confusion_matrix", "confusion_matrix is no number"),
        ("data.split.validation=null", "is tuned on the validation rows, and there are none"),
        ("task.threshold=1.5", "task.threshold"),
        ("metrics+=precison", "no metric 'precison'"),
        ("training.early_stopping.monitor=validation.recall", "no metric 'validation.recall'. This task reports"),
        ("metrics+=caught", "no metric 'caught'"),
        ("metrics+=f1", "f1 is reported already"),
    ],
)
def test_a_config_that_does_not_fit_is_told(inside: Path, capsys: pytest.CaptureFixture[str], change: str, message: str) -> None:
    assert main(["check", "fraud.yaml", change]) == 2
    told = capsys.readouterr()
    assert message in told.out + told.err


def test_a_class_that_is_not_there_is_told_with_the_nearest(inside: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "fraud.yaml", "--data", "metrics.2.class=fruad"]) == 2
    told = capsys.readouterr()
    assert "precision: no class 'fruad'. The classes are fine, fraud" in told.out + told.err
    assert "fix:  class: fraud" in told.out + told.err
