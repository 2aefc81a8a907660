"""Modules of the input stage: what turns stored fields into numbers. Each serves any number of columns with one operation."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import embedding


class SelectColumns(nn.Module):
    """Some columns of a block: `[B, C] -> [B, len(columns)]`."""

    def __init__(self, columns: Sequence[int]) -> None:
        super().__init__()
        self.columns: Tensor
        self.register_buffer("columns", torch.tensor(columns), persistent=False)

    def forward(self, block: Tensor) -> Tensor:
        """Select."""
        return block.index_select(1, self.columns)


class SingleColumn(nn.Module):
    """One column of a block: `[B, C] -> [B]`."""

    def __init__(self, column: int) -> None:
        super().__init__()
        self.column = column

    def forward(self, block: Tensor) -> Tensor:
        """Select."""
        return block.select(1, self.column)


class OneHot(nn.Module):
    """Indices as one-hot features: int64 `[B, C]` -> float32 `[B, F]`, F the values of all columns; index 0 gives zeros.

    Feature f asks whether its column has its value: one gather and one comparison, which any compiler and `vmap` can take.
    """

    def __init__(self, columns: Sequence[int], classes: Sequence[int]) -> None:
        super().__init__()
        asked = [(column, value) for column, count in zip(columns, classes, strict=True) for value in range(1, count)]
        self.columns: Tensor
        self.values: Tensor
        self.register_buffer("columns", torch.tensor([column for column, _ in asked], dtype=torch.int64), persistent=False)
        self.register_buffer("values", torch.tensor([value for _, value in asked], dtype=torch.int64), persistent=False)

    def forward(self, block: Tensor) -> Tensor:
        """Encode."""
        return (block.index_select(1, self.columns) == self.values).float()


class ColumnEmbedding(nn.Embedding):
    """Indices as learned vectors, one after another: int64 `[B, C]` -> `[B, F]`, F the sum of `dims`; index 0 gives zeros.

    The tables of all columns lie one after another in `weight` `[1 + Σ (classes - 1) * dim, 1]`; its first row is zero and is not
    trained (normal(0, 1) otherwise, as torch's). A feature looks up its own cell, so columns of different `dims` need one lookup
    together, not one each.
    """

    def __init__(self, columns: Sequence[int], classes: Sequence[int], dims: Sequence[int]) -> None:
        starts, size = list[int](), 1
        for count, dim in zip(classes, dims, strict=True):
            starts += [size - dim + cell for cell in range(dim)]  # the vector of value v starts (v - 1) * dim cells further on
            size += (count - 1) * dim
        super().__init__(size, 1, padding_idx=0)
        repeated = [(column, dim) for column, dim in zip(columns, dims, strict=True) for _ in range(dim)]
        self.columns: Tensor
        self.strides: Tensor
        self.starts: Tensor
        self.register_buffer("columns", torch.tensor([column for column, _ in repeated], dtype=torch.int64), persistent=False)
        self.register_buffer("strides", torch.tensor([dim for _, dim in repeated], dtype=torch.int64), persistent=False)
        self.register_buffer("starts", torch.tensor(starts, dtype=torch.int64), persistent=False)

    def forward(self, input: Tensor) -> Tensor:
        """Encode."""
        indices = input.index_select(1, self.columns)
        cells = (self.starts + indices * self.strides).where(indices > 0, 0)
        return embedding(cells, self.weight, padding_idx=0).squeeze(2)
