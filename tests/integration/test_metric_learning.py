"""Embeddings of rows whose classes training never showed: whole runs, what they predict, and what is refused before data is read."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from nntrain.cli import main

neighbors: Any = pytest.importorskip("sklearn.neighbors", reason="needs scikit-learn")

CONFIG = """
name: codes
data:
  source: rows.csv
  fields:
    kind: {type: category, role: target, unknown: class}
  split: {by: group, column: kind, validation: 0.2, test: 0.3}
  batch: {sampler: {type: pk, classes: 5, per_class: 4}}
architecture: {type: mlp, hidden: [32]}
task: {type: metric, dim: 8}
optimizer: {type: adamw, lr: 0.01}
training: {max_epochs: 15}
"""


@pytest.fixture(autouse=True)
def _rows(tmp_path: Path) -> None:
    """Forty kinds that lie at a place of two numbers; six more numbers are noise of ten times the size."""
    draw = np.random.default_rng(0)
    kinds = np.arange(400) % 40
    places = draw.normal(size=(40, 2))[kinds] + 0.05 * draw.normal(size=(400, 2))
    values = np.hstack([places, draw.normal(size=(400, 6))])
    lines = [",".join([*(f"{value:.4f}" for value in row), f"kind {kind}"]) for row, kind in zip(values, kinds, strict=True)]
    (tmp_path / "rows.csv").write_text("\n".join([",".join([*"abcdefgh", "kind"]), *lines]) + "\n")
    (tmp_path / "a.yaml").write_text(CONFIG)


def summary(tmp_path: Path) -> dict[str, Any]:
    return json.loads((tmp_path / "runs" / "codes" / "0001" / "summary.json").read_text())


@pytest.mark.parametrize("loss", ["triplet", "nt_xent", "contrastive"])
def test_new_kinds_are_told_apart_better_than_by_the_numbers_themselves(loss: str, tmp_path: Path) -> None:
    assert main(["fit", "a.yaml", f"loss={loss}"]) == 0
    found = summary(tmp_path)
    raw = found["baselines"]["nearest_inputs"]
    assert found["test"]["recall_at_1"] > raw["test.recall_at_1"] + 0.2
    assert found["test"]["map_at_r"] > raw["test.map_at_r"] + 0.15
    assert found["test"]["pair_auroc"] > raw["test.pair_auroc"] + 0.1
    assert found["baseline"]["test.pair_auroc"] == pytest.approx(0.5)


def test_what_is_predicted_is_the_embedding_that_is_judged(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fit", "a.yaml"]) == 0
    lines = (tmp_path / "rows.csv").read_text().splitlines()
    (tmp_path / "new.csv").write_text("\n".join([lines[0], *(line.replace("kind ", "other ") for line in lines[1:])]) + "\n")
    assert main(["predict", "runs/codes/0001", "new.csv", "-o", "out.csv"]) == 0
    capsys.readouterr()
    assert main(["eval", "runs/codes/0001", "--data", "new.csv", "--json"]) == 0
    judged = json.loads(capsys.readouterr().out)
    with (tmp_path / "out.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    vectors = torch.tensor([[float(row[f"prediction_{place}"]) for place in range(8)] for row in rows])
    torch.testing.assert_close(vectors.norm(dim=1), torch.ones(400))
    nearest: list[int] = neighbors.NearestNeighbors(n_neighbors=1).fit(vectors).kneighbors(return_distance=False)[:, 0].tolist()
    hits = [row["kind"] == rows[other]["kind"] for row, other in zip(rows, nearest, strict=True)]
    assert judged["metrics"]["recall_at_1"] == pytest.approx(np.mean(hits), abs=0.005)
    assert judged["rows"] == 400


def test_a_resolved_config_resolves_to_itself(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fit", "a.yaml", "training.max_epochs=1"]) == 0
    path = Path("runs/codes/0001/resolved.yaml")
    assert "batch_size: 20" in path.read_text()
    shutil.copy(path, "again.yaml")  # beside the data
    assert main(["fit", "again.yaml"]) == 0
    assert Path("runs/codes/0002/resolved.yaml").read_text() == path.read_text()
    capsys.readouterr()


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        (["training.accumulate=2"], "triplet compares each row with all others of its batch"),
        (["training.on_oom=halve"], "half a batch has another loss"),
        (["regularization.mixup=0.2"], "mixes rows of different classes"),
        (["data.batch_size=64"], "5 x 4 = 20 rows"),
        (["data.batch.bucket=true"], "by their classes"),
        (["task=classification"], "has an output for each class"),
        (["data.fields.kind.unknown=accept"], "unknown: class"),
        (["loss=cross_entropy"], "loss: triplet or one of: nt_xent, contrastive"),
        (["metrics=[accuracy]"], "fitting: recall_at, map_at_r, pair_auroc"),
        (["architecture={layers: [{linear: 16}]}"], "needs 8 numbers and gets 16"),
        (["task=classification", "data.fields.kind.unknown=accept", "loss=arcface", "data.split={}"], "reads the output of cosine_linear"),
    ],
)
def test_what_does_not_go_together_is_refused_before_data_is_read(
    changes: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check", "a.yaml", *changes]) == 2
    assert told in " ".join("".join(capsys.readouterr()).split())


def test_a_network_chooses_the_size_of_its_embedding(capsys: pytest.CaptureFixture[str]) -> None:
    for layers, parameters in (("[{linear: 16}]", 8 * 16 + 16), ("[{linear: 16}, relu]", 8 * 16 + 16 + 16 * 64 + 64)):
        assert main(["check", "a.yaml", f"architecture={{layers: {layers}}}", "task=metric", "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["parameters"] == parameters


def test_too_few_classes_for_a_batch_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fit", "a.yaml", "data.batch.sampler={type: pk, classes: 50, per_class: 2}"]) == 2
    assert "takes 50 classes for a batch" in capsys.readouterr().err


def test_the_example_puts_the_drawings_of_a_character_together(tmp_path: Path) -> None:
    """Four drawings of each of six made-up characters, learned by heart."""
    draw = np.random.default_rng(1)
    for kind in range(6):
        shape = draw.integers(0, 2, (7, 7), dtype=np.uint8) * 255
        for place in range(4):
            path = tmp_path / "omniglot" / "images_background_small1.zip" / "Script" / f"character{kind}" / f"{kind:04d}_{place}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            noise = draw.random((28, 28)) < 0.2
            Image.fromarray(
                np.where(noise, 255 - np.kron(shape, np.ones((4, 4), dtype=np.uint8)), np.kron(shape, np.ones((4, 4), dtype=np.uint8)))
            ).save(path)
    text = (Path(__file__).parents[2] / "configs" / "omniglot.yaml").read_text(encoding="utf-8")
    (tmp_path / "o.yaml").write_text(text, encoding="utf-8")
    changes = ["data.fields.image.augment=[]", "data.split={by: random, validation: null, test: null}", "data.batch.sampler.classes=6"]
    assert main(["fit", "o.yaml", *changes, "scheduler=null", "training={max_steps: 12, evaluate_every: {steps: 12}}"]) == 0
    found = json.loads((tmp_path / "runs" / "omniglot" / "0001" / "summary.json").read_text())
    assert found["last"]["train.map_at_r"] > 0.95


def test_arcface_classifies_by_angles(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(
        "name: codes\ndata:\n  source: rows.csv\n  target: kind\n"
        "architecture: {layers: [{linear: 32}, relu, {linear: 8}, {cosine_linear: =out}]}\n"
        "loss: {type: arcface, scale: 10}\noptimizer: {type: adamw, lr: 0.02}\ntraining: {max_epochs: 15}\n"
    )
    assert main(["fit", "a.yaml"]) == 0
    assert summary(tmp_path)["test"]["accuracy"] > 0.3
