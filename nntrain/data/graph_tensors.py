"""Graphs as tensors: all nodes as inputs, and targets of the nodes or graphs that are scored."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, cast

import numpy as np
import torch

from nntrain.data.batches import TensorData
from nntrain.data.packed import PackedSteps, StoredTarget
from nntrain.data.packed_graphs import PackedGraphs, PackedNodes
from nntrain.data.scored_units import Units
from nntrain.specs import CATEGORY_BLOCK, GRAPH, NUMBER_BLOCK, Spec, blocks

if TYPE_CHECKING:
    from nntrain.data.fields.field import Array, Encoded
    from nntrain.data.graphs import Graphs


def graph_tensors(
    graphs: Graphs,
    inputs: Mapping[str, Spec],
    nodes: Mapping[str, Encoded],
    scored: Mapping[tuple[str, str], Encoded],
    rows: Array,
    of_nodes: Collection[str],
) -> TensorData:
    """Put graphs together; each is a row, numbered as `graphs` counts them.

    Args:
        graphs: How the nodes belong together.
        inputs: What nodes have.
        nodes: Numbers of all nodes of the graphs that `rows` are of, by input, in the order of `graphs.nodes(rows)`.
        scored: Numbers of `rows` by role and field, targets and the weight; of whole graphs the first row of each counts. Empty where
            they are not known.
        rows: The rows of the table, nodes, that are scored, int64 `[M]`.
        of_nodes: Targets that each node has; the others are of graphs.
    """
    every = graphs.nodes(rows)
    numbers = np.unique(graphs.graph[every])
    offsets = torch.from_numpy(np.append(np.searchsorted(graphs.graph[every], numbers), len(every)).astype(np.int64))
    place = np.full(len(graphs.graph), -1, dtype=np.int64)
    place[every] = np.arange(len(every))
    first = np.unique(graphs.graph[rows], return_index=True)[1]
    targets: dict[str, torch.Tensor] = {}
    stored_targets: dict[str, StoredTarget] = {}
    weights: torch.Tensor | None = None
    for (role, name), found in scored.items():
        if role == "weight":
            weights = torch.from_numpy(found.values[first].astype(np.float32))
        elif name in of_nodes:
            stored_targets[name] = PackedNodes(PackedSteps(_masked(found.values, place[rows], len(every)), offsets))
        else:
            targets[name] = torch.from_numpy(np.ascontiguousarray(found.values[first]))
    return TensorData(
        {},
        targets,
        weights,
        torch.from_numpy(numbers),
        {GRAPH: _packed(graphs, inputs, nodes, place, offsets)},
        stored_targets=stored_targets,
        units=_units(rows[np.argsort(place[rows])] if scored else every, every) if of_nodes else None,
    )


def _units(scored: Array, predicted: Array) -> Units:
    return Units(torch.from_numpy(scored), torch.from_numpy(predicted))


def _masked(values: Array, places: Array, nodes: int) -> torch.Tensor:
    """Values `[M, …]` of some nodes among all `[S, …]`, and at the others what counts nothing: -1 of classes, NaN of numbers."""
    found = np.full((nodes, *values.shape[1:]), -1 if values.dtype.kind in "iu" else np.nan, dtype=values.dtype)
    found[places] = values
    return torch.from_numpy(found)


def _packed(graphs: Graphs, inputs: Mapping[str, Spec], nodes: Mapping[str, Encoded], place: Array, offsets: torch.Tensor) -> PackedGraphs:
    """Single values of nodes in blocks, vectors under their names; edges between nodes by row, counted from its first node."""
    found: dict[str, Array] = {}
    grouped = blocks(inputs)
    for block, dtype in ((NUMBER_BLOCK, np.float32), (CATEGORY_BLOCK, np.int64)):
        if block in grouped:
            found[block] = np.stack([nodes[name].values for name in grouped[block]], axis=1).astype(dtype, copy=False)
    found |= {name: nodes[name].values for name in inputs if not any(name in names for names in grouped.values())}
    ends = place[graphs.edges]
    order = np.flatnonzero(ends[0] >= 0)
    starts: Array = offsets.numpy()
    rows = cast("Array", np.searchsorted(starts, ends[0, order], side="right")) - 1
    by_row = np.argsort(rows, kind="stable")
    order, rows = order[by_row], rows[by_row]
    counts = torch.from_numpy(np.bincount(rows, minlength=len(offsets) - 1))
    edges = torch.from_numpy((ends[:, order] - starts[rows]).T.copy())
    weights = torch.ones(len(order)) if graphs.weights is None else torch.from_numpy(graphs.weights[order])
    packed = {name: PackedNodes(PackedSteps(torch.from_numpy(np.ascontiguousarray(values)), offsets)) for name, values in found.items()}
    return PackedGraphs(packed, PackedSteps.of(edges, counts), PackedSteps.of(weights, counts))
