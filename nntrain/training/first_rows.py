"""What is shown of the training rows before the first step, to layers that begin with it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, Literal

from torch import Tensor, nn

from nntrain.data.batches import TensorData, epoch_batches
from nntrain.data.noise import derive_seed
from nntrain.data.orders import drawn
from nntrain.modules.first_rows import begin_with, first_rows_asked
from nntrain.training.objective import Objective

_AT_ONCE: Final = 1024
"""Rows that go through the network at once, where a batch has more."""


def show_first_rows(network: nn.Module, objective: Objective, train: TensorData, seed: int, batch_size: int | Literal["full"]) -> None:
    """Let layers that begin with training rows see some, drawn from all of them: as many as they ask for.

    Raises:
        ConfigError: A layer asks for a target of another kind.
    """
    rows = first_rows_asked(network)
    if not rows:
        return
    sample = train if train.lanes is None else train.once()
    if len(sample) > rows:
        sample = sample.take(drawn(len(sample), rows, seed=derive_seed(seed, "first rows")))
    sample = sample.loaded() if sample.in_blocks else sample

    at_once = _AT_ONCE if batch_size == "full" else min(batch_size, _AT_ONCE)

    def pieces() -> Iterator[tuple[Mapping[str, Tensor], Tensor | None]]:
        for batch in epoch_batches(sample, at_once, seed=seed, epoch=0):
            targets = list(batch.targets.values())
            yield objective.inputs(batch), targets[0] if len(targets) == 1 and targets[0].ndim == 1 else None

    begin_with(network, pieces)
