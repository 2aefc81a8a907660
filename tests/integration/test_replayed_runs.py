"""Runs whose steps are replayed from a recording end with the bytes of runs whose steps are computed as usual."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nntrain
from nntrain.training import recordable, replay
from nntrain.training.replay import StaticSteps
from tests.unit.training.graph_stand_in import StandIn

DIGITS: dict[str, Any] = {"source": {"type": "builtin", "name": "digits"}, "batch_size": 32}
TRAINING: dict[str, Any] = {"max_steps": 40, "evaluate_every": {"steps": 20}}


def table(rows: int = 200) -> dict[str, Any]:
    random = np.random.default_rng(0)
    numbers = {f"n{place}": random.normal(size=rows) for place in range(3)}
    words = {"c": random.choice(list("abcde"), rows), "d": random.choice([f"w{place}" for place in range(20)], rows)}
    return {**numbers, **words, "weight": random.uniform(0.5, 2, rows), "y": numbers["n0"] + random.normal(size=rows)}


CASES: dict[str, tuple[dict[str, Any], dict[str, Any] | None]] = {
    "mlp": ({"data": DIGITS, "architecture": {"type": "mlp", "hidden": [16]}, "regularization": {"dropout": 0.2, "norm": "batch"}}, None),
    "cnn": ({"data": DIGITS, "architecture": {"type": "cnn", "channels": [4, 8]}, "optimizer": {"sgd": {"momentum": 0.9}}}, None),
    "shaped gradients, averages, a schedule": (
        {
            "data": DIGITS,
            "architecture": {"type": "mlp", "hidden": [16]},
            "scheduler": "one_cycle",
            "regularization": {"l1": 1e-4, "clip_norm": 0.5, "gradient_noise": 0.01, "max_norm": 2.0, "ema": 0.9, "noise": 0.1},
        },
        None,
    ),
    "dropout and weight decay that change in the second half": (
        {
            "data": DIGITS,
            "architecture": {"type": "mlp", "hidden": [16]},
            "optimizer": "adamw",
            "regularization": {"dropout": 0.3, "weight_decay": 0.5, "scheduler": {"type": "wsd", "decay_fraction": 0.5, "shape": "cosine"}},
        },
        None,
    ),
    "weight decay that changes at each step": (
        {"data": DIGITS, "architecture": {"type": "mlp", "hidden": [16]}, "regularization": {"weight_decay": 0.5, "scheduler": "linear"}},
        None,
    ),
    "language model": (
        {
            "data": {"source": {"type": "text", "path": "TEXT"}, "fields": {"text": {"type": "text", "tokenizer": "char"}}, "window": 8}
            | {"batch_size": 4, "split": {"test": None}},
            "architecture": {"type": "gpt", "dim": 16, "num_layers": 1, "num_heads": 2, "tie": True},
            "regularization": {"dropout": 0.1, "clip_norm": 1.0},
        },
        None,
    ),
    "weights of classes": (
        {"data": DIGITS, "architecture": {"type": "mlp", "hidden": [16]}, "loss": {"type": "cross_entropy", "class_weights": "balanced"}},
        None,
    ),
    "table": (
        {
            "data": {"target": "y", "fields": {"weight": {"type": "number", "role": "weight"}}, "batch_size": 16},
            "architecture": {"type": "mlp", "hidden": [16], "inputs": {"*": "embedding"}},
            "loss": "huber",
        },
        table(),
    ),
    "attention": (
        {
            "data": DIGITS,
            "architecture": {
                "layers": [
                    {"rearrange": "c h w -> h (c w)"},
                    {"position_embedding": "learned"},
                    {"multihead_attention": {"num_heads": 2}},
                    {"pool": "mean"},
                ]
            },
        },
        None,
    ),
    **{
        name: (
            {
                "data": DIGITS,
                "architecture": {"layers": [{"rearrange": "c h w -> h (c w)"}, {name: {"hidden_size": 8, **more}}, {"pool": "last"}]},
                "regularization": {"clip_norm": 1.0},
            },
            None,
        )
        for name, more in (("lstm", {"num_layers": 2, "bidirectional": True}), ("gru", {}))
    },
    "bfloat16": ({"data": DIGITS, "architecture": {"type": "mlp", "hidden": [16]}, "training": {"precision": "bfloat16"}}, None),
}


def run(name: str, runs: Path) -> tuple[bytes, str]:
    config, data = CASES[name]
    if name == "language model":
        path = runs.parent / "text.txt"
        path.write_text("the quick brown fox jumps over the lazy dog. " * 40)
        config = {**config, "data": {**config["data"], "source": {"type": "text", "path": str(path)}}}
    given = {"name": "run", **config, "training": {**TRAINING, **config.get("training", {})}}
    path = nntrain.fit(given, data=data, runs=runs).run.path
    last = (path / "checkpoints" / "last").read_text().strip()
    return (path / "checkpoints" / last / "weights.safetensors").read_bytes(), (path / "history.jsonl").read_text()


@pytest.mark.parametrize("name", CASES)
def test_replayed_equals_computed(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[StaticSteps] = []
    begin = StaticSteps.begin
    monkeypatch.setattr(replay, "AFTER", 2)
    monkeypatch.setattr(StaticSteps, "begin", lambda steps, *given: (begun.append(steps), begin(steps, *given))[1])
    found = run(name, tmp_path / "replayed")
    assert begun, "nothing was recorded"
    assert all(recording is not None for steps in begun for recording in steps._recordings.values()), "a recording was dropped"
    monkeypatch.setattr(recordable, "are_static", lambda _: False)
    weights, history = run(name, tmp_path / "computed")
    assert found[0] == weights
    assert [json.loads(line) for line in found[1].splitlines()] == [json.loads(line) for line in history.splitlines()]


@pytest.mark.parametrize("name", ["mlp", "shaped gradients, averages, a schedule", "cnn"])
def test_captured_equals_computed(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By a stand-in for the graphs of a device: those of a device are in `test_cuda_graphs_on_a_device.py`."""
    graphs = StandIn()
    monkeypatch.setattr(replay, "AFTER", 2)
    monkeypatch.setattr(recordable, "StaticSteps", lambda network, **given: StaticSteps(network, **{**given, "graphs": graphs}))
    found = run(name, tmp_path / "captured")
    assert graphs.calls[:3] == ["warm", "capture", "replay"]
    assert graphs.calls.count("replay") > 30
    monkeypatch.setattr(recordable, "are_static", lambda _: False)
    weights, history = run(name, tmp_path / "computed")
    assert found[0] == weights
    assert [json.loads(line) for line in found[1].splitlines()] == [json.loads(line) for line in history.splitlines()]
