"""What is shown of the training rows before the first step, to layers that begin with it."""

from __future__ import annotations

from torch import nn

from nntrain.data.batches import TensorData, epoch_batches
from nntrain.modules.first_rows import begin_with, first_rows_asked
from nntrain.training.objective import Objective


def show_first_rows(network: nn.Module, objective: Objective, train: TensorData, seed: int) -> None:
    """Let layers that begin with training rows see the first of the first epoch, as many as they ask for.

    Raises:
        ConfigError: A layer asks for a target of another kind.
    """
    rows = first_rows_asked(network)
    if not rows:
        return
    batch = next(epoch_batches(train, min(len(train), rows), seed=seed, epoch=0))
    targets = list(batch.targets.values())
    single = targets[0] if len(targets) == 1 and targets[0].ndim == 1 else None
    begin_with(network, objective.inputs(batch), single)
