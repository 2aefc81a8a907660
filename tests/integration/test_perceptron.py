"""Rosenblatt's perceptron as a config: it stops where a line separates the classes, and XOR needs a hidden layer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import nntrain
from nntrain.commands.stored.opening import open_run

XOR = [("0", "0", "no"), ("0", "1", "yes"), ("1", "0", "yes"), ("1", "1", "no")]


def perceptron(path: Path, **sections: Any) -> dict[str, Any]:
    return {
        "name": path.stem,
        "data": {
            "source": path.as_posix(),
            "fields": {
                "a": {"type": "number", "normalize": "none"},
                "b": {"type": "number", "normalize": "none"},
                "y": {"type": "boolean", "role": "target"},
            },
            "split": {"validation": None, "test": None},
            "batch_size": 1,
        },
        "architecture": {"layers": [{"linear": 1}]},
        "loss": "perceptron",
        "metrics": ["errors", "accuracy"],
        "optimizer": {"type": "sgd", "lr": 1.0},
        "training": {"max_epochs": 60, "stop_at": {"train.errors": 0}, "checkpoint": {"every_epochs": 100}},
        **sections,
    }


def write(path: Path, rows: list[tuple[Any, Any, str]]) -> Path:
    path.write_text("\n".join(["a,b,y", *(f"{a},{b},{y}" for a, b, y in rows)]) + "\n")
    return path


def test_it_stops_at_zero_errors_where_a_line_separates_the_classes(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    points = random.normal(size=(60, 2))
    side = points @ [1.0, -2.0] + 0.3
    rows = [(float(a), float(b), "yes" if s > 0 else "no") for (a, b), s in zip(points, side, strict=True) if abs(s) > 0.3]
    result = nntrain.fit(perceptron(write(tmp_path / "line.csv", rows)), runs=tmp_path / "runs")
    assert result.summary["stop_reason"] == "reached"
    assert result.summary["last"]["train.errors"] == 0
    assert result.summary["last"]["train.loss"] == 0
    head = next(iter(open_run(result.run).network.parameters()))
    cosine = torch.nn.functional.cosine_similarity(head.detach()[0], torch.tensor([1.0, -2.0]), dim=0)
    assert float(cosine) > 0.9


def test_xor_fails_with_it_and_says_that_the_epochs_ended(tmp_path: Path) -> None:
    result = nntrain.fit(perceptron(write(tmp_path / "xor.csv", XOR)), runs=tmp_path / "runs")
    assert result.summary["stop_reason"] == "max_epochs"
    assert result.summary["epochs"] == 60
    assert result.summary["last"]["train.errors"] > 0


@pytest.mark.parametrize("loss", ["bce", "perceptron"])
def test_xor_works_with_two_hidden_units(tmp_path: Path, loss: object) -> None:
    config = perceptron(
        write(tmp_path / "xor.csv", XOR),
        seed=3,  # two hidden units have local minima, where every third start ends
        architecture={"layers": [{"linear": 2}, "tanh", {"linear": 1}]},
        loss=loss,
        optimizer={"type": "adam", "lr": 0.1},
        training={"max_epochs": 150, "stop_at": {"train.errors": 0}, "checkpoint": {"every_epochs": 1000}},
    )
    config["data"]["batch_size"] = "full"
    result = nntrain.fit(config, runs=tmp_path / "runs")
    assert result.summary["stop_reason"] == "reached"
    assert result.summary["last"]["train.errors"] == 0


def test_one_step_is_rosenblatts_rule(tmp_path: Path) -> None:
    from nntrain.losses.margins import Perceptron

    weights = torch.zeros(3, requires_grad=True)
    row = torch.tensor([[2.0, -1.0, 1.0]])
    part = Perceptron().build()(row @ weights, torch.tensor([0.0]))  # on the border counts as wrong
    (part.sum / part.weight).backward()
    assert weights.grad is not None
    assert (weights - weights.grad).tolist() == [-2.0, 1.0, -1.0]
