"""Modules that join several tensors. `missing` says for each which axes it lacks: it is repeated over them."""

from __future__ import annotations

import torch
from torch import Tensor, nn

Missing = tuple[tuple[int, ...], ...]


class Concatenate(nn.Module):
    """Joins tensors along an axis (the batch is axis 0)."""

    def __init__(self, axis: int, missing: Missing) -> None:
        super().__init__()
        self.axis = axis
        self.missing = missing if any(missing) else None

    def forward(self, *tensors: Tensor) -> Tensor:
        """Join, repeating rows of numbers over the steps or pixels of the others."""
        if self.missing is None:
            return torch.cat(tensors, self.axis)
        whole = next(tensor for tensor, axes in zip(tensors, self.missing, strict=True) if not axes)
        sizes = [-1 if axis == self.axis else size for axis, size in enumerate(whole.shape)]
        spread = [x if not axes else unsqueeze(x, axes).expand(sizes) for x, axes in zip(tensors, self.missing, strict=True)]
        return torch.cat(spread, self.axis)


class Sum(nn.Module):
    """Adds tensors up."""

    def __init__(self, missing: Missing) -> None:
        super().__init__()
        self.missing = missing if any(missing) else None

    def forward(self, *tensors: Tensor) -> Tensor:
        """Add, repeating rows of numbers over the steps or pixels of the others."""
        if self.missing is not None:
            tensors = tuple(unsqueeze(x, axes) for x, axes in zip(tensors, self.missing, strict=True))
        total = tensors[0] + tensors[1]
        for tensor in tensors[2:]:
            total = total + tensor
        return total


def unsqueeze(x: Tensor, axes: tuple[int, ...]) -> Tensor:
    """Insert axes of size 1, in rising order."""
    for axis in axes:
        x = x.unsqueeze(axis)
    return x
