"""Whether two texts mean the same: both go through one set of weights, and the cosine of what comes out is the answer."""

from __future__ import annotations

import csv
import json
import random
from pathlib import Path
from typing import Any

import pytest

from nntrain.cli import main

stats: Any = pytest.importorskip("scipy.stats", reason="needs SciPy, which comes with scikit-learn")

CONFIG = """
data:
  source: {{path: train.csv, test: test.csv}}
  fields:
    one: text
    two: {{type: text, like: one}}
    {target}
  split: {{validation: null}}
  batch_size: 32
architecture:
  nodes:
    a: {{from: one, layers: [{{embedding: 16}}, {{pool: mean}}]}}
    b: {{from: two, same_as: a}}
    both: {{cosine: [a, b]}}
  heads: {{{head}}}
optimizer: {{lr: 0.02}}
{more}
training: {{max_epochs: 10}}
"""
TOPICS = [[f"{stem}{end}" for end in ("o", "a", "us", "um", "ix", "or")] for stem in ("lup", "can", "fel", "equ")]


def write(path: Path, seed: int, rows: int) -> None:
    """Pairs of which half are about one topic, and how much of it they share."""
    draw = random.Random(seed)
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["one", "two", "same", "score"])
        for place in range(rows):
            first, second = draw.sample(TOPICS, 2)
            shared = draw.randint(3, 5) if place % 2 else draw.randint(0, 1)
            one, two = draw.sample(first, 5), draw.sample(first, shared) + draw.sample(second, 5 - shared)
            writer.writerow([" ".join(one), " ".join(draw.sample(two, 5)), "yes" if place % 2 else "no", round(2 * shared / 5 - 1, 2)])


@pytest.fixture(autouse=True)
def _pairs(tmp_path: Path) -> None:
    write(tmp_path / "train.csv", 0, 240)
    write(tmp_path / "test.csv", 1, 80)


def fit(tmp_path: Path, target: str, head: str, more: str) -> dict[str, float]:
    (tmp_path / "a.yaml").write_text(CONFIG.format(target=target, head=head, more=more))
    assert main(["fit"]) == 0
    return json.loads((tmp_path / "runs" / "a" / "0001" / "summary.json").read_text())["test"]


def test_duplicates_are_found(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = fit(tmp_path, "same: {type: boolean, role: target}\n    score: {role: ignore}", "same: both", "")
    assert found["accuracy"] >= 0.95
    capsys.readouterr()
    assert main(["check", "a.yaml", "--data", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["parameters"] == (24 + 2) * 16 + 2  # one embedding for both texts, and the output layer


def test_duplicates_lie_near_each_other(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Learned by the distance itself, which needs no output layer; one is refused, as it would be read as a distance."""
    changes = ["architecture.nodes.both={distance: [a, b]}", "loss={type: contrastive, margin: 1}", "training.max_epochs=20"]
    target = "same: {type: boolean, role: target}\n    score: {role: ignore}"
    (tmp_path / "a.yaml").write_text(CONFIG.format(target=target, head="same: {from: both, layers: []}", more=""))
    assert main(["fit", "a.yaml", *changes]) == 0
    found = json.loads((tmp_path / "runs" / "a" / "0001" / "summary.json").read_text())["test"]
    assert found["accuracy"] >= 0.85
    assert found["auroc"] >= 0.95
    capsys.readouterr()
    assert main(["check", "a.yaml", *changes, "architecture.heads={same: both}"]) == 2
    told = "".join(capsys.readouterr())
    assert "contrastive reads the output of distance as it is" in told
    assert "layers: []" in told


def test_a_score_is_the_cosine_itself_and_is_judged_by_correlation(tmp_path: Path) -> None:
    target = "score: {type: number, role: target, normalize: none}\n    same: {role: ignore}"
    found = fit(tmp_path, target, "score: {from: both, layers: []}", "metrics: [spearman, pearson, rmse]")
    assert found["spearman"] >= 0.8
    assert main(["predict", "runs/a/0001", "test.csv", "-o", "out.csv"]) == 0
    with (tmp_path / "out.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    predicted, truth = [float(row["prediction"]) for row in rows], [float(row["score"]) for row in rows]
    assert max(map(abs, predicted)) <= 1
    oracle: Any = stats
    assert found["spearman"] == pytest.approx(float(oracle.spearmanr(predicted, truth).statistic), abs=1e-6)
    assert found["pearson"] == pytest.approx(float(oracle.pearsonr(predicted, truth).statistic), abs=1e-6)
