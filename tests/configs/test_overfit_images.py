"""Image networks learn 8 rows by heart."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from nntrain.assembly import assemble
from nntrain.commands.preparing.from_config import prepare_job
from nntrain.config.reading import read_mapping
from nntrain.training.loop import fit

SMALL_VIT = {"type": "vit", "patch_size": 2, "dim": 16, "num_heads": 2, "num_layers": 2}
SMALL_LITE = {"type": "efficientnet_lite", "width_multiplier": 0.25, "depth_multiplier": 0.5}
SMALL_CAPSNET = {"type": "capsnet", "conv": 16, "kernel_size": 3, "primary": [4, 4], "digit": 6, "decoder": [32]}


@pytest.mark.parametrize(
    ("architecture", "size", "loss", "steps"),
    [
        pytest.param(SMALL_VIT, 8, "cross_entropy", 80, id="vit"),
        pytest.param({"type": "vit", "patch_size": 4}, 8, "cross_entropy", 40, id="vit as it is", marks=pytest.mark.slow),
        pytest.param(SMALL_LITE, 32, "cross_entropy", 25, id="efficientnet_lite"),
        pytest.param("efficientnet_lite", 64, "cross_entropy", 60, id="efficientnet_lite as it is", marks=pytest.mark.slow),
        pytest.param(SMALL_CAPSNET, 8, "margin", 60, id="capsnet"),
        pytest.param({"type": "capsnet"}, 28, "margin", 30, id="capsnet as it is", marks=pytest.mark.slow),
    ],
)
def test_eight_rows(architecture: Any, size: int, loss: str, steps: int, tmp_path: Path) -> None:
    tree: dict[str, Any] = {
        "name": "images",
        "data": {"source": {"type": "builtin", "name": "digits"}, "fields": {"image": {"type": "image", "size": size}}, "batch_size": 8},
        "architecture": architecture,
        "loss": loss,
        "optimizer": {"type": "adam", "lr": 3e-3},
        "training": {"max_steps": steps, "evaluate_every": {"steps": steps}, "device": "cpu"},
    }
    job = prepare_job(read_mapping(tree, (), tmp_path))
    run = assemble(job.blueprint, replace(job.prepared, train=job.prepared.train.head(8)))
    for _ in fit(run.session, run.protocol, run.plan, run.progress, lambda step: False):
        pass
    batch = run.session.splits.train.batch(0, 8)
    outputs, _ = run.session.network.train()(run.session.objective.inputs(batch))  # its averages know a batch norm's rows later
    assert outputs["label"].argmax(1).tolist() == batch.targets["label"].tolist()
