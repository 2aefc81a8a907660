"""Modules that draw numbers while training, and do nothing else."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import dropout


class SharedDropout(nn.Module):
    """Dropout with one draw for each row, or for each row and place of the axis `kept` (the batch is axis 0)."""

    def __init__(self, p: float, kept: int | None) -> None:
        super().__init__()
        self.p = p
        self.kept = kept

    def forward(self, x: Tensor) -> Tensor:
        """Same shape."""
        if not self.training or self.p == 0:
            return x
        shape = [size if axis in {0, self.kept} else 1 for axis, size in enumerate(x.shape)]
        return x * dropout(torch.ones(shape, dtype=x.dtype, device=x.device), self.p)


class AddedNoise(nn.Module):
    """Adds normally distributed numbers while training."""

    def __init__(self, std: float) -> None:
        super().__init__()
        self.std = std

    def forward(self, x: Tensor) -> Tensor:
        """Same shape."""
        return x + self.std * torch.randn_like(x) if self.training else x
