"""Modules in which only directions count."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn.functional import linear, normalize


class CosineLinear(nn.Linear):
    """Cosine of the input to each row of the weights."""

    def __init__(self, in_features: int, out_features: int) -> None:
        super().__init__(in_features, out_features, bias=False)

    def forward(self, input: Tensor) -> Tensor:
        """`[B, …, F]` to `[B, …, K]`."""
        return linear(normalize(input, dim=-1), normalize(self.weight, dim=-1))
