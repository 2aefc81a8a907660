"""Whole runs with shared, tied and frozen weights and with auxiliary heads: broken off, resumed, opened again."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import nntrain
from nntrain.commands.stored.opening import open_run
from nntrain.training import loop

NODES = {
    "left": {"from": "a", "layers": [{"linear": 8, "name": "low"}, "batch_norm", "relu", {"linear": 8, "name": "high"}, "relu"]},
    "right": {"from": "b", "same_as": "left"},
    "still": {"from": "inputs", "layers": [{"linear": 8}, "batch_norm", "relu"], "freeze": True},
    "both": {"add": ["left", "right", "still"]},
}
CONFIG: dict[str, Any] = {
    "name": "rows",
    "data": {"source": "rows.csv", "target": "y", "split": {"validation": 0.2, "test": None}, "batch_size": 32},
    "architecture": {
        "nodes": {**NODES, "deep": {"from": "both", "layers": [{"linear": 8, "name": "wide"}, "relu"]}},
        "heads": {"y": [{"from": "deep"}, {"from": "both", "weight": 0.25}]},
        "tie": {"deep.wide.weight": "left.high.weight"},
    },
    "training": {"max_epochs": 3, "checkpoint": {"every_steps": 1}},
}


class BrokenOffError(Exception):
    """Stands for a crash of the process."""


@pytest.fixture(autouse=True)
def rows(tmp_path: Path) -> None:
    """Two numbers and a class that they give."""
    values = np.random.default_rng(0).normal(size=(160, 2))
    lines = [f"{a},{b},{'high' if a > b else 'low'}" for a, b in values]
    (tmp_path / "rows.csv").write_text("\n".join(["a,b,y", *lines]) + "\n")


def weights(run: str) -> dict[str, torch.Tensor]:
    path = Path("runs") / run
    return load_file(path / "checkpoints" / (path / "checkpoints" / "last").read_text().strip() / "weights.safetensors")


def test_a_resumed_run_ends_as_one_that_never_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = nntrain.fit(CONFIG).summary
    take_step = loop.take_step

    def breaking(session: Any, protocol: Any, progress: Any, batches: Any) -> None:
        if progress.step == 6:
            raise BrokenOffError
        take_step(session, protocol, progress, batches)

    with monkeypatch.context() as patch:
        patch.setattr(loop, "take_step", breaking)
        with pytest.raises(BrokenOffError):
            nntrain.fit(CONFIG)
    assert nntrain.fit(None, resume="runs/rows/0002").summary["last"] == whole["last"]
    assert {name: value.tolist() for name, value in weights("rows/0002").items()} == {
        name: value.tolist() for name, value in weights("rows/0001").items()
    }


def test_shared_and_tied_weights_are_saved_once_and_come_back_tied() -> None:
    found = nntrain.fit(CONFIG, "training.max_epochs=1")
    names = set(weights("rows/0001"))
    assert not [name for name in names if name.startswith("right.")]
    assert "left.high.weight" in names
    assert "deep.wide.weight" not in names
    network = cast("Any", open_run(found.run).network)
    assert network.deep.wide.weight is network.left.high.weight
    assert torch.equal(network.deep.wide.weight, weights("rows/0001")["left.high.weight"])


def test_frozen_parts_are_at_the_end_what_they_were_at_the_start() -> None:
    nntrain.fit(CONFIG, "training.max_steps=1", "training.max_epochs=null")
    nntrain.fit(CONFIG)
    first, last = weights("rows/0001"), weights("rows/0002")
    still = {name for name in first if name.startswith("still.")}
    assert len(still) == 7
    assert {name for name in first if torch.equal(first[name], last[name])} == still


def test_resolved_config_resolves_to_itself() -> None:
    found = nntrain.fit(CONFIG, "training.max_epochs=1")
    text = (found.run.path / "resolved.yaml").read_text()
    assert "deep.wide.weight: left.high.weight" in text
    assert "same_as: left" in text
    Path("resolved.yaml").write_text(text)
    assert (nntrain.fit("resolved.yaml").run.path / "resolved.yaml").read_text() == text


def test_the_loss_of_an_auxiliary_head_counts_with_its_weight() -> None:
    """Without learning, the loss grows linearly with the weight; metrics are those of the first head."""
    losses: list[float] = []
    accuracies: list[float] = []
    for weight in (0.25, 0.5, 1.0):
        heads = {"y": [{"from": "deep"}, {"from": "both", "weight": weight}]}
        config = {**CONFIG, "architecture": {**CONFIG["architecture"], "heads": heads}}
        last = nntrain.fit(config, "optimizer.lr=1e-30", "training.max_epochs=1").summary["last"]
        losses.append(last["validation.loss"])
        accuracies.append(last["validation.accuracy"])
    assert losses[2] - losses[1] == pytest.approx(2 * (losses[1] - losses[0]), rel=1e-4)
    assert losses[1] > losses[0]
    assert len(set(accuracies)) == 1
