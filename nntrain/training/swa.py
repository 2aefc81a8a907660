"""Stochastic weight averaging: the plain mean of the weights at many times late in a run (Izmailov et al., 2018)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from nntrain.training.ema import GiveContext, GiveInputs, WeightAverage
from nntrain.training.running_statistics import moving_norms, running_statistics, take_statistics


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
        norms = moving_norms(network)
        if not self._is_stale or not norms:
            self._is_stale = False
            return
        own = [buffer.clone() for buffer in running_statistics(network)]
        try:
            with self.applied(network):
                take_statistics(network, norms, inputs, autocast)
                found = [buffer.clone() for buffer in running_statistics(network)]
        finally:  # it may be cut off: then it is done again
            for buffer, value in zip(running_statistics(network), own, strict=True):
                buffer.copy_(value)
        self._buffers, self._is_stale = found, False

    def _replaced(self, network: nn.Module) -> tuple[list[Tensor], list[Tensor]]:
        if self._updates == 0:
            return [], []
        tensors, values = super()._replaced(network)
        return (tensors, values) if self._buffers is None else ([*tensors, *running_statistics(network)], [*values, *self._buffers])

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
