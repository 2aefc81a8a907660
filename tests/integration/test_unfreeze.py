"""Weights that are frozen at first: when they begin to move, what batch norms do until then, and that a run goes on exactly."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from three_kinds import write_three_kinds
from torch import Tensor

from nntrain import fit
from nntrain.commands.preparing.from_config import prepare_job
from nntrain.commands.stored.opening import checkpoint_of
from nntrain.config.reading import read_mapping
from nntrain.errors import ConfigError

Tree = dict[str, Any]
LAYERS = [{"linear": 6, "name": "low"}, "batch_norm", "relu", {"linear": 6, "name": "high"}, "relu"]


@pytest.fixture(autouse=True)
def _rows(tmp_path: Path) -> None:
    write_three_kinds(tmp_path / "rows.csv")


def config(unfreeze: Any, epochs: int = 3, **more: Any) -> Tree:
    tree: Tree = {
        "name": "thaw",
        "data": {"source": "rows.csv", "target": "kind", "batch_size": 16},
        "architecture": {"layers": LAYERS, "freeze": ["low", "batch_norm_1", "high"]},
        "training": {
            "max_epochs": epochs,
            "threads": 1,
            "unfreeze": unfreeze,
            "checkpoint": {"every_epochs": 1, "time_fraction": 1, "keep": 9},
        },
    }
    return {**tree, **more}


def states(tree: Tree) -> list[dict[str, Tensor]]:
    """The weights after each epoch."""
    from nntrain.training import checkpoint

    run = fit(tree).run
    return [checkpoint.load(path)["weights"] for path in sorted(run.checkpoints.glob("step-*"))]


def moved(one: dict[str, Tensor], other: dict[str, Tensor]) -> set[str]:
    return {name.rpartition(".")[0] for name in one if not torch.equal(one[name], other[name])}


def test_what_is_frozen_moves_from_its_epoch_on() -> None:
    rules = [{"epoch": 2, "match": "high"}, {"epoch": 3, "match": ["low", "batch_norm_1"]}]
    first, second, third = states(config(rules))
    assert moved(first, second) == {"high", "head"}
    assert moved(second, third) == {"low", "batch_norm_1", "high", "head"}
    assert torch.equal(second["batch_norm_1.running_mean"], torch.zeros(6)), "statistics rest until then"
    assert third["batch_norm_1.num_batches_tracked"] > 0


@pytest.mark.parametrize(
    "more", [{}, {"regularization": {"ema": 0.9, "weight_decay": 0.1, "clip_norm": 1.0, "max_norm": 0.5}}], ids=["plain", "ema"]
)
@pytest.mark.parametrize("stop", [1, 2, 3])
def test_a_run_goes_on_to_the_same_bytes(stop: int, more: Tree) -> None:
    rules = [{"epoch": 2, "match": "high"}, {"epoch": 3, "match": ["low", "batch_norm_1"]}]
    whole = checkpoint_of(fit(config(rules, 4, **more)).run, "last")[1]
    part = fit(config(rules, stop, **more))
    resumed = checkpoint_of(fit(None, "training.max_epochs=4", resume=part.run.path).run, "last")[1]
    for name, value in whole["weights"].items():
        assert torch.equal(value, resumed["weights"][name]), name
    assert str(whole["optimizer"]) == str(resumed["optimizer"])


def test_the_optimizer_knows_nothing_of_what_is_frozen() -> None:
    first = checkpoint_of(fit(config({"epoch": 2, "match": "high"}, 1)).run, "last")[1]
    assert {*first["optimizer"]} == {"head.weight", "head.bias"}


@pytest.mark.parametrize(
    ("unfreeze", "told"),
    [
        ({"epoch": 2, "match": "nothing"}, "'nothing' matches no parameter"),
        ({"epoch": 2, "match": "head"}, "what 'head' matches is not frozen"),
        ([{"epoch": 2, "match": "high"}, {"epoch": 3, "match": "high.weight"}], "is trained earlier already"),
        ({"epoch": 1, "match": "high"}, "training.unfreeze.epoch"),
        ({"epoch": 2}, "match"),
    ],
)
def test_rules_without_effect_are_told(unfreeze: Any, told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        prepare_job(read_mapping(config(unfreeze)))
    assert told in str(caught.value)


def test_what_is_never_unfrozen_is_a_warning() -> None:
    blueprint = prepare_job(read_mapping(config({"epoch": 4, "match": "high"}))).blueprint
    assert any("high is never unfrozen: that is in epoch 4, and max_epochs is 3" in warning for warning in blueprint.warnings)


def test_show_says_from_when_on() -> None:
    rows = {row.name: row.frozen_text for row in prepare_job(read_mapping(config({"epoch": 2, "match": "high"}))).blueprint.program.rows()}
    assert rows["high"] == "frozen, trained from epoch 2 on"
    assert rows["low"] == "frozen"


def test_a_rate_of_its_own_is_known_from_the_start() -> None:
    tree = config({"epoch": 2, "match": "high"}, optimizer={"type": "adamw", "groups": [{"match": "high", "lr": 1e-5}]})
    assert prepare_job(read_mapping(tree)).blueprint.program.thawed == {"high.weight": 2, "high.bias": 2}
