"""Runs that are broken off and go on with another limit, and the figures of one state wherever they are told."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import nntrain
from nntrain.errors import DataError
from nntrain.training import loop
from nntrain.training.reproducibility import seed_everything

CONFIG: dict[str, Any] = {
    "name": "rows",
    "data": {
        "source": "rows.csv",
        "target": "y",
        "fields": {"weight": {"type": "number", "role": "weight"}},
        "split": {"validation": 0.2, "test": 0.2},
        "batch_size": 32,
    },
    "architecture": {"type": "mlp", "hidden": [8]},
    "training": {"max_epochs": 4, "checkpoint": {"every_steps": 1}},
}


class BrokenOffError(Exception):
    """Stands for a crash of the process."""


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    """Two numbers, a value that they give, and weights."""
    generator = np.random.default_rng(0)
    values = generator.normal(size=(200, 2))
    lines = [f"{a},{b},{1e8 + a - 2 * b + generator.normal() / 10},{generator.random()}" for a, b in values]
    path = tmp_path / "rows.csv"
    path.write_text("\n".join(["a,b,y,weight", *lines]) + "\n")
    return path


def break_off_at(step: int, monkeypatch: pytest.MonkeyPatch, config: dict[str, Any] = CONFIG) -> None:
    take_step = loop.take_step

    def breaking(session: Any, protocol: Any, progress: Any, batches: Any) -> None:
        if progress.step == step:
            raise BrokenOffError
        take_step(session, protocol, progress, batches)

    with monkeypatch.context() as patch:
        patch.setattr(loop, "take_step", breaking)
        with pytest.raises(BrokenOffError):
            nntrain.fit(config)


def end_of(run: Path) -> tuple[bytes, list[dict[str, Any]]]:
    """The weights that a run ends with, and its reports."""
    last = (run / "checkpoints" / "last").read_text().strip()
    lines = [json.loads(line) for line in (run / "history.jsonl").read_text().splitlines()]
    return (run / "checkpoints" / last / "weights.safetensors").read_bytes(), lines


@pytest.mark.usefixtures("rows")
@pytest.mark.parametrize("done", [45, 70])
@pytest.mark.parametrize("schedule", [{"type": "wsd", "decay_fraction": 0.5, "shape": "cosine"}, "coslog"], ids=["flat_cos", "coslog"])
def test_dropout_and_weight_decay_that_change_go_on_as_they_were(done: int, schedule: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 100 steps: where steps of flat_cos are recorded, as its dropout stays until step 50, and where it changes with each step."""
    config = {
        **CONFIG,
        "regularization": {"dropout": 0.3, "weight_decay": 0.5, "scheduler": schedule},
        "training": {"max_epochs": 25, "checkpoint": {"every_steps": 1}},
    }
    break_off_at(done, monkeypatch, config)
    resumed = nntrain.fit(None, resume="runs/rows/0001")
    assert resumed.summary["steps"] == 100
    whole = nntrain.fit(config)
    assert end_of(resumed.run.path) == end_of(whole.run.path)
    steady = nntrain.fit({**config, "regularization": {"dropout": 0.3, "weight_decay": 0.5}})
    assert end_of(steady.run.path)[0] != end_of(whole.run.path)[0]


@pytest.mark.usefixtures("rows")
@pytest.mark.parametrize("done", [3, 6])
def test_a_limit_below_the_position_ends_the_run_where_it_stands(done: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 4 steps an epoch: before the first report, and after it."""
    break_off_at(done, monkeypatch)
    found = nntrain.fit(None, "training.max_steps=2", resume="runs/rows/0001")
    assert (found.summary["steps"], found.summary["stop_reason"]) == (done, "max_steps")
    assert found.summary["last"]["step"] == (3 if done == 3 else 4)
    assert found.summary["test"]["rmse"] > 0
    assert nntrain.fit(None, "training.max_steps=7", resume="runs/rows/0001").summary["steps"] == 7


@pytest.mark.usefixtures("rows")
def test_history_summary_and_eval_tell_the_same_figures() -> None:
    found = nntrain.fit(CONFIG)
    lines = [json.loads(line) for line in (found.run.path / "history.jsonl").read_text().splitlines()]
    best = found.summary["best"]
    report = next(line["metrics"] for line in lines if line["step"] == best["step"])
    del report["train.running_loss"]
    assert {name: best[name] for name in report} == pytest.approx(report, rel=1e-6)
    for split in ("validation", "test"):
        measured = nntrain.evaluate(found.run.path, split=split)
        told = found.summary["test"] if split == "test" else {name: best[f"validation.{name}"] for name in measured.metrics}
        assert measured.metrics == pytest.approx(told, rel=1e-6)
        baseline = {name: found.summary["baseline"][f"{split}.{name}"] for name in measured.baseline}
        assert measured.baseline == pytest.approx(baseline, rel=1e-6)


@pytest.mark.usefixtures("rows")
def test_an_offset_of_a_hundred_millions_is_learned_and_measured() -> None:
    found = nntrain.fit(CONFIG, "optimizer.lr=0.03", "training.max_epochs=60", "training.checkpoint={every_epochs: 60}")
    assert found.summary["test"]["r2"] > 0.9
    assert found.summary["baseline"]["test.rmse"] == pytest.approx(5**0.5, rel=0.3)


@pytest.mark.usefixtures("rows")
def test_training_from_python_leaves_the_process_as_it_was() -> None:
    def drawn() -> list[float]:
        return [random.random(), float(np.random.rand()), float(torch.rand(()))]

    seed_everything(7)
    wanted, threads = drawn(), torch.get_num_threads()
    seed_everything(7)
    nntrain.fit(CONFIG, "training.max_epochs=1", "training.deterministic=true", f"training.threads={threads + 1}", "seed=5")
    assert drawn() == wanted
    assert torch.get_num_threads() == threads
    assert not torch.are_deterministic_algorithms_enabled()


def test_weights_that_are_all_zero_are_refused(rows: Path) -> None:
    lines = rows.read_text().splitlines()
    rows.write_text("\n".join([lines[0], *(f"{line.rpartition(',')[0]},0" for line in lines[1:])]) + "\n")
    with pytest.raises(DataError, match="all 120 training rows have the weight 0"):
        nntrain.fit(CONFIG)
    assert not (Path("runs") / "rows").exists()
