"""Weights of the same network by another program, under names of its own: paired in their order, or refused before data is read."""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from torch import nn

from nntrain import fit
from nntrain.cli import main
from nntrain.commands.stored.opening import checkpoint_of
from nntrain.runs import Run

CONV: dict[str, Any] = {"out_channels": 6, "kernel_size": 3, "bias": False}


def theirs(classes: int = 1000) -> nn.Module:
    torch.manual_seed(1)
    layers = OrderedDict(stem=nn.Conv2d(1, 6, 3, bias=False), norm=nn.BatchNorm2d(6), relu=nn.ReLU(), fc=nn.Linear(6, classes))
    for tensor in (model := nn.Sequential(layers)).state_dict().values():
        if tensor.is_floating_point():
            tensor.uniform_(0.5, 1.5)
    return model


def config(**conv: Any) -> dict[str, Any]:
    layers = [{"conv2d": {**CONV, **conv}}, "batch_norm", "relu", "global_avg_pool"]
    return {
        "name": "taken",
        "data": {"source": {"type": "builtin", "name": "digits"}},
        "architecture": {"layers": layers, "init": {"from": "theirs.pth", "map": "order"}},
        "optimizer": {"type": "sgd", "lr": 1e-30},
        "training": {"max_steps": 1, "device": "cpu"},
    }


def test_parameters_and_averages_are_taken_and_the_head_is_new() -> None:
    model = theirs()
    torch.save(model.state_dict(), "theirs.pth")
    run = fit(config()).run
    found, wanted = checkpoint_of(Run(run.path), "last")[1]["weights"], model.state_dict()
    for ours, name in {"conv2d_1.weight": "stem.weight", "batch_norm_1.weight": "norm.weight", "batch_norm_1.bias": "norm.bias"}.items():
        assert torch.equal(found[ours], wanted[name])
    assert torch.allclose(found["batch_norm_1.running_var"], wanted["norm.running_var"], rtol=0.5)  # one step behind
    assert found["head.weight"].shape == (10, 6)
    assert yaml.safe_load((run.path / "resolved.yaml").read_text())["architecture"]["init"]["map"] == "order"


def test_another_network_is_refused_at_its_line(capsys: pytest.CaptureFixture[str]) -> None:
    torch.save(theirs().state_dict(), "theirs.pth")
    Path("a.yaml").write_text(yaml.safe_dump(config(out_channels=7)))
    assert main(["check", "a.yaml"]) == 2
    told = capsys.readouterr().err
    assert "architecture.init.map" in told
    assert "pairs parameters in their order, and stem.weight [6, 1, 3, 3] is no conv2d_1.weight [7, 1, 3, 3]" in told
