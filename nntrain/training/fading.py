"""Regularization that changes over a run: a schedule's factor on the probabilities of dropout and on weight decay."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple, cast

import torch
from torch import nn
from torch.nn.modules.dropout import _DropoutNd  # pyright: ignore[reportPrivateUsage]

from nntrain.modules.dropping import SharedDropout
from nntrain.schedules.schedule import Horizon, Schedule


class Drop(NamedTuple):
    """A module that drops numbers while training."""

    module: nn.Module
    attribute: str
    """Where it has the probability."""
    p: float
    """The probability in the config."""


@dataclass(frozen=True, slots=True)
class Fading:
    """How dropout and weight decay change over a run. Stateless: what acts in a step is a function of the step.

    Evaluation drops nothing, and so is what it was.
    """

    schedule: Schedule
    drops: tuple[Drop, ...]
    decays: tuple[float, ...]
    """Weight decay in the config, of each group of the optimizer."""

    @classmethod
    def of(cls, schedule: Schedule | None, network: nn.Module, optimizer: torch.optim.Optimizer) -> Fading | None:
        """For a run before its first step; `None` without a schedule."""
        if schedule is None:
            return None
        return cls(schedule, tuple(drops(network)), tuple(group.get("weight_decay", 0.0) for group in optimizer.param_groups))

    def apply(self, optimizer: torch.optim.Optimizer, step: int, horizon: Horizon) -> bool:
        """Set up a step.

        Args:
            optimizer: That of the run.
            step: Steps taken before this one.
            horizon: Length of the run.

        Returns:
            Whether dropout is another than it was, so that a recording of a step, which has it as a number, is of no use any more.
        """
        factor = self.schedule.lr(step, 1.0, horizon)
        for group, decay in zip(optimizer.param_groups, self.decays, strict=True):
            group["weight_decay"] = factor * decay
        before = [getattr(module, attribute) for module, attribute, _ in self.drops]
        now = [factor * p for _, _, p in self.drops]
        if before == now:
            return False
        for (module, attribute, _), p in zip(self.drops, now, strict=True):
            setattr(module, attribute, p)
        return True


def drops(network: nn.Module) -> Iterator[Drop]:
    """Modules of dropout, of stochastic depth, and those that drop between their parts: recurrent layers and attention."""
    for module in cast("Iterator[Any]", network.modules()):
        attribute = "p" if isinstance(module, _DropoutNd | SharedDropout) else "dropout"
        p = getattr(module, attribute, None)
        if isinstance(p, float) and p > 0:
            yield Drop(module, attribute, p)
