"""Made-up graphs: nodes that are alike are neighbours, so that a node's neighbours tell something about it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from nntrain.data.fake.values import Rows
from nntrain.data.sources.tu import FOLDS, TU

if TYPE_CHECKING:
    from nntrain.data.sources.graph import Graph

    Array = np.ndarray[Any, Any]

GRAPHS: Final = 60
NODES_OF_A_GRAPH: Final = 8
_KINDS: Final = 3


def edges_between(source: Graph, rows: Rows) -> dict[str, Any]:
    """Columns of a table of edges: each node and the two that are most like it, by the number of their row."""
    names = source.ends or ("source", "target")
    order = np.argsort(rows.hidden)
    pairs = np.concatenate([np.stack([order[:-step], order[step:]]) for step in (1, 2)], axis=1)
    weights = {} if source.weight is None else {source.weight: np.linspace(0.5, 1.5, pairs.shape[1]).tolist()}
    return {names[0]: pairs[0].tolist(), names[1]: pairs[1].tolist(), **weights}


def write_tu(path: Path, source: TU, rows: Rows) -> None:
    """A folder of rings, whose class says how often a kind of node is among theirs."""
    path.mkdir(parents=True, exist_ok=True)
    classes = rows.assumptions.classes
    label = np.arange(GRAPHS) % classes
    graph = np.repeat(np.arange(GRAPHS), NODES_OF_A_GRAPH)
    place = np.tile(np.arange(NODES_OF_A_GRAPH), GRAPHS)
    kind = np.where(place * classes < (label[graph] + 1) * NODES_OF_A_GRAPH, 0, 1 + place % (_KINDS - 1))
    here = np.arange(len(graph))
    there = graph * NODES_OF_A_GRAPH + (place + 1) % NODES_OF_A_GRAPH
    edges = np.concatenate([np.stack([here, there]), np.stack([there, here])], axis=1).T + 1
    for name, values in (("A", edges), ("graph_indicator", graph + 1), ("graph_labels", label), ("node_labels", kind)):
        np.savetxt(path / f"MADE_UP_{name}.txt", values, fmt="%d", delimiter=", ")
    if source.fold is not None:
        (path / FOLDS).mkdir()
        np.savetxt(path / FOLDS / f"test_idx-{source.fold}.txt", np.arange(0, GRAPHS, 10) + np.arange(GRAPHS // 10), fmt="%d")
