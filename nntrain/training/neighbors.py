"""Link prediction that learns nothing: how many neighbours two nodes have in common, and how many each has."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Final, cast

import torch
from torch import Tensor

from nntrain.data.batches import TensorData
from nntrain.data.link_tensors import PAIRS
from nntrain.data.packed_graphs import EDGES
from nntrain.specs import GRAPH
from nntrain.training.baselines import Baseline
from nntrain.training.evaluation import evaluate_predictions
from nntrain.training.objective import Objective

PORTION: Final = 4096
"""Pairs that are compared at once."""


def measure_neighbors(objective: Objective, splits: Mapping[str, TensorData]) -> dict[str, Baseline]:
    """Measure `common_neighbors` and `degree_product` (preferential attachment; both in Liben-Nowell and Kleinberg 2003).

    Of what the network sees too, the training edges. A score s counts as the probability s / (1 + s): what matters is the order.

    Args:
        objective: Targets and metrics.
        splits: Pairs to be measured by name of the split, on the CPU; of others than pairs nothing is measured.
    """
    if any(PAIRS not in data.stored for data in splits.values()):
        return {}
    found: dict[str, Baseline] = {}
    for name, score in (("common_neighbors", common_neighbors), ("degree_product", degree_product)):
        started = time.monotonic()
        metrics: dict[str, float | None] = {}
        for split, data in splits.items():
            inputs = {**data.stored[GRAPH].tensors(GRAPH), **data.stored[PAIRS].tensors(PAIRS)}
            scores = score(inputs[EDGES], inputs[PAIRS], int(inputs[f"{GRAPH}.lengths"].sum()))
            predictions = dict.fromkeys(objective.targets, scores / (1 + scores))
            measured = evaluate_predictions(objective, predictions, data)
            metrics |= {f"{split}.{metric}": value for metric, value in measured.metrics.items()}
        found[name] = Baseline(metrics, round(time.monotonic() - started, 3))
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
