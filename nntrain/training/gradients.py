"""The parameters that an optimizer moves, and their gradients."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, cast

import torch
from torch import Tensor, nn

from nntrain.modules.known_torch import IS_KNOWN

_FEW: Final = 2**16
"""Numbers of all gradients that are copied side by side for their norm: for so few it takes half of what a norm of each takes."""


def trained(optimizer: torch.optim.Optimizer) -> list[nn.Parameter]:
    """The parameters that the optimizer moves; asking the network for them walks through all its modules."""
    return [parameter for group in optimizer.param_groups for parameter in group["params"]]


def gradient_norm(parameters: Iterable[Tensor]) -> Tensor:
    """Norm of all gradients together, a scalar; 0 where there is none."""
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    is_plain = len({(type(gradient), gradient.dtype, gradient.device) for gradient in gradients}) == 1 and type(gradients[0]) is Tensor
    if is_plain and sum(gradient.numel() for gradient in gradients) <= _FEW:
        return cast("Tensor", torch.linalg.vector_norm(torch.cat([gradient.reshape(-1) for gradient in gradients])))
    if is_plain and IS_KNOWN:  # what the public function does, without the look at each tensor's device and type, which takes 0.1 ms
        norms = torch._foreach_norm(gradients)  # pyright: ignore[reportPrivateUsage, reportPrivateImportUsage]
        return cast("Tensor", torch.linalg.vector_norm(torch.stack(norms)))
    return torch.nn.utils.get_total_norm(gradients)
