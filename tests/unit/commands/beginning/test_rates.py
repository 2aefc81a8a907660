"""The rates that `nntrain show` tells, and those that a run has: the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from nntrain.assembly import assemble
from nntrain.commands.beginning.check import Look, check
from nntrain.commands.beginning.rates import rate_lines
from nntrain.commands.preparing.from_config import prepare_data
from nntrain.config.reading import read_mapping

ROWS = "".join(f"{row * 7 % 11 / 10},{row * 3 % 5},{row * 1.5}\n" for row in range(30))


def lines(optimizer: Any) -> tuple[list[str], dict[str, float]]:
    Path("t.csv").write_text(f"size,weight,price\n{ROWS}", encoding="utf-8")
    layers = [{"linear": 4}, "batch_norm", "relu", {"linear": 4}, "relu"]
    config = read_mapping({"data": {"source": "t.csv", "target": "price"}, "architecture": {"layers": layers}, "optimizer": optimizer})
    blueprint = check(config, Look.ALL)
    assert blueprint is not None
    built = assemble(blueprint, prepare_data(config)).session.optimizer
    return rate_lines(blueprint), {name: group["lr"] for group in built.param_groups for name in group["param_names"]}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_one_rate_is_not_told() -> None:
    told, rates = lines({"type": "adamw", "lr": 0.1})
    assert told == []
    assert set(rates.values()) == {0.1}


def test_rates_that_decay_from_layer_to_layer() -> None:
    told, rates = lines({"type": "sgd", "lr": 0.4, "layer_decay": 0.5, "groups": [{"match": "*.bias", "lr": 0.3}]})
    assert told == [
        "  sgd  lr 0.1  linear_1.weight, batch_norm_1.weight",
        "  sgd  lr 0.3  linear_1.bias, batch_norm_1.bias, linear_2.bias, head.bias",
        "  sgd  lr 0.2  linear_2.weight",
        "  sgd  lr 0.4  head.weight",
    ]
    assert rates["linear_1.weight"] == rates["batch_norm_1.weight"] == 0.1
    assert (rates["linear_2.weight"], rates["head.weight"], rates["head.bias"]) == (0.2, 0.4, 0.3)


def test_what_muon_leaves_to_adamw() -> None:
    told, rates = lines({"type": "muon", "lr": 0.02, "adamw_lr": 0.001})
    assert told == [
        "  muon   lr 0.02   linear_1.weight, linear_2.weight",
        "  adamw  lr 0.001  linear_1.bias, batch_norm_1, linear_2.bias, head",
    ]
    assert {name for name, lr in rates.items() if lr == 0.02} == {"linear_1.weight", "linear_2.weight"}


def test_factors_on_the_rate_of_the_optimizer_and_of_the_layer() -> None:
    groups = [{"match": "*.bias", "lr_factor": 0.5}, {"match": "linear_1", "lr_factor": 3}]
    told, rates = lines({"type": "sgd", "lr": 0.4, "layer_decay": 0.5, "groups": groups})
    assert told == [
        "  sgd  lr 0.3   linear_1.weight",
        "  sgd  lr 0.05  linear_1.bias, batch_norm_1.bias",
        "  sgd  lr 0.1   batch_norm_1.weight, linear_2.bias",
        "  sgd  lr 0.2   linear_2.weight, head.bias",
        "  sgd  lr 0.4   head.weight",
    ]
    assert rates["linear_1.weight"] == pytest.approx(0.3)
    assert (rates["linear_1.bias"], rates["linear_2.bias"], rates["head.bias"]) == (0.05, 0.1, 0.2)


def test_what_muon_leaves_to_adamw_has_factors_on_its_own_rate() -> None:
    told, rates = lines({"type": "muon", "lr": 0.02, "adamw_lr": 0.001, "groups": [{"match": "*.bias", "lr_factor": 0.5}]})
    assert "  adamw  lr 0.0005  linear_1.bias, batch_norm_1.bias, linear_2.bias, head.bias" in told
    assert (rates["linear_1.weight"], rates["head.bias"], rates["head.weight"]) == (0.02, 0.0005, 0.001)
