"""Modules that scale what they get."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize


class UnitLength(nn.Module):
    """Divides by the length along an axis (the batch is axis 0)."""

    def __init__(self, p: float, axis: int, eps: float) -> None:
        super().__init__()
        self.p = p
        self.axis = axis
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        """Same shape."""
        return normalize(x, self.p, self.axis, self.eps)


class Scaled(nn.Module):
    """Times a constant."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, x: Tensor) -> Tensor:
        """Same shape."""
        return x * self.factor


class LearnedScale(nn.Module):
    """Times a learned factor for each place of an axis (the batch is axis 0)."""

    def __init__(self, size: int, init: float, axis: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.full((size,), init))
        self.axis = axis

    def forward(self, x: Tensor) -> Tensor:
        """Same shape."""
        return x * self.scale.view(-1, *[1] * (x.ndim - 1 - self.axis))
