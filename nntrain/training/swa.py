"""Stochastic weight averaging: the plain mean of the weights at many times late in a run (Izmailov et al., 2018)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm  # pyright: ignore[reportPrivateUsage]

from nntrain.training.ema import GiveContext, GiveInputs, WeightAverage


class StochasticAverage(WeightAverage):
    """Mean of the weights at fixed intervals after a start; until the first of them the network itself is taken.

    The running statistics of batch norms belong to the weights of one step. For the mean they are computed anew over the training
    rows, whenever the averaged network is to be measured and has changed; those of frozen ones stay.
    """

    def __init__(self, network: nn.Module, start: int, every: int, rate: float | None = None) -> None:
        """Begin.

        Args:
            network: The network.
            start: Steps before averaging begins.
            every: Steps from one averaging to the next, counted from the start of the run.
            rate: Learning rate from the start on, relative to `optimizer.lr`; `None` leaves the schedule as it is.
        """
        super().__init__(network)
        self._start, self._every, self._rate = start, every, rate
        self._buffers: list[Tensor] | None = None
        self._is_stale = False

    def lr(self, step: int, base_lr: float, lr: float) -> float:
        return lr if self._rate is None or step < self._start else self._rate * base_lr

    @torch.no_grad()
    def update(self, network: nn.Module, step: int = 0) -> None:
        if step <= self._start or step % self._every:
            return
        self._updates += 1
        torch._foreach_lerp_(self._averages, list(network.parameters()), 1 / self._updates)  # pyright: ignore[reportPrivateImportUsage, reportPrivateUsage]
        self._is_stale = True

    @torch.no_grad()
    def refresh(self, network: nn.Module, inputs: GiveInputs, autocast: GiveContext) -> None:
        was_training = network.training
        network.train()
        norms = [norm for norm in _norms(network) if norm.training]  # frozen ones keep the statistics that they were frozen with
        network.train(was_training)
        if not self._is_stale or not norms:
            self._is_stale = False
            return
        momenta = [norm.momentum for norm in norms]
        own = [buffer.clone() for buffer in _buffers(network)]
        try:
            with self.applied(network):
                network.eval()
                for norm in norms:
                    norm.train()
                    norm.reset_running_stats()
                for count, batch in enumerate(inputs(), start=1):
                    for norm in norms:
                        norm.momentum = 1 / count  # the plain mean over the batches
                    with autocast():
                        network(batch)
                found = [buffer.clone() for buffer in _buffers(network)]
        finally:  # it may be cut off: then it is done again
            for norm, momentum in zip(norms, momenta, strict=True):
                norm.momentum = momentum
            for buffer, value in zip(_buffers(network), own, strict=True):
                buffer.copy_(value)
            network.train(was_training)
        self._buffers, self._is_stale = found, False

    def _replaced(self, network: nn.Module) -> tuple[list[Tensor], list[Tensor]]:
        if self._updates == 0:
            return [], []
        tensors, values = super()._replaced(network)
        return (tensors, values) if self._buffers is None else ([*tensors, *_buffers(network)], [*values, *self._buffers])

    def named(self) -> Iterator[tuple[str, Tensor]]:
        yield from super().named()
        yield from (("running statistics of the averaged network", buffer) for buffer in self._buffers or () if buffer.is_floating_point())

    def state(self, network: nn.Module) -> dict[str, Any]:
        return {**super().state(network), "is_stale": self._is_stale, "buffers": self._buffers}

    def restore(self, state: Mapping[str, Any]) -> None:
        super().restore(state)
        self._is_stale = state["is_stale"]
        saved = state["buffers"]
        self._buffers = None if saved is None else [buffer.to(self._averages[0].device, copy=True) for buffer in saved]


def _norms(network: nn.Module) -> list[_BatchNorm]:
    return [module for module in network.modules() if isinstance(module, _BatchNorm) and module.track_running_stats]


def _buffers(network: nn.Module) -> list[Tensor]:
    """Running statistics of all batch norms."""
    return [buffer for norm in _norms(network) for buffer in norm.buffers()]
