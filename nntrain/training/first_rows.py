"""What is shown of the training rows before the first step, to layers that begin with it."""

from __future__ import annotations

from typing import Final

from torch import nn

from nntrain.data.batches import TensorData, epoch_batches
from nntrain.modules.first_rows import asks_first_rows, begin_with
from nntrain.training.objective import Objective

MOST: Final = 2**16
"""Rows that are shown: a quantile of so many is off by less than half a percent of all rows."""


def show_first_rows(network: nn.Module, objective: Objective, train: TensorData, seed: int) -> None:
    """Let layers that begin with training rows see the first of the first epoch, up to `MOST`.

    Raises:
        ConfigError: A layer asks for a target of another kind.
    """
    if not asks_first_rows(network):
        return
    batch = next(epoch_batches(train, min(len(train), MOST), seed=seed, epoch=0))
    targets = list(batch.targets.values())
    single = targets[0] if len(targets) == 1 and targets[0].ndim == 1 else None
    begin_with(network, objective.inputs(batch), single)
