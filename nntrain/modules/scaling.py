"""Modules that scale what they get."""

from __future__ import annotations

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
