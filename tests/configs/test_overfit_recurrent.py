"""The recurrent examples learn 8 rows by heart."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from nntrain.assembly import assemble
from nntrain.commands.preparing.from_config import prepare_job
from nntrain.config.loading import load
from nntrain.config.reading import read_mapping
from nntrain.training.evaluation import measure
from nntrain.training.loop import fit

CONFIGS = Path(__file__).parents[2] / "configs"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Twenty series of forty random steps, of ten classes."""
    draw = np.random.default_rng(0)
    columns = {f"t{step}": draw.normal(size=20) for step in range(40)}
    (tmp_path / "mnist1d").mkdir()
    for name in ("train", "test"):
        pl.DataFrame({**columns, "label": np.arange(20) % 10}).write_csv(tmp_path / "mnist1d" / f"{name}.csv")
    return tmp_path


@pytest.mark.parametrize(
    ("name", "source", "steps", "metric", "limit"),
    [
        pytest.param("mnist1d_gru", {}, 40, "log_loss", 0.1, marks=pytest.mark.slow),
        ("adding", {"length": 20, "rows": 20, "test": 5}, 120, "mse", 0.01),
        pytest.param("adding", {"rows": 20, "test": 5}, 300, "mse", 0.02, marks=pytest.mark.slow),
    ],
)
def test_eight_rows(name: str, source: dict[str, Any], steps: int, metric: str, limit: float, folder: Path) -> None:
    tree: Any = load(CONFIGS / f"{name}.yaml").tree
    tree["data"] |= {"source": tree["data"]["source"] | source, "batch_size": 8}
    tree |= {
        "training": {"max_steps": steps, "evaluate_every": {"steps": steps}, "device": "cpu"},
        "optimizer": {"type": "adam", "lr": 1e-2},
    }
    tree["regularization"] = {"clip_norm": 1.0}
    job = prepare_job(read_mapping(tree, (), folder))
    run = assemble(job.blueprint, replace(job.prepared, train=job.prepared.train.head(8)))
    for _ in fit(run.session, run.protocol, run.plan, run.progress, lambda step: False):
        pass
    found = measure(run.session.network, run.session.objective, run.session.splits.train, run.session.precision).metrics[metric]
    assert found is not None
    assert found < limit
