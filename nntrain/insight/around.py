"""Graphs as rows that are padded to one size, so that what is asked of single rows can be asked of them: `[B, N, …]` in place of `[S, …]`.

Of a target that each node has, a row is a node with those around it that its answer hangs on: as far as messages reach. Nodes further away
count in what their neighbours divide by, and in nothing else, so that one stand-in without a meaning is as good as all of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, cast

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from nntrain.data.packed import LENGTHS
from nntrain.data.packed_graphs import EDGES, WEIGHTS
from nntrain.modules.network import Network
from nntrain.specs import GRAPH

NODE_COUNTS: Final = LENGTHS.format(GRAPH)
EDGE_COUNTS: Final = f"{GRAPH}.edge_lengths"
"""Edges of each row, int64 `[B]`, where they are padded too, `[B, E, 2]`."""
CENTER: Final = f"{GRAPH}.center"
"""Place of the node of each row whose answer it is, int64 `[B]`; not there where the answer is that of the whole graph."""
_BESIDE: Final = frozenset({EDGES, WEIGHTS, NODE_COUNTS, EDGE_COUNTS, CENTER})


@dataclass(frozen=True, slots=True)
class PaddedGraphs:
    """Some rows."""

    inputs: Mapping[str, Tensor]
    """By key: of nodes `[B, N, …]`, edges int64 `[B, E, 2]` counted within the row, their weights `[B, E]`, and counts `[B]`."""
    nodes: Tensor
    """Where each node is among those of the batch, int64 `[B, N]`; -1 where there is none, and for stand-ins."""
    hops: Tensor
    """How many edges it is away from the node whose answer it is, int64 `[B, N]`; 0 where the answer is that of the graph."""


def is_padded(inputs: Mapping[str, Tensor]) -> bool:
    """Whether rows are graphs that are padded to one size."""
    return EDGE_COUNTS in inputs


def reach(network: Network) -> int | None:
    """How many edges away what an answer hangs on can be, at most; `None` where a layer looks at a whole graph."""
    calls = network.wiring.calls
    keys = network.wiring.keys
    if NODE_COUNTS in network.wiring.length_keys and any(call.lengths is not None for call in calls):
        return None
    return sum(any(keys[place] == EDGES for _, place in call.named) for call in calls)


def whole_graphs(inputs: Mapping[str, Tensor]) -> PaddedGraphs:
    """The graphs of a batch, a row each."""
    counts = inputs[NODE_COUNTS]
    starts = counts.cumsum(0) - counts
    source, target = inputs[EDGES]
    row = torch.repeat_interleave(torch.arange(len(counts), device=counts.device), counts)
    rows: list[_Row] = []
    for place, (start, count) in enumerate(zip(cast("list[int]", starts.tolist()), cast("list[int]", counts.tolist()), strict=True)):
        kept = row[source] == place
        nodes = torch.arange(start, start + count, device=counts.device)
        rows.append(_Row(nodes, torch.zeros_like(nodes), torch.stack([source[kept], target[kept]], dim=1) - start, _weights(inputs, kept)))
    return _padded(inputs, rows)


def nodes_with_neighbors(inputs: Mapping[str, Tensor], centers: Tensor, hops: int | None) -> PaddedGraphs:
    """Some nodes of a batch, int64 `[B]`, a row each: with the nodes at most so many edges away; `None`: with their whole graph."""
    counts = inputs[NODE_COUNTS]
    ends = counts.cumsum(0)
    rows: list[_Row] = []
    for center in cast("list[int]", centers.tolist()):
        end = int(ends[int(torch.searchsorted(ends, center, right=True))])
        start = end - int(counts[int(torch.searchsorted(ends, center, right=True))])
        rows.append(_around(inputs, center, hops, (start, end)))
    padded = _padded(inputs, rows)
    return PaddedGraphs({**padded.inputs, CENTER: torch.zeros_like(centers)}, padded.nodes, padded.hops)


@dataclass(frozen=True, slots=True)
class _Row:
    nodes: Tensor
    """Int64 `[N]`; -1 for a stand-in."""
    hops: Tensor
    edges: Tensor
    """`[E, 2]`, counted within the row."""
    weights: Tensor


def _weights(inputs: Mapping[str, Tensor], kept: Tensor) -> Tensor:
    return inputs[WEIGHTS][kept] if WEIGHTS in inputs else torch.ones(int(kept.sum()), device=kept.device)


def _around(inputs: Mapping[str, Tensor], center: int, hops: int | None, graph: tuple[int, int]) -> _Row:
    source, target = inputs[EDGES]
    total = len(next(tensor for key, tensor in inputs.items() if key not in _BESIDE))
    away = torch.full((total,), -1, dtype=torch.int64, device=source.device)
    away[center] = 0
    step = 0
    while hops is None or step < hops:
        is_new = (away[target] == step) & (away[source] < 0)
        if not bool(is_new.any()):
            break
        step += 1
        away[source[is_new]] = step
    if hops is None:
        own = away[graph[0] : graph[1]]
        own[own < 0] = step + 1  # no message of theirs arrives, but layers that look at the whole graph see them
    nodes = (away >= 0).nonzero().squeeze(1)
    nodes = nodes[away[nodes].argsort(stable=True)]
    kept = away[target] >= 0
    place = torch.full((total,), len(nodes), dtype=torch.int64, device=source.device)  # the stand-in is the last
    place[nodes] = torch.arange(len(nodes), device=source.device)
    edges = torch.stack([place[source[kept]], place[target[kept]]], dim=1)
    has_stand_in = bool((edges[:, 0] == len(nodes)).any())
    found, hop = nodes, away[nodes]
    if has_stand_in:
        found, hop = torch.cat([nodes, nodes.new_tensor([-1])]), torch.cat([hop, hop.new_tensor([step + 1])])
    return _Row(found, hop, edges, _weights(inputs, kept))


def _padded(inputs: Mapping[str, Tensor], rows: list[_Row]) -> PaddedGraphs:
    nodes = pad_sequence([row.nodes for row in rows], batch_first=True, padding_value=-1)
    hops = pad_sequence([row.hops for row in rows], batch_first=True, padding_value=0)
    edges = pad_sequence([row.edges for row in rows], batch_first=True)
    weights = pad_sequence([row.weights for row in rows], batch_first=True)
    found = {key: tensor[nodes.clamp(min=0)] for key, tensor in inputs.items() if key not in _BESIDE}
    counts = torch.tensor([len(row.nodes) for row in rows], device=nodes.device)
    edge_counts = torch.tensor([len(row.edges) for row in rows], device=nodes.device)
    beside = {EDGES: edges, WEIGHTS: weights, NODE_COUNTS: counts, EDGE_COUNTS: edge_counts}
    return PaddedGraphs({**found, **beside}, nodes, hops)


def packed(padded: Mapping[str, Tensor]) -> dict[str, Any]:
    """What a network reads of padded rows: their nodes one after another, and the edges between these."""
    counts, edge_counts = padded[NODE_COUNTS], padded[EDGE_COUNTS]
    starts = counts.cumsum(0) - counts
    found: dict[str, Any] = {key: tensor[_there(counts, tensor)] for key, tensor in padded.items() if key not in _BESIDE}
    edges, weights = padded[EDGES], padded[WEIGHTS]
    kept = _there(edge_counts, weights)
    return {**found, EDGES: (edges + starts.view(-1, 1, 1))[kept].T, WEIGHTS: weights[kept], NODE_COUNTS: counts}


def answers_of_rows(padded: Mapping[str, Tensor], outputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Of what a network outputs for all nodes `[S, …]` that for the node of each row, `[B, …]`; that for whole graphs as it is."""
    if CENTER not in padded:
        return dict(outputs)
    counts = padded[NODE_COUNTS]
    places = counts.cumsum(0) - counts + padded[CENTER]
    return {name: output.index_select(0, places) for name, output in outputs.items()}


def spread_out(padded: Mapping[str, Tensor], values: Tensor) -> Tensor:
    """Numbers of nodes one after another, `[S, …]`, padded: `[B, N, …]`."""
    counts = padded[NODE_COUNTS]
    size = next(tensor.shape[1] for key, tensor in padded.items() if key not in _BESIDE)
    found = values.new_zeros(len(counts), size, *values.shape[1:])
    found[torch.arange(size, device=values.device) < counts.unsqueeze(1)] = values
    return found


def _there(counts: Tensor, tensor: Tensor) -> Tensor:
    return torch.arange(tensor.shape[1], device=tensor.device) < counts.unsqueeze(1)
