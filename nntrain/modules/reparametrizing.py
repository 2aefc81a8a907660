"""Weights that are expressed by other parameters (weight norm, spectral norm)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from torch import Tensor, nn

POWER_ITERATIONS: Final = 15
"""As many as torch's spectral norm begins with."""


def fill_expressed(module: nn.Module, parameter: str, fill: Callable[[Tensor], None]) -> None:
    """Fill the weight that a parameter `….parametrizations.<weight>.original…` expresses, in place of the parameter itself.

    Each read of the weight in training mode is one step of the power iteration of a spectral norm, so that its singular vectors
    belong to the new weight.
    """
    owner_name, _, rest = parameter.partition("parametrizations.")
    owner = module.get_submodule(owner_name.removesuffix("."))
    name = rest.partition(".")[0]
    weight: Tensor = getattr(owner, name).detach().clone()
    fill(weight)
    setattr(owner, name, weight)
    was_training = owner.training
    owner.train()
    for _ in range(POWER_ITERATIONS):
        getattr(owner, name)
    owner.train(was_training)
