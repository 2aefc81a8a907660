"""Exponential moving average of the weights: the averaged network is the one that is measured, kept and used."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import Any, cast

import torch
from torch import Tensor, nn


class AveragedWeights:
    """Averages of all parameters. Buffers (running statistics) are averages already and are taken as they are.

    After `n` updates the decay is `min(decay, (1 + n) / (10 + n))` (TensorFlow's ExponentialMovingAverage with `num_updates`):
    the random weights of the start are soon forgotten, also in runs too short for the full decay.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        self._decay = decay
        self._updates = 0
        self._names = [name for name, _ in network.named_parameters()]
        self._averages = [parameter.detach().clone() for parameter in network.parameters()]

    @torch.no_grad()
    def update(self, network: nn.Module) -> None:
        """Move the averages towards the weights after a step."""
        decay = min(self._decay, (1 + self._updates) / (10 + self._updates))
        torch._foreach_lerp_(self._averages, list(network.parameters()), 1 - decay)  # pyright: ignore[reportPrivateImportUsage, reportPrivateUsage]
        self._updates += 1

    @contextmanager
    def applied(self, network: nn.Module) -> Generator[None]:
        """Context in which the network has the averaged weights; its own come back at the end, bit for bit."""
        parameters = list(network.parameters())
        own = [parameter.detach().clone() for parameter in parameters]
        _copy(parameters, self._averages)
        try:
            yield
        finally:
            _copy(parameters, own)

    def weights(self, network: nn.Module) -> dict[str, Tensor]:
        """The averaged network as a state dict: averages and the network's own buffers."""
        averages = {id(parameter): average for parameter, average in zip(network.parameters(), self._averages, strict=True)}
        by_name = {name: averages[id(parameter)] for name, parameter in network.named_parameters(remove_duplicate=False)}
        return {name: by_name.get(name, value) for name, value in cast("dict[str, Tensor]", network.state_dict()).items()}

    def state(self, network: nn.Module) -> dict[str, Any]:
        """Everything, as a plain tree: `updates`, and `weights` (what predicts)."""
        return {"updates": self._updates, "weights": self.weights(network)}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take back what `state` gave."""
        self._updates = state["updates"]
        _copy(self._averages, [state["weights"][name] for name in self._names])


@torch.no_grad()
def _copy(into: list[Any], values: list[Tensor]) -> None:
    for target, value in zip(into, values, strict=True):
        target.copy_(value)
