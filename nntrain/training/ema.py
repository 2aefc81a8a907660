"""Exponential moving average of the weights: the averaged network is the one that is measured, kept and used."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any

from torch import Tensor, nn


class AveragedWeights:
    """Averages of all parameters. Buffers (running statistics) are averages already and are taken as they are."""

    def __init__(self, network: nn.Module, decay: float) -> None:
        raise NotImplementedError

    def update(self, network: nn.Module) -> None:
        """Move the averages towards the weights after a step."""
        raise NotImplementedError

    def applied(self, network: nn.Module) -> AbstractContextManager[None]:
        """Context in which the network has the averaged weights; its own come back at the end, bit for bit."""
        raise NotImplementedError

    def weights(self, network: nn.Module) -> dict[str, Tensor]:
        """The averaged network as a state dict: averages and the network's own buffers."""
        raise NotImplementedError

    def state(self, network: nn.Module) -> dict[str, Any]:
        """Everything, as a plain tree: `updates`, and `weights` (what predicts)."""
        raise NotImplementedError

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take back what `state` gave."""
        raise NotImplementedError
