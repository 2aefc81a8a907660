"""Graphs as rows: their nodes and edges one after another, several of them as one block-diagonal graph."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from nntrain.data.moving import sent
from nntrain.data.packed import LENGTHS, PackedSteps, StoredTarget
from nntrain.specs import GRAPH

EDGES = f"{GRAPH}.edges"
WEIGHTS = f"{GRAPH}.weights"


@dataclass(frozen=True, slots=True)
class PackedNodes(StoredTarget):
    """A value for each node of each row, never padded: a batch has `[S, …]`."""

    steps: PackedSteps

    def __len__(self) -> int:
        return len(self.steps)

    def take(self, index: Tensor) -> PackedNodes:
        """Some rows, by position `[M]`; all of them in their order are these."""
        return self if is_whole(index, len(self)) else PackedNodes(self.steps.take(index))

    def narrow(self, start: int, end: int) -> PackedNodes:
        """The rows from `start` to before `end`, without a copy of their values."""
        return PackedNodes(self.steps.narrow(start, end))

    def to(self, device: torch.device | str) -> PackedNodes:
        """The same rows with their values on a device."""
        return PackedNodes(self.steps.to(device))

    @property
    def values_per_row(self) -> int:
        """Values of the nodes of the largest row."""
        return self.steps.values_per_row

    @property
    def row_bytes(self) -> int:
        """Of the average row; 0 for a single one, which stays where it is."""
        return 0 if len(self) == 1 else self.steps.row_bytes

    def tensors(self, name: str) -> Mapping[str, Tensor]:
        """The values `[S, …]`."""
        return {name: self.steps.values}


def is_whole(index: Tensor, rows: int) -> bool:
    """Whether positions are those of all rows in their order."""
    return len(index) == rows and torch.equal(index.cpu(), torch.arange(rows))


@dataclass(frozen=True, slots=True)
class PackedGraphs:
    """All that is known of the nodes of each row, and the edges between them."""

    nodes: Mapping[str, PackedNodes]
    """By input; all with the same offsets. There is at least one."""
    edges: PackedSteps
    """`[E, 2]` by row: the nodes that an edge goes from and to, counted within the row."""
    weights: PackedSteps
    """`[E]`."""

    @property
    def lengths(self) -> Tensor:
        """Nodes of each row, int64 `[N]` on the CPU."""
        return next(iter(self.nodes.values())).steps.lengths

    def __len__(self) -> int:
        return len(self.edges)

    def take(self, index: Tensor) -> PackedGraphs:
        """Some rows, by position `[M]`; all of them in their order are these."""
        if is_whole(index, len(self)):
            return self
        nodes = {name: values.take(index) for name, values in self.nodes.items()}
        return replace(self, nodes=nodes, edges=self.edges.take(index), weights=self.weights.take(index))

    def narrow(self, start: int, end: int) -> PackedGraphs:
        """The rows from `start` to before `end`, without a copy of their values."""
        nodes = {name: values.narrow(start, end) for name, values in self.nodes.items()}
        return replace(self, nodes=nodes, edges=self.edges.narrow(start, end), weights=self.weights.narrow(start, end))

    def to(self, device: torch.device | str) -> PackedGraphs:
        """The same rows with their values on a device."""
        nodes = {name: values.to(device) for name, values in self.nodes.items()}
        return replace(self, nodes=nodes, edges=self.edges.to(device), weights=self.weights.to(device))

    @property
    def values_per_row(self) -> int:
        """Values of the nodes of the largest row."""
        return sum(values.values_per_row for values in self.nodes.values())

    @property
    def row_bytes(self) -> int:
        """Of the average row; 0 for a single one, which stays where it is."""
        if len(self) == 1:
            return 0
        return sum(packed.row_bytes for packed in (*self.nodes.values(), self.edges, self.weights))

    def tensors(self, name: str) -> Mapping[str, Tensor]:
        """The nodes `[S, …]` by input, and below the name `edges` int64 `[2, E]`, `weights` `[E]` and `lengths` `[N]`, nodes by row."""
        lengths = self.lengths
        starts = (lengths.cumsum(0) - lengths).repeat_interleave(self.edges.lengths)
        edges = self.edges.values.T.contiguous()
        return {
            **{key: values.steps.values for key, values in self.nodes.items()},
            EDGES: edges + sent(starts, edges.device) if len(self) > 1 else edges,
            WEIGHTS: self.weights.values,
            LENGTHS.format(name): sent(lengths, edges.device),
        }


def part_of_graphs(tensors: Mapping[str, Tensor], lengths: Tensor, start: int, end: int) -> dict[str, Tensor]:
    """What belongs to some rows of a batch of graphs: nodes `[S, …]`, and the edges between them.

    Args:
        tensors: Of the batch: of nodes, or of its edges.
        lengths: Nodes of each row of the batch, int64 `[B]`.
        start: The first row.
        end: The row after the last.
    """
    first, last = int(lengths[:start].sum()), int(lengths[:end].sum())
    found: dict[str, Tensor] = {}
    own = slice(0, 0)
    if EDGES in tensors:
        ends = tensors[EDGES][0]  # rows stand one after another, and so do their edges
        own = slice(int((ends < first).sum()), int((ends < last).sum()))
    for name, tensor in tensors.items():
        if name == EDGES:
            found[name] = tensor[:, own] - first
        elif name == WEIGHTS:
            found[name] = tensor[own]
        else:
            found[name] = tensor[start:end] if name == LENGTHS.format(GRAPH) else tensor[first:last]
    return found
