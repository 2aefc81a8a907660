"""Stochastic gradient descent, and its average."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, NonNegativeFloat, PositiveFloat, model_validator
from pydantic_core import PydanticCustomError

from nntrain.errors import Problem
from nntrain.optimizers.groups import ParameterGroup, is_fusible, with_rates
from nntrain.optimizers.optimizer import Beside, Optimizer

if TYPE_CHECKING:
    import torch


class SGD(Optimizer):
    """Moves weights against the gradient, or against its running sum where momentum is set (torch's SGD)."""

    type: Literal["sgd"] = "sgd"
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Share of the last move that is added to the next; 0 is plain gradient descent."""
    dampening: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Share of the gradient that the running sum leaves out."""
    nesterov: bool = False
    """Look ahead along the momentum before taking the gradient."""

    @model_validator(mode="after")
    def _nesterov_has_momentum(self) -> SGD:
        if self.nesterov and (self.momentum == 0 or self.dampening != 0):
            raise PydanticCustomError("nesterov_without_momentum", "nesterov needs a momentum above 0 and no dampening")
        return self

    @property
    def scales_gradients(self) -> bool:
        return False

    def problems(self, beside: Beside) -> Iterator[Problem]:
        yield from super().problems(beside)
        if self.dampening and not self.momentum:
            yield Problem(
                ("optimizer", "dampening"), "has no effect without momentum", "fix:  momentum: 0.9, or leave dampening out", on_key=True
            )

    def build(self, groups: list[ParameterGroup]) -> torch.optim.Optimizer:
        import torch

        from nntrain.modules.fused_optimizers import FusedSGD

        fused = is_fusible(groups)
        kind = FusedSGD if fused else torch.optim.SGD
        return kind(
            with_rates(groups, self.lr),
            lr=self.lr,
            momentum=self.momentum,
            dampening=self.dampening,
            nesterov=self.nesterov,
            fused=fused,
        )


class ASGD(Optimizer):
    """Gradient descent whose rate fades (torch's ASGD; Polyak and Juditsky, 1992).

    The weights that are used are those of the last step; averages of weights are `regularization.ema` and `swa`.
    """

    type: Literal["asgd"] = "asgd"
    lr: PositiveFloat = 1e-2
    """Learning rate."""
    lambd: NonNegativeFloat = 1e-4
    """How fast the rate fades, and a decay of all weights."""
    alpha: PositiveFloat = 0.75
    """Power with which the rate fades."""
    t0: NonNegativeFloat = 1e6
    """Step from which on torch averages."""

    @property
    def scales_gradients(self) -> bool:
        return False

    def build(self, groups: list[ParameterGroup]) -> torch.optim.Optimizer:
        import torch

        return torch.optim.ASGD(with_rates(groups, self.lr), lr=self.lr, lambd=self.lambd, alpha=self.alpha, t0=self.t0)
