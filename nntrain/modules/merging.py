"""Modules that join several tensors. `missing` says for each which axes it lacks: it is repeated over them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import cosine_similarity

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


class Fold(nn.Module):
    """Joins tensors of one shape number by number."""

    def __init__(self, how: Literal["sum", "difference", "product", "mean", "max"], missing: Missing) -> None:
        super().__init__()
        self.how = how
        self.missing = missing if any(missing) else None

    def forward(self, *tensors: Tensor) -> Tensor:
        """Join, repeating rows of numbers over the steps or pixels of the others."""
        joined, *rest = tensors if self.missing is None else spread(tensors, self.missing)
        operation = _OPERATIONS[self.how]
        for tensor in rest:
            joined = operation(joined, tensor)
        return joined / len(tensors) if self.how == "mean" else joined


_OPERATIONS: Final = {"sum": torch.add, "difference": torch.sub, "product": torch.mul, "mean": torch.add, "max": torch.maximum}


class StackTensors(nn.Module):
    """Puts tensors side by side along a new axis (the batch is axis 0)."""

    def __init__(self, axis: int) -> None:
        super().__init__()
        self.axis = axis

    def forward(self, *tensors: Tensor) -> Tensor:
        """Stack."""
        return torch.stack(tensors, self.axis)


class Comparison(nn.Module):
    """One number for two tensors, over an axis that keeps the size 1."""

    def __init__(self, how: Literal["dot", "cosine", "distance"], axis: int, missing: Missing) -> None:
        super().__init__()
        self.how = how
        self.axis = axis
        self.missing = missing if any(missing) else None

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """Compare, repeating a row of numbers over the steps or pixels of the other."""
        if self.missing is not None:
            first, second = spread((first, second), self.missing)
        if self.how == "dot":
            return (first * second).sum(self.axis, keepdim=True)
        if self.how == "cosine":
            return cosine_similarity(first, second, self.axis).unsqueeze(self.axis)
        return ((first - second).square().sum(self.axis, keepdim=True) + 1e-12).sqrt()


def spread(tensors: Sequence[Tensor], missing: Missing) -> list[Tensor]:
    """Give tensors the axes that they lack, with size 1."""
    return [unsqueeze(x, axes) for x, axes in zip(tensors, missing, strict=True)]


def unsqueeze(x: Tensor, axes: tuple[int, ...]) -> Tensor:
    """Insert axes of size 1, in rising order."""
    for axis in axes:
        x = x.unsqueeze(axis)
    return x
