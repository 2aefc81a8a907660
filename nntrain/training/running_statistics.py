"""Running statistics of batch norms, which belong to the weights of one step: computed anew for averaged weights."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm  # pyright: ignore[reportPrivateUsage]

from nntrain.training.ema import GiveContext, GiveInputs


def moving_norms(network: nn.Module) -> list[_BatchNorm]:
    """The batch norms whose statistics move while it is trained; frozen ones keep those that they were frozen with."""
    was_training = network.training
    network.train()
    norms = [norm for norm in _norms(network) if norm.training]
    network.train(was_training)
    return norms


def running_statistics(network: nn.Module) -> list[Tensor]:
    """Those of all batch norms."""
    return [buffer for norm in _norms(network) for buffer in norm.buffers()]


@torch.no_grad()
def take_statistics(network: nn.Module, norms: Sequence[_BatchNorm], inputs: GiveInputs, autocast: GiveContext) -> None:
    """Compute the statistics of batch norms anew, for the weights that the network has: the plain mean over batches.

    Args:
        network: The network; comes back in the mode that it was in.
        norms: Some of `moving_norms`.
        inputs: Gives the inputs of all training rows, in batches.
        autocast: Context of a forward pass.
    """
    was_training = network.training
    momenta = [norm.momentum for norm in norms]
    try:
        network.eval()
        for norm in norms:
            norm.train()
            norm.reset_running_stats()
        for count, batch in enumerate(inputs(), start=1):
            for norm in norms:
                norm.momentum = 1 / count
            with autocast():
                network(batch)
    finally:
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum
        network.train(was_training)


def _norms(network: nn.Module) -> list[_BatchNorm]:
    return [module for module in network.modules() if isinstance(module, _BatchNorm) and module.track_running_stats]
