"""Link prediction that learns nothing: how many neighbours two nodes have in common, and how many each has."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, cast

import torch
from torch import Tensor

from nntrain.data.link_tensors import PAIRS
from nntrain.data.packed_graphs import EDGES
from nntrain.specs import GRAPH
from nntrain.training.evaluation import Scores, evaluate_predictions
from nntrain.training.references import Compared

PORTION: Final = 4096
"""Pairs that are compared at once."""


def measure_common_neighbors(compared: Compared) -> Mapping[str, Scores] | None:
    """Pairs by the nodes that both have edges to (Liben-Nowell and Kleinberg 2003)."""
    return _measure(compared, common_neighbors)


def measure_degree_product(compared: Compared) -> Mapping[str, Scores] | None:
    """Pairs by how many edges the two have (preferential attachment, in the same)."""
    return _measure(compared, degree_product)


def _measure(compared: Compared, score: Callable[[Tensor, Tensor, int], Tensor]) -> Mapping[str, Scores] | None:
    """Of what the network sees too, the training edges. A score s counts as the probability s / (1 + s): what matters is the order."""
    if any(PAIRS not in data.stored for data in compared.splits.values()):
        return None
    found: dict[str, Scores] = {}
    for split, data in compared.splits.items():
        inputs = {**data.stored[GRAPH].tensors(GRAPH), **data.stored[PAIRS].tensors(PAIRS)}
        scores = score(inputs[EDGES], inputs[PAIRS], int(inputs[f"{GRAPH}.lengths"].sum()))
        predictions = dict.fromkeys(compared.objective.targets, scores / (1 + scores))
        found[split] = evaluate_predictions(compared.objective, predictions, data)
    return found


def common_neighbors(edges: Tensor, pairs: Tensor, nodes: int) -> Tensor:
    """How many nodes the two of each pair `[2, P]` both have edges to, float64 `[P]`, of edges `[2, E]`; each neighbour once."""
    apart = cast("Tensor", edges[:, edges[0] != edges[1]].unique(dim=1))
    ones = torch.ones(apart.shape[1], dtype=torch.float64)
    adjacency = torch.sparse_coo_tensor(apart, ones, (nodes, nodes), check_invariants=True).coalesce()
    counts = [
        torch.sparse.sum(adjacency.index_select(0, part[0]) * adjacency.index_select(0, part[1]), dim=1).to_dense()
        for part in cast("tuple[Tensor, ...]", pairs.split(PORTION, dim=1))
    ]
    return torch.cat(counts)


def degree_product(edges: Tensor, pairs: Tensor, nodes: int) -> Tensor:
    """Edges that begin at the one node of each pair times those at the other, float64 `[P]`."""
    degrees = edges[0].bincount(minlength=nodes).double()
    return degrees[pairs[0]] * degrees[pairs[1]]
