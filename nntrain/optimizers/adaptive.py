"""Optimizers that give each weight a rate of its own, other than Adam."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field, NegativeFloat, NonNegativeFloat, PositiveFloat

from nntrain.optimizers.groups import ParameterGroup, with_rates
from nntrain.optimizers.optimizer import Beta, Optimizer

if TYPE_CHECKING:
    import torch


class Adagrad(Optimizer):
    """Divides each step by the size of all gradients so far (Duchi et al., 2011): rare features keep a large rate."""

    type: Literal["adagrad"] = "adagrad"
    lr: PositiveFloat = 1e-2
    """Learning rate."""
    lr_decay: NonNegativeFloat = 0.0
    """How fast the rate fades: after n steps it is divided by 1 + n * lr_decay."""
    initial_accumulator_value: NonNegativeFloat = 0.0
    """Sum of squares to begin with."""
    eps: PositiveFloat = 1e-10
    """Added to the divisor, against division by zero."""

    def build(self, groups: list[ParameterGroup]) -> torch.optim.Optimizer:
        import torch

        return torch.optim.Adagrad(
            with_rates(groups, self.lr),
            lr=self.lr,
            lr_decay=self.lr_decay,
            initial_accumulator_value=self.initial_accumulator_value,
            eps=self.eps,
        )


class Adadelta(Optimizer):
    """Divides by the running size of the gradient and multiplies by that of the last moves (Zeiler, 2012): `lr` is 1 in the paper."""

    type: Literal["adadelta"] = "adadelta"
    lr: PositiveFloat = 1.0
    """Factor on each move."""
    rho: Beta = 0.9
    """Decay per step of the running means of squares."""
    eps: PositiveFloat = 1e-6
    """Added to both sizes; the size of the first moves."""

    def build(self, groups: list[ParameterGroup]) -> torch.optim.Optimizer:
        import torch

        return torch.optim.Adadelta(with_rates(groups, self.lr), lr=self.lr, rho=self.rho, eps=self.eps)


class RMSprop(Optimizer):
    """Divides each step by the gradient's running size (Tieleman and Hinton, 2012), with torch's order of root and eps."""

    type: Literal["rmsprop"] = "rmsprop"
    lr: PositiveFloat = 1e-2
    """Learning rate."""
    alpha: Beta = 0.99
    """Decay per step of the running mean of squares."""
    eps: PositiveFloat = 1e-8
    """Added to the divisor, against division by zero."""
    momentum: Beta = 0.0
    """Share of the last move that is added to the next."""
    centered: bool = False
    """Divide by the running deviation of the gradient, in place of its size."""

    def build(self, groups: list[ParameterGroup]) -> torch.optim.Optimizer:
        import torch

        return torch.optim.RMSprop(
            with_rates(groups, self.lr), lr=self.lr, alpha=self.alpha, eps=self.eps, momentum=self.momentum, centered=self.centered
        )


class Adafactor(Optimizer):
    """Adam without momentum whose squares are kept by row and column only: little memory (Shazeer and Stern, 2018).

    A step is `lr` times the root mean square of the weights it moves.
    """

    type: Literal["adafactor"] = "adafactor"
    decay: ClassVar[Literal["weights", "gradient", "none"]] = "weights"
    lr: PositiveFloat = 1e-2
    """Largest size of a step relative to the weights; it falls as 1 / sqrt(step) where that is smaller."""
    beta2_decay: NegativeFloat = -0.8
    """Power with which the memory of squares grows: after t steps its decay is 1 - t^beta2_decay."""
    eps: tuple[PositiveFloat | None, PositiveFloat] = (None, 1e-3)
    """Added to squares (null: the smallest number of the format), and the smallest size of weights that a step is relative to."""
    d: Annotated[float, Field(ge=1)] = 1.0
    """Bound of the root mean square of an update, above which it is scaled down."""

    def build(self, groups: list[ParameterGroup]) -> torch.optim.Optimizer:
        import torch

        return torch.optim.Adafactor(with_rates(groups, self.lr), lr=self.lr, beta2_decay=self.beta2_decay, eps=self.eps, d=self.d)
