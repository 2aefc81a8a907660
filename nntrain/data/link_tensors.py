"""Pairs of nodes as tensors: which are asked for, which of them are edges, and others for each epoch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, cast

import numpy as np
import torch
from torch import Tensor

from nntrain.data.batches import TensorData
from nntrain.data.noise import derive_seed
from nntrain.data.packed import StoredTarget
from nntrain.data.scored_units import Units
from nntrain.specs import GRAPH

if TYPE_CHECKING:
    from nntrain.data.fields.field import Array
    from nntrain.data.links import Absent, Links
    from nntrain.data.sources.source import Part

PAIRS: Final = f"{GRAPH}.pairs"


@dataclass(frozen=True, slots=True)
class WholeGraph(StoredTarget):
    """Values that belong to all nodes of the one graph that is the only row: its pairs `[2, P]`, what is true of them `[P]`."""

    values: Tensor

    def __len__(self) -> int:
        return 1

    def take(self, index: Tensor) -> WholeGraph:
        """The row."""
        return self

    def narrow(self, start: int, end: int) -> WholeGraph:
        """The row."""
        return self

    def to(self, device: torch.device | str) -> WholeGraph:
        """The same on a device."""
        return WholeGraph(self.values.to(device))

    @property
    def values_per_row(self) -> int:
        """All."""
        return self.values.numel()

    @property
    def row_bytes(self) -> int:
        """0, as they stay where they are."""
        return 0

    def tensors(self, name: str) -> Mapping[str, Tensor]:
        """The values."""
        return {name: self.values}


@dataclass(frozen=True, slots=True)
class Redrawn:
    """The training pairs of an epoch: the edges, and as many others as ever, drawn by (seed, epoch)."""

    target: str
    edges: Array
    """Int64 `[2, M]`."""
    absent: Absent
    count: int
    """Pairs without an edge."""

    def at(self, data: TensorData, *, seed: int, epoch: int) -> TensorData:
        """The rows with the pairs of an epoch. Which node of an edge is first is drawn too, where that says nothing."""
        own = derive_seed(seed, "negatives", epoch)
        none, edges = self.absent.draw(self.count, own), self.edges
        if not self.absent.is_directed:
            none, edges = _turned(none, own + 1), _turned(edges, own + 2)
        return _asking(data, edges, none, self.target)


def linked(data: TensorData, links: Links, part: Part, target: str) -> TensorData:
    """A graph that asks for the pairs of a split; those of training are others in each epoch, and in evaluations the same."""
    edges, none = links.edges[part], links.none[part]
    redrawn = Redrawn(target, edges, links.absent, none.shape[1]) if part == "train" else None
    numbers = torch.from_numpy(links.absent.numbered(np.concatenate([edges, none], axis=1)))
    return replace(_asking(data, edges, none, target), units=Units(numbers, numbers), redrawn=redrawn)


def asking(data: TensorData, pairs: Array) -> TensorData:
    """A graph that asks for some pairs `[2, P]`, of which nothing is known; they are numbered in their order."""
    numbers = torch.arange(pairs.shape[1])
    stored = {**data.stored, PAIRS: WholeGraph(torch.from_numpy(np.ascontiguousarray(pairs)))}
    return replace(data, stored=stored, units=Units(numbers, numbers))


def _asking(data: TensorData, edges: Array, none: Array, target: str) -> TensorData:
    pairs = torch.from_numpy(np.concatenate([edges, none], axis=1))
    truth = torch.cat([torch.ones(edges.shape[1]), torch.zeros(none.shape[1])])
    device = data.rows.device
    return replace(
        data,
        stored={**data.stored, PAIRS: WholeGraph(pairs.to(device))},
        stored_targets={target: WholeGraph(truth.to(device))},
    )


def _turned(pairs: Array, seed: int) -> Array:
    """Pairs of which some have the other node first."""
    draw = cast("Array", np.random.default_rng(seed).random(pairs.shape[1]))
    turn = cast("Array", draw < 0.5)
    return np.where(turn, pairs[::-1], pairs)
