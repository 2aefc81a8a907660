"""Which parameters decay and which have a rate of their own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, TypedDict

from nntrain.optimizers.optimizer import GroupRule

if TYPE_CHECKING:
    from torch import nn


class ParameterGroup(TypedDict):
    """One of torch's parameter groups; the rate is missing where it is the optimizer's."""

    params: list[tuple[str, nn.Parameter]]
    weight_decay: float
    lr: float | None


def parameter_groups(
    network: nn.Module, *, weight_decay: float = 0.0, decay_all: bool = False, rules: Sequence[GroupRule] = ()
) -> list[ParameterGroup]:
    """Sort the trainable parameters of a network into groups."""
    raise NotImplementedError
