"""The examples of tables, series and images learn eight made-up rows by heart."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from nntrain.assembly import assemble
from nntrain.commands.proofs.made_up import Subject, prepare
from nntrain.training.evaluation import measure
from nntrain.training.loop import fit

CONFIGS = Path(__file__).parents[2] / "configs"
PLAIN = ("regularization={}", "scheduler=null", "baselines=null", "data.batch_size=8")
"""Takes away what keeps a network from learning by heart."""
OF_PHOTOS = ("data.fields.image.augment=[]", "data.fields.image.normalize=standard", "regularization.norm=batch")


@pytest.mark.parametrize(
    ("name", "lr", "steps", "metric", "limit", "changes"),
    [
        pytest.param("adult", 1e-2, 25, "log_loss", 0.05, (), marks=pytest.mark.slow),
        pytest.param("airline_passengers", 3e-2, 200, "mse_scaled", 0.05, ("metrics=[mse_scaled]",), marks=pytest.mark.slow),
        ("basic_motions", 1e-2, 20, "log_loss", 0.1, ()),
        ("california_housing", 1e-3, 60, "mse", 0.05, ("metrics=[mse]",)),
        ("digits", 1e-2, 20, "log_loss", 0.05, ()),
        ("digits_perceptron", 1.0, 20, "errors", 0.5, ()),
        ("digits_residual", 1e-2, 40, "log_loss", 0.05, ()),
        ("etth1_dlinear", 1e-2, 40, "mse_scaled", 0.05, ()),
        pytest.param(
            "etth1_patchtst", 1e-2, 40, "mse_scaled", 0.05, ("data.window.past=96", "data.window.horizon=24"), marks=pytest.mark.slow
        ),
        pytest.param("fsdd", 1e-2, 20, "log_loss", 0.05, ("data.fields.file.augment=[]",), marks=pytest.mark.extra("audio")),
        ("mnist1d_cnn", 1e-2, 20, "log_loss", 0.05, ()),
        ("mnist1d_logistic", 0.3, 60, "log_loss", 0.1, ()),
        ("mnist1d_lstm", 1e-2, 40, "log_loss", 0.1, ()),
        ("mnist1d_mlp", 1e-2, 20, "log_loss", 0.05, ()),
        ("mnist10k", 1e-3, 20, "log_loss", 0.05, ("data.fields.image.augment=[]",)),
        pytest.param("mnist10k_resnet", 3e-3, 60, "log_loss", 0.1, ("data.fields.image.augment=[]",), marks=pytest.mark.slow),
        ("multimodal", 1e-2, 25, "log_loss", 0.05, ("data.fields.photo.augment=[]",)),
        ("mnist10k_vae", 3e-3, 100, "rmse", 0.1, ("loss={image: {type: bce, reduction: sum}, z.kl: 0}",)),
        ("mnist10k_denoising", 1e-2, 60, "rmse", 0.1, ("data.fields.image.augment=[]",)),
        ("penguins", 1e-2, 30, "log_loss", 0.05, ()),
        ("titanic", 1e-2, 40, "log_loss", 0.05, ("data.fields.Fare=number",)),
        ("realmlp", 1e-2, 40, "log_loss", 0.05, ("regularization.label_smoothing=null",)),
        pytest.param("ucr", 1e-2, 20, "log_loss", 0.1, (), marks=pytest.mark.slow),
        pytest.param("cifar10_small", 3e-3, 60, "log_loss", 0.05, OF_PHOTOS, marks=pytest.mark.slow),
    ],
)
def test_eight_rows(name: str, lr: float, steps: int, metric: str, limit: float, changes: tuple[str, ...], tmp_path: Path) -> None:
    shutil.copy(CONFIGS / f"{name}.yaml", tmp_path)
    training = f"training={{max_steps: {steps}, evaluate_every: {{steps: {steps}}}, device: cpu}}"
    optimizer = f"optimizer={{type: {'sgd' if lr == 1 else 'adam'}, lr: {lr}}}"
    job, _ = prepare(Subject(tmp_path / f"{name}.yaml", (*PLAIN, optimizer, training, *changes), ()), tmp_path / "rows")
    rows = job.prepared.train
    few = rows.take(torch.linspace(0, len(rows) - 1, 8).long())  # of one class, if they came in a row from a folder of images
    targets = few.target(few.target_names[0])
    assert not bool((targets == targets[0]).all())
    run = assemble(job.blueprint, replace(job.prepared, train=few))
    for _ in fit(run.session, run.protocol, run.plan, run.progress, lambda step: False):
        pass
    found = measure(run.session.network, run.session.objective, run.session.splits.train, run.session.precision).metrics[metric]
    assert isinstance(found, float)
    assert found < limit
