"""Simple models beside the network: scikit-learn's own figures on the rows of the run."""

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nntrain.cli import main

pytest.importorskip("sklearn", reason="needs scikit-learn: pip install 'nntrain[baselines]'")
ensemble, of_texts, linear_model, metrics, preprocessing = (
    import_module(f"sklearn.{name}") for name in ("ensemble", "feature_extraction.text", "linear_model", "metrics", "preprocessing")
)

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
    scaler = preprocessing.StandardScaler().fit(train)
    linear = linear_model.Ridge().fit(scaler.transform(train), (goal - goal.mean()) / goal.std())
    ridge = metrics.root_mean_squared_error(truth, linear.predict(scaler.transform(test)) * goal.std() + goal.mean())
    assert found["linear"]["test.rmse"] == pytest.approx(ridge, rel=1e-4)
    trees = ensemble.HistGradientBoostingRegressor(random_state=0).fit(train, goal)
    assert found["boosted_trees"]["test.rmse"] == pytest.approx(metrics.root_mean_squared_error(truth, trees.predict(test)), rel=0.02)
    out = capsys.readouterr().out
    assert "linear   boosted trees   always the mean" in out
    assert "better than this network" in out


def test_classes_are_predicted_as_scikit_learn_does(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = fit(tmp_path, classes=True)
    (train, goal), (test, truth) = table(0, classes=True), table(1, classes=True)
    scaler = preprocessing.StandardScaler().fit(train)
    logistic = linear_model.LogisticRegression(max_iter=1000).fit(scaler.transform(train), goal)
    assert found["linear"]["test.accuracy"] == pytest.approx(metrics.accuracy_score(truth, logistic.predict(scaler.transform(test))))
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


def write_columns(path: Path, columns: dict[str, list[Any]]) -> None:
    path.write_text("\n".join([",".join(columns), *(",".join(map(str, row)) for row in zip(*columns.values(), strict=True))]) + "\n")


def summary(tmp_path: Path, config: str) -> dict[str, Any]:
    (tmp_path / "a.yaml").write_text(config)
    assert main(["fit"]) == 0
    return json.loads((tmp_path / "runs" / "a" / "0001" / "summary.json").read_text())["baselines"]


def test_each_label_has_a_model_of_its_own(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    inputs = random.normal(size=(90, 2)).round(4)
    has = {"low": inputs[:, 0] < 0, "high": inputs[:, 1] > 0, "all": np.ones(90, dtype=bool)}
    labels = ["|".join(name for name, rows in has.items() if rows[row]) for row in range(90)]
    write_columns(tmp_path / "t.csv", {"a": inputs[:, 0].tolist(), "b": inputs[:, 1].tolist(), "y": labels})
    found = summary(
        tmp_path,
        "data: {source: {path: t.csv}, fields: {y: {type: multi_label, role: target}}, split: {validation: null, test: 30}}\n"
        "architecture: {type: mlp, hidden: [4]}\nbaselines: [linear, boosted_trees]\ntraining: {max_epochs: 1}\n",
    )
    for name in ("linear", "boosted_trees"):
        assert found[name]["test.accuracy"] > 0.7, "all three labels of a row are right"
        assert found[name]["test.hamming_loss"] < 0.15


def test_values_of_a_vector_are_predicted_by_rows_that_count_differently(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    inputs = random.normal(size=(80, 2)).round(4)
    goal = np.stack([inputs @ [1.0, 2.0], inputs @ [-1.0, 0.5] + inputs[:, 0] ** 2], axis=1).round(4)
    weights = random.uniform(0.5, 2, size=80).round(3)
    split = ["train"] * 50 + ["test"] * 30
    columns = {"a": inputs[:, 0], "b": inputs[:, 1], "u": goal[:, 0], "v": goal[:, 1], "w": weights}
    write_columns(tmp_path / "t.csv", {**{name: values.tolist() for name, values in columns.items()}, "part": split})
    found = summary(
        tmp_path,
        "data: {source: {path: t.csv}, fields: {y: {type: vector, columns: [u, v], role: target, normalize: none}, w: {role: weight},"
        " part: {role: split}}, split: {validation: null}}\n"
        "architecture: {type: mlp, hidden: [4]}\nbaselines: [linear, boosted_trees]\ntraining: {max_epochs: 1}\n",
    )
    scaler = preprocessing.StandardScaler().fit(inputs[:50])
    linear: Any = linear_model.Ridge().fit(scaler.transform(inputs[:50]), goal[:50], weights[:50])
    wrong: np.ndarray[Any, Any] = linear.predict(scaler.transform(inputs[50:])) - goal[50:]
    rmse = np.sqrt(np.average((wrong**2).mean(axis=1), weights=weights[50:]))
    assert found["linear"]["test.rmse"] == pytest.approx(rmse, rel=1e-4)
    assert found["boosted_trees"]["test.rmse"] is not None


AUTOENCODER = """
data:
  source: {{type: builtin, name: digits}}
  fields: {{image: {{type: image, role: [input, target]}}, label: {{role: ignore}}}}
  split: {{validation: null, test: 100}}
architecture:
  layers: [flatten, {{linear: 2}}, {{linear: 64}}, {{unflatten: [1, 8, 8]}}, {{conv2d: {{out_channels: 1, kernel_size: 1}}}}]
baselines: [{baselines}]
training: {{max_epochs: 1}}
"""


def test_images_are_predicted_pixel_by_pixel_by_a_linear_model_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = summary(tmp_path, AUTOENCODER.format(baselines="linear"))
    assert found["linear"]["test.rmse"] < 0.05, "a linear model copies pixels"
    (tmp_path / "a.yaml").write_text(AUTOENCODER.format(baselines="linear, boosted_trees"))
    assert main(["check"]) == 2
    assert "boosted_trees fits a model for each value of a target, and image is an image" in capsys.readouterr().err


def test_texts_are_told_apart_as_scikit_learn_does(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    random = np.random.default_rng(0)
    words = np.array(["good", "bad", "film", "very", "the", "plot"])
    draw: list[Any] = [[int(random.integers(2)), *random.choice(words[2:], 3).tolist()] for _ in range(160)]
    rows = [(f"{words[1 - label] if random.random() < 0.8 else 'so'} {' '.join(rest)}", label) for label, *rest in draw]
    rows = [(f"{text} unseen" if place >= 120 else text, label) for place, (text, label) in enumerate(rows)]
    for name, part in (("train", rows[:120]), ("test", rows[120:])):
        lines = [f"{text},{label}" for text, label in part]
        (tmp_path / f"{name}.csv").write_text("\n".join(["text,y", *lines]) + "\n")
    (tmp_path / "a.yaml").write_text(
        "data: {source: {path: train.csv, test: test.csv}, fields: {text: text, y: {type: category, role: target}},"
        " split: {validation: null}}\narchitecture: {layers: [{embedding: 4}, {pool: mean}]}\n"
        "baselines: [tfidf_logistic]\ntraining: {max_epochs: 1}\n"
    )
    assert main(["fit"]) == 0
    found = json.loads((tmp_path / "runs" / "a" / "0001" / "summary.json").read_text())["baselines"]["tfidf_logistic"]
    weights = of_texts.TfidfVectorizer()
    model = linear_model.LogisticRegression().fit(
        weights.fit_transform([text for text, _ in rows[:120]]), [label for _, label in rows[:120]]
    )
    shares = model.predict_proba(weights.transform([text for text, _ in rows[120:]]))
    truth = [label for _, label in rows[120:]]
    assert found["test.accuracy"] == pytest.approx(metrics.accuracy_score(truth, shares.argmax(axis=1)))
    assert found["test.log_loss"] == pytest.approx(metrics.log_loss(truth, shares), rel=1e-5)
    assert "TF-IDF + logistic" in capsys.readouterr().out


def test_a_model_without_use_for_the_inputs_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.csv").write_text("text,n,y\n" + "\n".join(f"some words {row} of it,{row},{row % 2}" for row in range(40)) + "\n")
    of_text = "fields: {text: text, n: {role: ignore}, y: {type: category, role: target}}}\n"
    of_text += "architecture: {layers: [{embedding: 4}, {pool: mean}]}\n"
    (tmp_path / "a.yaml").write_text("data: {source: a.csv, " + of_text + "baselines: [linear]\n")
    assert main(["check", "a.yaml"]) == 2
    told = capsys.readouterr().err
    assert "linear needs rows of one size, and text differs in length" in told
    assert "fix:  baselines: [tfidf_logistic]" in told
    of_numbers = "fields: {text: {role: ignore}, n: number, y: {type: category, role: target}}}\n"
    (tmp_path / "a.yaml").write_text("data: {source: a.csv, " + of_numbers + "baselines: [tfidf_logistic]\n")
    assert main(["check", "a.yaml"]) == 2
    assert "tfidf_logistic reads texts, and n is one value" in capsys.readouterr().err
