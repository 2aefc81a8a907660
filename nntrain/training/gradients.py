"""The parameters that an optimizer moves, and their gradients."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor


def trained(optimizer: torch.optim.Optimizer) -> list[Tensor]:
    """The parameters that the optimizer moves; asking the network for them walks through all its modules."""
    return [parameter for group in optimizer.param_groups for parameter in group["params"]]


def gradient_norm(parameters: Iterable[Tensor]) -> Tensor:
    """Norm of all gradients together, a scalar; 0 where there is none."""
    return torch.nn.utils.get_total_norm([parameter.grad for parameter in parameters if parameter.grad is not None])
