"""Modules whose weights or buffers begin with what the first training rows say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor, nn


class FromFirstRows(nn.Module):
    """A module that is shown training rows once, before the first step of a run: all before it have seen them by then."""

    most_rows: ClassVar[int]
    """Rows that are enough for it."""

    def begin(self, x: Tensor, target: Tensor | None) -> None:
        """Begin.

        Args:
            x: What comes in for the first rows, `[N, …]`.
            target: Their target `[N]`; `None` where there are several, or one that is no single number or class.
        """
        raise NotImplementedError


def first_rows_asked(network: nn.Module) -> int:
    """Rows that are enough for all such modules of a network; 0 where it has none."""
    return max((module.most_rows for module in network.modules() if isinstance(module, FromFirstRows)), default=0)


@torch.no_grad()
def begin_with(network: nn.Module, inputs: Mapping[str, Tensor], target: Tensor | None) -> None:
    """Show rows to all modules that ask for them, in the order in which they are run. The network comes back in the mode it was in.

    Args:
        network: Takes its inputs by key.
        inputs: The rows.
        target: Their target, where there is one of a number or class a row.
    """
    was_training = network.training

    def show(module: nn.Module, given: tuple[Tensor, ...]) -> None:
        assert isinstance(module, FromFirstRows)
        module.begin(given[0], target)

    hooks = [module.register_forward_pre_hook(show) for module in network.modules() if isinstance(module, FromFirstRows)]
    network.eval()
    try:
        network(inputs)
    finally:
        network.train(was_training)
        for hook in hooks:
            hook.remove()
