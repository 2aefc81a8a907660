"""Variants of Adam: other norms, Nesterov's momentum, a rectified start."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import NonNegativeFloat, PositiveFloat

from nntrain.optimizers.groups import ParameterGroup, with_rates
from nntrain.optimizers.optimizer import Beta, Optimizer

if TYPE_CHECKING:
    import torch


class Adamax(Optimizer):
    """Adam that divides by the largest recent gradient, in place of the mean square (Kingma and Ba, 2015, section 7.1)."""

    type: Literal["adamax"] = "adamax"
    lr: PositiveFloat = 2e-3
    """Learning rate."""
    betas: tuple[Beta, Beta] = (0.9, 0.999)
    """Decay per step of the running mean of the gradient and of its largest size."""
    eps: PositiveFloat = 1e-8
    """Added to the divisor, against division by zero."""

    def build(self, groups: list[ParameterGroup]) -> torch.optim.Optimizer:
        import torch

        return torch.optim.Adamax(with_rates(groups, self.lr), lr=self.lr, betas=self.betas, eps=self.eps)


class NAdam(Optimizer):
    """Adam with Nesterov's momentum (Dozat, 2016)."""

    type: Literal["nadam"] = "nadam"
    lr: PositiveFloat = 2e-3
    """Learning rate."""
    betas: tuple[Beta, Beta] = (0.9, 0.999)
    """Decay per step of the running means of the gradient and of its square."""
    eps: PositiveFloat = 1e-8
    """Added to the divisor, against division by zero."""
    momentum_decay: NonNegativeFloat = 4e-3
    """How fast the momentum rises to its full size."""
    decoupled_weight_decay: bool = False
    """Whether weight decay shrinks the weights directly, as in adamw, and is not added to the gradient."""

    @property
    def decouples(self) -> bool:
        return self.decoupled_weight_decay

    def build(self, groups: list[ParameterGroup]) -> torch.optim.Optimizer:
        import torch

        return torch.optim.NAdam(
            with_rates(groups, self.lr),
            lr=self.lr,
            betas=self.betas,
            eps=self.eps,
            momentum_decay=self.momentum_decay,
            decoupled_weight_decay=self.decoupled_weight_decay,
        )


class RAdam(Optimizer):
    """Adam that begins as momentum, until the running squares are reliable (Liu et al., 2020): needs no warm-up."""

    type: Literal["radam"] = "radam"
    betas: tuple[Beta, Beta] = (0.9, 0.999)
    """Decay per step of the running means of the gradient and of its square."""
    eps: PositiveFloat = 1e-8
    """Added to the divisor, against division by zero."""
    decoupled_weight_decay: bool = False
    """Whether weight decay shrinks the weights directly, as in adamw, and is not added to the gradient."""

    @property
    def decouples(self) -> bool:
        return self.decoupled_weight_decay

    def build(self, groups: list[ParameterGroup]) -> torch.optim.Optimizer:
        import torch

        return torch.optim.RAdam(
            with_rates(groups, self.lr),
            lr=self.lr,
            betas=self.betas,
            eps=self.eps,
            decoupled_weight_decay=self.decoupled_weight_decay,
        )
