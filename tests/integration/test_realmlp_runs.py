"""RealMLP on a table: it begins with the training rows, and learns what bends."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch

import nntrain
from nntrain.assembly import assemble
from nntrain.commands.preparing.from_config import prepare_job
from nntrain.config.reading import read_mapping
from nntrain.training.loop import fit


def config(variant: str, target: str, **sections: Any) -> dict[str, Any]:
    return {
        "name": "bends",
        "seed": 2,
        "data": {"source": "table.csv", "target": target, "split": {"validation": 0.25}, "batch_size": 64},
        "architecture": {"type": "realmlp", "hidden": [64, 64], "variant": variant},
        "optimizer": {"type": "adam", "lr": 0.04, "betas": [0.9, 0.95]},
        "scheduler": "coslog",
        "training": {"max_epochs": 40, "threads": 1, "device": "cpu"},
        **sections,
    }


@pytest.fixture
def table(tmp_path: Path) -> None:
    """Numbers of which the target bends, in the folder where the test stands."""
    generator = np.random.default_rng(0)
    a, b, c = generator.normal(size=(3, 800))
    y = np.sin(3 * a) + b**2 * (a > 0) + 0.05 * generator.normal(size=800)
    rows = {"a": a, "b": b, "c": c, "y": y, "kind": np.where(y > 0.5, "high", "low")}
    pl.DataFrame(rows).write_csv(tmp_path / "table.csv")


def best(tree: Mapping[str, Any]) -> Mapping[str, float]:
    return nntrain.fit(tree).summary["best"]


@pytest.mark.usefixtures("table")
@pytest.mark.parametrize("variant", ["td", "td_s"])
def test_it_learns_numbers_that_bend(variant: str) -> None:
    found = best(config(variant, "y", data={**config(variant, "y")["data"], "fields": {"kind": {"role": "ignore"}}}))
    assert found["validation.r2"] > 0.9  # a linear model has 0.1


@pytest.mark.usefixtures("table")
def test_it_learns_classes() -> None:
    found = best(config("td", "kind", data={**config("td", "kind")["data"], "fields": {"y": {"role": "ignore"}}}))
    assert found["validation.accuracy"] > 0.88


@pytest.mark.usefixtures("table")
def test_a_run_begins_with_the_training_rows_as_its_seed_says() -> None:
    tree = config("td", "y", data={**config("td", "y")["data"], "fields": {"kind": {"role": "ignore"}}})

    def begun(seed: int) -> tuple[Mapping[str, torch.Tensor], torch.Tensor]:
        job = prepare_job(read_mapping({**tree, "seed": seed}))
        session = assemble(job.blueprint, job.prepared).session
        network: Any = session.network
        seen: list[torch.Tensor] = []
        network.ntk_linear_1.register_forward_hook(lambda _, __, out: seen.append(out))
        rows = job.prepared.train
        network(session.objective.inputs(rows.take(torch.arange(len(rows)))))
        return network.state_dict(), seen[0].std(0, correction=0)

    one, spread = begun(2)
    torch.testing.assert_close(spread, torch.ones_like(spread), rtol=1e-3, atol=1e-3)
    again, _ = begun(2)
    other, _ = begun(3)
    assert all(torch.equal(value, again[name]) for name, value in one.items())
    assert not torch.equal(one["ntk_linear_2.bias"], other["ntk_linear_2.bias"])


GROUPS = [
    {"match": "*.scale", "lr_factor": 6, "weight_decay": 0.12},
    {"match": "inputs.periodic_1", "lr_factor": 0.1, "weight_decay": 0.002},
    {"match": "*.amount", "lr_factor": 0.1, "weight_decay": 0.002},
    {"match": "*.bias", "lr_factor": 0.1, "weight_decay": 0},
]
"""The authors' factors on the rate; in their program each acts on weight decay a second time."""


