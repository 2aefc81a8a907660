"""Modules whose weights or buffers begin with what the first training rows say."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import ClassVar

import torch
from torch import Tensor, nn

Pieces = Callable[[], Iterable[tuple[Mapping[str, Tensor], Tensor | None]]]
"""Gives the rows, some at a time, as often as it is asked: what the network reads by key, and their target `[n]`, where there is one of a
number or class a row."""


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


class _ReachedError(Exception):
    """Ends a forward pass where what was wanted of it is known."""


def first_rows_asked(network: nn.Module) -> int:
    """Rows that are enough for all such modules of a network; 0 where it has none."""
    return max((module.most_rows for module in network.modules() if isinstance(module, FromFirstRows)), default=0)


@torch.no_grad()
def begin_with(network: nn.Module, pieces: Pieces) -> None:
    """Show rows to all modules that ask for them, in the order in which they are run. The network comes back in the mode it was in.

    The rows go through the network a piece at a time and no further than the module whose turn it is, so that no more memory is needed
    than for a step, but for what comes in there. A module that is run several times sees what comes in the first time.

    Args:
        network: Takes its inputs by key.
        pieces: The rows.
    """
    waiting = {module for module in network.modules() if isinstance(module, FromFirstRows)}
    was_training = network.training
    network.eval()
    try:
        while waiting and (turn := _next(network, pieces, waiting)) is not None:
            module, x, target = turn
            module.begin(x, target)
            waiting.discard(module)
    finally:
        network.train(was_training)


def _next(network: nn.Module, pieces: Pieces, waiting: set[FromFirstRows]) -> tuple[FromFirstRows, Tensor, Tensor | None] | None:
    """The first of some modules that is run, and what comes in there; `None` where none is run."""
    reached: list[FromFirstRows] = []
    seen: list[Tensor] = []
    targets: list[Tensor] = []

    def catch(module: nn.Module, given: tuple[Tensor, ...]) -> None:
        assert isinstance(module, FromFirstRows)
        reached[:] = [module]
        seen.append(given[0])
        raise _ReachedError

    hooks = [module.register_forward_pre_hook(catch) for module in waiting]
    try:
        for inputs, target in pieces():
            try:
                network(inputs)
                return None
            except _ReachedError:
                targets += [] if target is None else [target]
            if sum(map(len, seen)) >= reached[0].most_rows:
                break
    finally:
        for hook in hooks:
            hook.remove()
    most = reached[0].most_rows
    return reached[0], torch.cat(seen)[:most], torch.cat(targets)[:most] if targets else None
