"""Edges as the target: split without a way back to what is hidden, beside pairs that are none, by known properties of PyG's splits."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from nntrain.data.batches import TensorData
from nntrain.data.link_tensors import PAIRS
from nntrain.data.links import Absent
from nntrain.data.preparing import Prepared, prepare
from nntrain.data.settings import DataSettings
from nntrain.errors import ConfigError, DataError, NNTrainError

NODES = 30


def edge_list(*, directed: bool = False) -> list[tuple[int, int]]:
    """A ring with chords; directed, some of them lead back too."""
    found = [(node, (node + step) % NODES) for node in range(NODES) for step in (1, 3)]
    return [*found, *((b, a) for a, b in found[::5])] if directed else found


def prepared(
    folder: Path,
    edges: list[tuple[int, int]] | None = None,
    *,
    seed: int = 0,
    source: dict[str, Any] | None = None,
    negatives: float = 1,
    columns: str = "",
    nodes: int = NODES,
    **data: Any,
) -> Prepared:
    """The data of a graph whose edges are predicted; `columns` is a further column of the nodes."""
    head = "node,x" + ("," + columns if columns else "")
    (folder / "nodes.csv").write_text(head + "\n" + "".join(f"n{n},{n % 7}{',a' if columns else ''}\n" for n in range(nodes)))
    rows = edge_list() if edges is None else edges
    (folder / "edges.csv").write_text("a,b\n" + "".join(f"n{a},n{b}\n" for a, b in rows))
    tree = {"type": "graph", "nodes": "nodes.csv", "edges": "edges.csv", "target": "edges", **(source or {})}
    fields = {"x": "number", **({} if negatives == 1 else {"edge": {"negatives": negatives}}), **data.pop("fields", {})}
    return prepare(DataSettings.parse({"source": tree, "fields": fields, **data}), folder, seed=seed)


def asked(data: TensorData) -> tuple[list[tuple[int, int]], Tensor]:
    batch = data.batch(0, len(data))
    return listed(batch.inputs[PAIRS]), batch.targets["edge"]


def listed(pairs: Tensor) -> list[tuple[int, int]]:
    return [(a, b) for a, b in cast("list[list[int]]", pairs.T.tolist())]


def true_pairs(data: TensorData) -> set[tuple[int, int]]:
    pairs, truth = asked(data)
    return {pair for pair, is_edge in zip(pairs, cast("list[float]", truth.tolist()), strict=True) if is_edge}


def none_pairs(data: TensorData) -> set[tuple[int, int]]:
    pairs, truth = asked(data)
    return {pair for pair, is_edge in zip(pairs, cast("list[float]", truth.tolist()), strict=True) if not is_edge}


def messages(data: TensorData) -> set[tuple[int, int]]:
    return set(listed(data.batch(0, len(data)).inputs["@graph.edges"]))


def either_way(pairs: set[tuple[int, int]]) -> set[tuple[int, int]]:
    return pairs | {(b, a) for a, b in pairs}


@pytest.mark.parametrize("directed", [False, True])
def test_no_message_goes_along_an_edge_that_is_asked_for_in_validation_or_test_either_way(tmp_path: Path, directed: bool) -> None:
    found = prepared(tmp_path, edge_list(directed=directed), source={"directed": directed})
    held = [either_way(true_pairs(data)) for part, data in found.splits.items() if part != "train"]
    assert [bool(pairs) for pairs in held] == [True, True]
    for data in found.splits.values():
        assert not messages(data) & (held[0] | held[1])
    assert not held[0] & held[1]
    assert not either_way(true_pairs(found.train)) & (held[0] | held[1])


@pytest.mark.parametrize("directed", [False, True])
def test_every_edge_is_asked_for_once_and_the_others_are_no_edge_of_any_split(tmp_path: Path, directed: bool) -> None:
    edges = edge_list(directed=directed)
    found = prepared(tmp_path, edges, source={"directed": directed})
    known = set(edges) if directed else {(min(pair), max(pair)) for pair in edges}
    parts = [true_pairs(data) for data in found.splits.values()]
    assert set.union(*parts) == known
    assert sum(map(len, parts)) == len(known)
    drawn = [none_pairs(data) for data in found.splits.values()]
    epochs = [none_pairs(found.train.in_epoch(seed=0, epoch=epoch)) for epoch in range(20)]
    for pairs in (*drawn, *epochs):
        assert not pairs & (known if directed else either_way(known))
        assert all(a != b for a, b in pairs)
    for pairs in epochs:  # what is asked for in validation and test is never learned to be none
        assert not either_way(pairs) & (drawn[1] | drawn[2]) or directed
        assert not pairs & (drawn[1] | drawn[2])
    assert [len(pairs) for pairs in drawn] == [len(pairs) for pairs in parts]


def test_what_a_step_reads_is_a_function_of_seed_and_epoch_and_what_is_measured_of_the_seed(tmp_path: Path) -> None:
    found, again = prepared(tmp_path), prepared(tmp_path)
    for part in found.splits:
        assert asked(found.splits[part])[0] == asked(again.splits[part])[0]
    first, second = (none_pairs(found.train.in_epoch(seed=0, epoch=epoch)) for epoch in (1, 2))
    assert first != second
    assert first == none_pairs(again.train.in_epoch(seed=0, epoch=1))
    assert first != none_pairs(found.train.in_epoch(seed=1, epoch=1))
    assert found.test is not None
    assert found.test.in_epoch(seed=0, epoch=3) is found.test
    other = prepared(tmp_path, seed=1)
    assert other.test is not None
    assert true_pairs(other.test) != true_pairs(found.test)
    assert other.fingerprints["test"] != found.fingerprints["test"] == again.fingerprints["test"]


@pytest.mark.slow
def test_sizes_are_those_of_random_link_split(tmp_path: Path) -> None:
    """torch-geometric's RandomLinkSplit is the oracle of how many edges each split has, messages and pairs."""
    pytest.importorskip("torch_geometric")
    from torch_geometric.data import Data
    from torch_geometric.transforms import RandomLinkSplit
    from torch_geometric.utils import to_undirected

    edges = to_undirected(torch.tensor(edge_list()).T)
    split = RandomLinkSplit(num_val=0.1, num_test=0.2, is_undirected=True)
    theirs = split(Data(edge_index=edges, num_nodes=NODES))
    found = prepared(tmp_path, split={"validation": 0.1, "test": 0.2})
    for data, other in zip(found.splits.values(), theirs, strict=True):
        assert len(asked(data)[0]) == len(other.edge_label)
        assert len(true_pairs(data)) == int(other.edge_label.sum())
    assert len(messages(found.train)) == theirs[0].edge_index.shape[1]


