# pyright: basic, reportMissingImports=false
"""Skorch, with its history and without the table that it prints."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from skorch import NeuralNet
from skorch.callbacks import GradientNormClipping
from skorch.helper import predefined_split
from torch.utils.data import TensorDataset
from workloads import Stopwatch, Workload


class Loss(torch.nn.Module):
    """The workload's loss as a module."""

    def __init__(self, workload: Workload) -> None:
        super().__init__()
        self.workload = workload

    def forward(self, outputs: torch.Tensor, classes: torch.Tensor) -> torch.Tensor:
        return self.workload.loss(outputs, classes)


def train(workload: Workload, epochs: int, options: Sequence[str] = ()) -> dict[str, float]:
    """One fit."""
    network = workload.model()
    watch = Stopwatch()
    others: dict[str, Any] = {f"optimizer__{name}": value for name, value in workload.opt_args.items()}
    net = NeuralNet(
        network,
        Loss(workload),
        optimizer=getattr(torch.optim, workload.opt),
        max_epochs=epochs,
        batch_size=workload.batch,
        iterator_train__shuffle=True,
        train_split=predefined_split(TensorDataset(workload.xv, workload.yv)) if workload.validate else None,
        callbacks=[GradientNormClipping(workload.clip)] if workload.clip else [],
        verbose=0,
        **others,
    )
    net.fit(workload.x, workload.y)
    watch.stop()
    return watch.result(workload, epochs, workload.score(net.module_))
