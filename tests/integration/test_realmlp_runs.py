"""RealMLP on a table: it begins with the training rows, and learns what bends."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch

import nntrain
from nntrain.assembly import assemble
from nntrain.commands.fit import prepare_job
from nntrain.config.reading import read_mapping


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
