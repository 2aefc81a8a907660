"""Activations that torch lacks, or has for another order of axes."""

from __future__ import annotations

from typing import Final, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional


class LearnedSlope(nn.Module):
    """x above 0, a * x below; one slope a, or one for each place of an axis (the batch is axis 0)."""

    def __init__(self, slopes: int, init: float, axis: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.full((slopes,), init))
        self.axis = axis

    def forward(self, x: Tensor) -> Tensor:
        """Same shape."""
        slopes = self.weight.view(-1, *[1] * (x.ndim - 1 - self.axis)) if len(self.weight) > 1 else self.weight
        return torch.where(x > 0, x, slopes * x)


class PartlyActivated(nn.Module):
    """x + a (f(x) - x) with a learned factor a for each place of an axis (the batch is axis 0)."""

    def __init__(self, activation: nn.Module, size: int, init: float, axis: int) -> None:
        super().__init__()
        self.amount = nn.Parameter(torch.full((size,), init))
        self.activation = activation
        self.axis = axis

    def forward(self, x: Tensor) -> Tensor:
        """Same shape."""
        return x + self.amount.view(-1, *[1] * (x.ndim - 1 - self.axis)) * (self.activation(x) - x)


GATES: Final = {"relu": torch.relu, "gelu": functional.gelu, "silu": functional.silu}


class GatedUnit(nn.Module):
    """Half of an axis, gated by the other half: the second half for `sigmoid` (as torch's GLU), the first for the others."""

    def __init__(self, gate: Literal["sigmoid", "relu", "gelu", "silu"], axis: int) -> None:
        super().__init__()
        self.gate = gate
        self.axis = axis

    def forward(self, x: Tensor) -> Tensor:
        """Half the size along the axis."""
        first, second = x.chunk(2, self.axis)
        return first * second.sigmoid() if self.gate == "sigmoid" else GATES[self.gate](first) * second


class LargestOf(nn.Module):
    """The largest of every `pieces` numbers along an axis."""

    def __init__(self, pieces: int, axis: int) -> None:
        super().__init__()
        self.pieces = pieces
        self.axis = axis

    def forward(self, x: Tensor) -> Tensor:
        """1 / `pieces` of the size along the axis."""
        before, after = x.shape[: self.axis], x.shape[self.axis + 1 :]
        return x.reshape(*before, -1, self.pieces, *after).amax(self.axis + 1)