def test_negatives_are_as_many_as_the_field_says_and_all_that_there_are_of_a_dense_graph(tmp_path: Path) -> None:
    found = prepared(tmp_path, negatives=2.5)
    for data in found.splits.values():
        assert len(none_pairs(data)) == round(2.5 * len(true_pairs(data)))
    dense = [(a, b) for a in range(8) for b in range(a) if (a, b) not in ((5, 0), (6, 1), (7, 2), (7, 3), (3, 1))]
    few = prepared(tmp_path, dense, nodes=8, split={"validation": 2, "test": 2})
    counts = [len(none_pairs(data)) for data in few.splits.values()]
    assert counts == [1, 2, 2]
    with pytest.raises(DataError, match="nearly all pairs of nodes have an edge"):
        prepared(tmp_path, [(a, b) for a in range(6) for b in range(a)], nodes=6)


def test_loops_carry_messages_and_are_not_asked_for(tmp_path: Path) -> None:
    found = prepared(tmp_path, [*edge_list(), (4, 4)])
    assert (4, 4) in messages(found.train)
    assert all((4, 4) not in true_pairs(data) for data in found.splits.values())


def test_weights_stay_with_their_edges(tmp_path: Path) -> None:
    (tmp_path / "nodes.csv").write_text("node,x\n" + "".join(f"n{n},{n % 7}\n" for n in range(NODES)))
    (tmp_path / "edges.csv").write_text("a,b,w\n" + "".join(f"n{a},n{b},{a + b}\n" for a, b in edge_list()))
    source = {"type": "graph", "nodes": "nodes.csv", "edges": "edges.csv", "target": "edges", "weight": "w"}
    inputs = prepare(DataSettings.parse({"source": source}), tmp_path, seed=0).train.batch(0, 1).inputs
    assert_close(inputs["@graph.weights"], inputs["@graph.edges"].sum(0).float())


def test_every_pair_without_an_edge_is_drawn_alike() -> None:
    """Drawn one by one as well as from a list of all: each pair comes as often, and none that is taken."""
    for taken in (np.array([1, 7]), np.array([1, 2, 3, 8, 9, 15])):
        absent = Absent(6, is_directed=False, taken=taken)
        counts = np.zeros(36)
        for seed in range(600):
            pairs = absent.draw(3, seed)
            assert (pairs[0] < pairs[1]).all()
            counts[pairs[0] * 6 + pairs[1]] += 1
        free = [number for number in range(36) if number // 6 < number % 6 and number not in taken]
        assert counts[taken].sum() == 0
        expected = 3 * 600 / len(free)
        assert counts.sum() == 1800
        assert (np.abs(counts[free] - expected) < 5 * np.sqrt(expected)).all()


def test_the_split_column_of_nodes_is_no_input_and_splits_nothing(tmp_path: Path) -> None:
    found = prepared(tmp_path, columns="split")
    assert ("split", "splits nodes, and edges are predicted") in found.layout.left_out
    assert any("undirected: messages along" in note for note in found.notes)
    assert any("pairs of nodes" in note for note in found.notes)


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"fields": {"x": {"type": "number", "role": "target"}}}, "x is of nodes or graphs, and data.source.target: edges predicts edges"),
        ({"split": {"by": "stratified"}}, "stratified splits rows, and edges are split at random"),
        ({"split": {"folds": 3, "fold": 1}}, "cuts folds of rows, and edges are split"),
        ({"batch": {"sampler": "balanced"}}, "a step has all of them"),
        ({"source": {"graph": "x"}}, "predicts the edges of one graph"),
        ({"columns": "edge"}, "rename it"),
        ({"edges": [(1, 2)]}, "fewer than 2 pairs of nodes have an edge"),
    ],
)
def test_what_does_not_go_with_edges_as_the_target(tmp_path: Path, changes: dict[str, Any], match: str) -> None:
    with pytest.raises((NNTrainError, ValueError), match=match):
        prepared(tmp_path, **changes)


def test_a_link_needs_edges(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("x,y\n1,a\n2,b\n")
    with pytest.raises(ConfigError) as caught:
        prepare(DataSettings.parse({"source": "t.csv", "fields": {"y": {"type": "link", "role": "target"}}}), tmp_path, seed=0)
    assert "links are predicted of the edges of a graph" in str(caught.value)
    assert "target: edges" in (caught.value.problems[0].hint or "")


def test_splits_are_alike_in_size_without_the_library(tmp_path: Path) -> None:
    """The short version of the comparison above: 60 edges, a tenth and a fifth of them held back."""
    found = prepared(tmp_path, split={"validation": 0.1, "test": 0.2})
    assert [len(true_pairs(data)) for data in found.splits.values()] == [42, 6, 12]
    assert len(messages(found.train)) == 84
