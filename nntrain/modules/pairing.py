"""Pairs of nodes: both are gathered and become one row."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn


class PairOf(nn.Module):
    """What two nodes are together: `[S, F] -> [P, 1]` as `dot`, `[P, F]` as `multiply`, `[P, 2 * F]` as `concat`."""

    def __init__(self, how: Literal["dot", "multiply", "concat"]) -> None:
        super().__init__()
        self.how = how

    def forward(self, x: Tensor, *, pairs: Tensor) -> Tensor:
        """Join the rows of `x` that `pairs`, int64 `[2, P]`, has the numbers of."""
        first, second = x.index_select(0, pairs[0]), x.index_select(0, pairs[1])
        if self.how == "concat":
            return torch.cat([first, second], dim=1)
        product = first * second
        return product.sum(1, keepdim=True) if self.how == "dot" else product
