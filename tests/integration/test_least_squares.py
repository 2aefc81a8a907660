"""A linear model, squared error, full-batch descent: the least-squares solution, which linear algebra gives in closed form."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import nntrain
from nntrain.commands.stored.opening import open_run
from nntrain.runs import find_run


def write_table(path: Path, offset: float) -> tuple[np.ndarray, np.ndarray]:
    """Three correlated inputs of different scales and a noisy target around an offset."""
    random = np.random.default_rng(0)
    inputs = random.normal(size=(200, 3)) @ np.array([[1.0, 0.4, 0.0], [0.0, 1.0, 0.3], [0.0, 0.0, 1.0]]) * [1.0, 50.0, 0.01] + [
        3.0,
        -7.0,
        0.5,
    ]
    target = inputs @ [2.0, -0.05, 90.0] + offset + random.normal(size=200)
    lines = [",".join(f"{value!r}" for value in (*map(float, row), float(y))) for row, y in zip(inputs, target, strict=True)]
    path.write_text("\n".join(["a,b,c,y", *lines]) + "\n")
    return inputs, target


@pytest.mark.parametrize(
    ("optimizer", "offset", "epochs"),
    [
        ({"type": "sgd", "lr": 0.3}, 4.0, 400),
        ({"type": "sgd", "lr": 0.1, "momentum": 0.8}, 4.0, 2000),
        ({"type": "sgd", "lr": 0.3}, 1e8, 400),
    ],
)
def test_full_batch_descent_reaches_the_closed_form(optimizer: dict[str, object], offset: float, epochs: int, tmp_path: Path) -> None:
    inputs, target = write_table(tmp_path / "table.csv", offset)
    config = {
        "name": "least_squares",
        "data": {
            "source": (tmp_path / "table.csv").as_posix(),
            "fields": {"y": {"type": "number", "role": "target"}},
            "split": {"validation": None, "test": None},
            "batch_size": "full",
        },
        "architecture": {"type": "mlp", "hidden": []},
        "loss": "mse",
        "optimizer": optimizer,
        "training": {"max_epochs": epochs, "evaluate_every": {"epochs": epochs // 4}, "checkpoint": {"every_epochs": epochs // 2}},
    }
    result = nntrain.fit(config, runs=tmp_path / "runs")
    stored = open_run(find_run(str(result.run.path), tmp_path / "runs"))
    head = stored.network.get_submodule("head")
    assert isinstance(head, torch.nn.Linear)
    scale, center = inputs.std(axis=0), inputs.mean(axis=0)
    found = head.weight.detach().double().numpy()[0] * target.std() / scale
    found_bias = float(head.bias.detach()) * target.std() + target.mean() - found @ center
    exact = np.linalg.lstsq(np.column_stack([inputs, np.ones(200)]), target - offset, rcond=None)[0]
    exact[-1] += offset
    np.testing.assert_allclose([*found, found_bias], exact, rtol=2e-5)
    residual = target - np.column_stack([inputs, np.ones(200)]) @ exact
    assert result.summary["best"]["train.rmse"] == pytest.approx(float(np.sqrt((residual**2).mean())), rel=1e-6)
