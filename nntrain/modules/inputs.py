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


class OneHotIndex(nn.Module):
    """An index as one-hot features: int64 `[B, …]` -> `[B, …, values]` of the network's precision; index 0 gives zeros."""

    def __init__(self, values: int) -> None:
        super().__init__()
        self.values: Tensor
        self.one: Tensor
        self.register_buffer("values", torch.arange(1, values + 1), persistent=False)
        self.register_buffer("one", torch.ones(()), persistent=False)

    def forward(self, index: Tensor) -> Tensor:
        """Encode."""
        return (index.unsqueeze(-1) == self.values).to(self.one.dtype)


class ColumnEmbedding(nn.Embedding):
    """Indices as learned vectors, one after another: int64 `[B, C]` -> `[B, F]`, F the sum of `dims`; index 0 gives zeros.

    The values of all columns are rows of one table `[1 + Σ (classes - 1), max(dims)]`: one lookup, then the true parts of its
    rows. Row 0 is zero and is not trained. (A lookup a column took twice as long for 6 columns and 64 rows on a CPU, backward
    pass included; a table without unused cells, looked up number by number, 5 to 9 times as long.)
    """

    def __init__(self, columns: Sequence[int], classes: Sequence[int], dims: Sequence[int]) -> None:
        super().__init__(1 + sum(classes) - len(classes), max(dims), padding_idx=0)
        offsets = [sum(classes[:place]) - place for place in range(len(classes))]
        kept = [place * max(dims) + cell for place, dim in enumerate(dims) for cell in range(dim)]
        self.columns: Tensor
        self.offsets: Tensor
        self.register_buffer("columns", torch.tensor(columns, dtype=torch.int64), persistent=False)
        self.register_buffer("offsets", torch.tensor(offsets, dtype=torch.int64), persistent=False)
        self.kept: Tensor | None
        self.register_buffer("kept", torch.tensor(kept) if len(kept) < max(dims) * len(dims) else None, persistent=False)

    def forward(self, input: Tensor) -> Tensor:
        """Encode."""
        indices = input.index_select(1, self.columns)
        rows = (indices + self.offsets).where(indices > 0, 0)
        vectors = embedding(rows, self.weight, padding_idx=0).flatten(1)
        return vectors if self.kept is None else vectors.index_select(1, self.kept)
