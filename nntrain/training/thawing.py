"""Weights that are frozen at first and trained from a later epoch on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import nn

from nntrain.modules.network import Network


@dataclass(frozen=True, slots=True)
class Thawing:
    """Which parameters are trained from when on. Stateless: what is trained in an epoch is a function of the epoch.

    The optimizer has these parameters from the start. One without a gradient is left as it is, and what the optimizer keeps of it is made
    in its first step with one.
    """

    epochs: Mapping[str, int]
    """First epoch, from 1, in which each of the parameters is trained, by full name."""

    def begin(self, network: nn.Module, epoch: int) -> None:
        """Set up an epoch.

        Args:
            network: The network, in training mode.
            epoch: Epochs that are complete.
        """
        assert isinstance(network, Network)
        trained = {name: epoch + 1 >= first for name, first in self.epochs.items()}
        for name, parameter in network.named_parameters(remove_duplicate=False):
            if name in trained:
                parameter.requires_grad = trained[name]
        network.wake({name for name, is_trained in trained.items() if is_trained})
