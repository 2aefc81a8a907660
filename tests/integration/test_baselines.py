"""Simple models beside the network: scikit-learn's own figures on the rows of the run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import accuracy_score, root_mean_squared_error
from sklearn.preprocessing import StandardScaler

from nntrain.cli import main

CONFIG = """
data: {{source: {{path: train.csv, test: test.csv}}, target: y, split: {{validation: null}}}}
architecture: {{type: mlp, hidden: [4]}}
baselines: [linear, boosted_trees]
training: {{max_epochs: 1}}
{more}
"""


def table(seed: int, *, classes: bool) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    random = np.random.default_rng(seed)
    inputs = random.normal(size=(120, 3)).round(4)
    values = inputs @ [1.0, -2.0, 0.5] + np.abs(inputs[:, 0]) + 0.1 * random.normal(size=120)
    return inputs, (values > 0.5).astype(int) if classes else values.round(4)


def write(path: Path, inputs: np.ndarray[Any, Any], goal: np.ndarray[Any, Any]) -> None:
    lines = [",".join(map(str, [*row, value])) for row, value in zip(inputs.tolist(), goal.tolist(), strict=True)]
    path.write_text("\n".join(["a,b,c,y", *lines]) + "\n")


def fit(tmp_path: Path, *, classes: bool, more: str = "") -> dict[str, Any]:
    for seed, name in enumerate(("train", "test")):
        write(tmp_path / f"{name}.csv", *table(seed, classes=classes))
    (tmp_path / "a.yaml").write_text(CONFIG.format(more=more))
    assert main(["fit"]) == 0
    return json.loads((tmp_path / "runs" / "a" / "0001" / "summary.json").read_text())["baselines"]


def test_values_are_predicted_as_scikit_learn_does(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = fit(tmp_path, classes=False)
    (train, goal), (test, truth) = table(0, classes=False), table(1, classes=False)
    scaler = StandardScaler().fit(train)
    linear = Ridge().fit(scaler.transform(train), (goal - goal.mean()) / goal.std())
    ridge = root_mean_squared_error(truth, linear.predict(scaler.transform(test)) * goal.std() + goal.mean())
    assert found["linear"]["test.rmse"] == pytest.approx(ridge, rel=1e-4)
    trees = HistGradientBoostingRegressor(random_state=0).fit(train, goal)
    assert found["boosted_trees"]["test.rmse"] == pytest.approx(root_mean_squared_error(truth, trees.predict(test)), rel=0.02)
    out = capsys.readouterr().out
    assert "linear   boosted trees   always the mean" in out
    assert "better than this network" in out


def test_classes_are_predicted_as_scikit_learn_does(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = fit(tmp_path, classes=True)
    (train, goal), (test, truth) = table(0, classes=True), table(1, classes=True)
    scaler = StandardScaler().fit(train)
    logistic = LogisticRegression(max_iter=1000).fit(scaler.transform(train), goal)
    assert found["linear"]["test.accuracy"] == pytest.approx(accuracy_score(truth, logistic.predict(scaler.transform(test))))
    assert found["boosted_trees"]["test.accuracy"] > 0.8


def test_they_are_no_part_of_what_a_run_means(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fit(tmp_path, classes=True)
    assert main(["fit", "a.yaml", "--resume", "runs/a/0001", "baselines=[linear]"]) == 0


def test_a_missing_library_is_told_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path / "train.csv", *table(0, classes=True))
    write(tmp_path / "test.csv", *table(1, classes=True))
    (tmp_path / "a.yaml").write_text(CONFIG.format(more=""))

    def missing(name: str) -> None:
        return None

    monkeypatch.setattr("nntrain.effects.find_spec", missing)
    assert main(["check"]) == 2
    assert "pip install 'nntrain[baselines]'" in capsys.readouterr().err
