"""Which rows are the units of others: the nodes of graphs. Torch-free."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

    from nntrain.data.batches import TensorData


@dataclass(frozen=True, slots=True)
class Units:
    """The rows of a table that are the units of some rows: the nodes of graphs."""

    scored: Tensor
    """Numbers in the source of those that have a target, int64 `[U]`, in the order of predictions."""
    predicted: Tensor
    """Numbers in the source of all, int64 `[S]`, in the order of predictions."""


def num_scored(data: TensorData) -> int:
    """How many rows, or units of them, are scored."""
    return len(data) if data.units is None else len(data.units.scored)
