"""The base of all optimizers: options in torch's spelling, and `build()`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field, PositiveFloat

from nntrain.errors import Problem
from nntrain.schema import Component, StrictModel

if TYPE_CHECKING:
    import torch

    from nntrain.optimizers.groups import ParameterGroup


class GroupRule(StrictModel):
    """Another rate for some parameters."""

    match: Annotated[str, Field(min_length=1)]
    """Pattern of parameter names, such as `head` or `*.bias`; a name stands for everything below it."""
    lr: PositiveFloat
    """Learning rate of these parameters; the schedule acts on it too."""


class Optimizer(Component):
    """How gradients move the weights. Weight decay is in `regularization`, for all optimizers alike."""

    main: ClassVar[str | None] = "lr"

    lr: PositiveFloat = 1e-3
    """Learning rate."""
    groups: tuple[GroupRule, ...] = ()
    """Other rates by parameter name; the first match wins."""

    def problems(self) -> Iterator[Problem]:
        """Options that have no effect beside the others."""
        return iter(())

    def warnings(self, weight_decay: float) -> Iterator[str]:
        """What is allowed and probably not meant, given `regularization.weight_decay` (0 is off)."""
        return iter(())

    def build(self, groups: list[ParameterGroup]) -> torch.optim.Optimizer:
        """Make the torch optimizer, fused where the parameters allow it. Every group keeps its rate as `initial_lr`."""
        raise NotImplementedError
