"""Averages of the weights over steps: the averaged network is the one that is measured, kept and used."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any, cast

import torch
from torch import Tensor, nn

GiveInputs = Callable[[], Iterable[Mapping[str, Tensor]]]
GiveContext = Callable[[], AbstractContextManager[Any]]


class WeightAverage:
    """Averages of all parameters. Buffers (running statistics) are averages already and are taken as they are."""

    def __init__(self, network: nn.Module) -> None:
        self._updates = 0
        self._names = [name for name, _ in network.named_parameters()]
        self._averages = [parameter.detach().clone() for parameter in network.parameters()]

    def update(self, network: nn.Module, step: int = 0) -> None:
        """Take the weights after a step into account; `step` counts the steps that are complete."""
        raise NotImplementedError

    def lr(self, step: int, base_lr: float, lr: float) -> float:
        """The rate of a step, of which the schedule says `lr`, and `optimizer.lr` or the parameter group `base_lr`."""
        return lr

    def refresh(self, network: nn.Module, inputs: GiveInputs, autocast: GiveContext) -> None:
        """Bring what else belongs to the averaged network up to date, before it is measured.

        Args:
            network: The network; comes back as it was.
            inputs: Gives the inputs of all training rows, in batches.
            autocast: Context of a forward pass.
        """

    @contextmanager
    def applied(self, network: nn.Module) -> Generator[None]:
        """Context in which the network has the averaged weights; its own come back at the end, bit for bit."""
        tensors, values = self._replaced(network)
        own = [tensor.detach().clone() for tensor in tensors]
        _copy(tensors, values)
        try:
            yield
        finally:
            _copy(tensors, own)

    def _replaced(self, network: nn.Module) -> tuple[list[Tensor], list[Tensor]]:
        """Tensors of the network, and what stands in their place in the averaged one."""
        return list(network.parameters()), self._averages

    def weights(self, network: nn.Module) -> dict[str, Tensor]:
        """The averaged network as a state dict: averages and the network's own buffers."""
        tensors, values = self._replaced(network)
        averages = {id(tensor): value for tensor, value in zip(tensors, values, strict=True)}
        named = [*network.named_parameters(remove_duplicate=False), *network.named_buffers(remove_duplicate=False)]
        by_name = {name: averages[id(tensor)] for name, tensor in named if id(tensor) in averages}
        return {name: by_name.get(name, value) for name, value in cast("dict[str, Tensor]", network.state_dict()).items()}

    def named(self) -> Iterator[tuple[str, Tensor]]:
        """What is averaged, by what it is, for messages."""
        return ((f"averaged weights of {name}", value) for name, value in zip(self._names, self._averages, strict=True))

    def state(self, network: nn.Module) -> dict[str, Any]:
        """Everything, as a plain tree: `updates`, and `weights` (what predicts)."""
        return {"updates": self._updates, "weights": self.weights(network)}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take back what `state` gave."""
        self._updates = state["updates"]
        _copy(self._averages, [state["weights"][name] for name in self._names])


class AveragedWeights(WeightAverage):
    """Exponential moving average.

    After `n` updates the decay is `min(decay, (1 + n) / (10 + n))` (TensorFlow's ExponentialMovingAverage with `num_updates`):
    the random weights of the start are soon forgotten, also in runs too short for the full decay.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        super().__init__(network)
        self._decay = decay

    @torch.no_grad()
    def update(self, network: nn.Module, step: int = 0) -> None:
        decay = min(self._decay, (1 + self._updates) / (10 + self._updates))
        torch._foreach_lerp_(self._averages, list(network.parameters()), 1 - decay)  # pyright: ignore[reportPrivateImportUsage, reportPrivateUsage]
        self._updates += 1


@torch.no_grad()
def _copy(into: list[Any], values: list[Tensor]) -> None:
    for target, value in zip(into, values, strict=True):
        target.copy_(value)
