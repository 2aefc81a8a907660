"""Parts that layers add to the loss: weighted in `loss`, trained on, reported, and saved with the config."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import nntrain
from nntrain.commands.stored.opening import open_run
from nntrain.data.batches import Batch
from nntrain.errors import ConfigError
from nntrain.training.objective import Objective, total

LAYERS = [{"linear": 8}, "relu", {"mixture_of_experts": {"num_experts": 3, "hidden": 8}, "name": "experts"}, "relu"]
CONFIG: dict[str, Any] = {
    "name": "rows",
    "data": {"source": "rows.csv", "target": "y", "split": {"validation": 0.2, "test": None}, "batch_size": 32},
    "architecture": {"layers": LAYERS},
    "training": {"max_epochs": 2},
}


@pytest.fixture(autouse=True)
def rows(tmp_path: Path) -> None:
    """Two numbers and a class that they give."""
    values = np.random.default_rng(0).normal(size=(120, 2))
    lines = [f"{a},{b},{'high' if a > b else 'low'}" for a, b in values]
    (tmp_path / "rows.csv").write_text("\n".join(["a,b,y", *lines]) + "\n")


def reports(run: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (Path("runs") / run / "history.jsonl").read_text().splitlines()]


def balance(run: str, split: str = "train") -> float:
    """The part after the last epoch."""
    last = reports(run)[-1]
    return last.get("metrics", last)[f"{split}.loss.experts.balance"]


def test_parts_are_reported_beside_the_loss_and_moved_by_their_weight():
    nntrain.fit(CONFIG)
    found = nntrain.fit({**CONFIG, "loss": {"type": "bce", "experts.balance": 100.0}})
    assert 1.0 <= balance("rows/0001", "validation") <= 3.0
    assert balance("rows/0002") < balance("rows/0001")
    assert open_run(found.run).objective.layer_parts == {"loss.experts.balance": 100.0}


def test_a_saved_config_means_the_same():
    nntrain.fit({**CONFIG, "loss": {"type": "bce", "experts.balance": 2.0}})
    Path("again.yaml").write_text(Path("runs/rows/0001/resolved.yaml").read_text())
    nntrain.fit("again.yaml")
    assert reports("rows/0001") == reports("rows/0002")


def test_a_weight_of_no_part_is_refused_at_its_place():
    with pytest.raises(ConfigError) as caught:
        nntrain.fit({**CONFIG, "loss": {"type": "bce", "expert.balance": 2.0}})
    assert "loss.\"expert.balance\"    no layer adds a part 'expert.balance' to the loss" in str(caught.value)
    assert "parts: experts.balance" in str(caught.value)


def test_a_part_may_be_watched():
    found = nntrain.fit({**CONFIG, "training": {"max_epochs": 2, "stop_at": {"train.loss.experts.balance": 5}}}).summary
    assert found["stop_reason"] == "reached"


def test_parts_are_means_over_the_rows_that_count():
    objective = Objective({}, layer_parts={"loss.z.kl": 0.5})
    by_row = torch.tensor([1.0, 2.0, 6.0], requires_grad=True)
    batch = Batch({}, {}, torch.tensor([1.0, 1.0, 0.0]), torch.arange(3))
    parts = objective.parts({"loss.z.kl": by_row}, batch)
    assert total(parts).item() == 0.5 * 1.5
    assert {name: weight.item() for name, weight in objective.weights([batch, batch]).items()} == {("loss.z.kl", ""): 4.0}
    assert objective.name_losses({("loss.z.kl", ""): 1.5}) == {"loss": 0.75, "loss.z.kl": 1.5}