def written_out(state: Mapping[str, torch.Tensor], x: torch.Tensor) -> torch.Tensor:
    """What the paper's network makes of numbers `[N, F]`: `[N]`."""
    angles = 2 * torch.pi * x[:, :, None] * state["inputs.periodic_1.frequencies"] + state["inputs.periodic_1.phase_bias"]
    waves = torch.einsum("nfi,fio->nfo", angles.cos(), state["inputs.periodic_1.linear.weight"]) + state["inputs.periodic_1.linear.bias"]
    h = torch.cat([waves, x[:, :, None]], 2).flatten(1) * state["layer_scale_1.scale"]
    for place in (1, 2):
        h = h @ state[f"ntk_linear_{place}.weight"].T / h.shape[1] ** 0.5 + state[f"ntk_linear_{place}.bias"]
        h = h + state[f"parametric_{place}.amount"] * (h * torch.tanh(torch.log1p(h.exp())) - h)
    return (h @ state["head.weight"].T / h.shape[1] ** 0.5 + state["head.bias"])[:, 0]


def moved(state: dict[str, torch.Tensor], x: torch.Tensor, y: torch.Tensor, steps: int) -> None:
    """Take all steps of a run as the authors' program takes them: Adam, coslog4, decay and its flat_cos, factors by parameter."""
    first, second = ({name: torch.zeros_like(value) for name, value in state.items()} for _ in range(2))
    for step in range(steps):
        done = step / steps
        rate = 0.2 * (1 - math.cos(2 * math.pi * math.log2(1 + 15 * done))) / 2
        decay = 0.02 * (1.0 if done <= 0.5 else (1 + math.cos(math.pi * (2 * done - 1))) / 2)
        values = {name: value.clone().requires_grad_() for name, value in state.items()}
        ((written_out(values, x) - y) ** 2).mean().backward()
        for name, value in state.items():
            gradient = values[name].grad
            assert gradient is not None
            factor = 6.0 if name.endswith("scale") else 1.0 if name.endswith("weight") and "periodic" not in name else 0.1
            is_spared = name.endswith(".bias") and "periodic" not in name
            value *= 1 - (0.0 if is_spared else rate * factor * factor * decay)
            first[name] = 0.9 * first[name] + 0.1 * gradient
            second[name] = 0.95 * second[name] + 0.05 * gradient**2
            root = (second[name] / (1 - 0.95 ** (step + 1))).sqrt() + 1e-8
            value -= rate * factor * first[name] / (1 - 0.9 ** (step + 1)) / root


@pytest.mark.usefixtures("table")
def test_a_config_with_the_authors_defaults_takes_the_steps_that_their_program_takes() -> None:
    data: dict[str, Any] = {"source": "table.csv", "batch_size": 1024, "fields": {"kind": {"role": "ignore"}, "y": {"role": "target"}}}
    data["fields"] |= {name: {"type": "number", "normalize": "robust", "smooth_clip": 3} for name in "abc"}
    fading = {"type": "wsd", "decay_fraction": 0.5, "shape": "cosine"}
    optimizer = {"type": "adamw", "lr": 0.2, "betas": [0.9, 0.95], "groups": GROUPS}
    regularization = {"weight_decay": 0.02, "decay_all": True, "scheduler": fading}
    tree = config("td", "y", data=data, optimizer=optimizer, regularization=regularization)
    tree["training"]["max_epochs"] = 12
    job = prepare_job(read_mapping(tree))
    begun = assemble(job.blueprint, job.prepared)
    session, rows = begun.session, job.prepared.train
    state = {name: value.clone() for name, value in session.network.state_dict().items()}
    x, y = rows.inputs["@number"], rows.targets["y"]
    for _ in fit(session, begun.protocol, begun.plan, begun.progress, lambda _: False):
        pass
    moved(state, x, y, 12)
    for name, value in session.network.state_dict().items():
        torch.testing.assert_close(value, state[name], rtol=1e-3, atol=1e-4, msg=name)
