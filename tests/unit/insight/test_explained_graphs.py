"""What answers about nodes and whole graphs are explained by: what nodes have, and which nodes have it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import nntrain
from nntrain.cli import main
from nntrain.commands.preparing.measured_rows import split_rows
from nntrain.commands.stored.opening import open_run
from nntrain.data.batches import TensorData
from nntrain.insight import around
from nntrain.modules.network import Network
from nntrain.runs import find_run, runs_root

pytestmark = pytest.mark.extra("explain")

NODES = 60


def tables(folder: Path, *, graphs: bool = False) -> dict[str, Any]:
    """A ring of nodes with a few chords, whose topic is that of most of their neighbours' numbers; or small rings of four."""
    random = np.random.default_rng(0)
    numbers, colours = random.normal(size=(NODES, 3)), random.choice(["red", "blue", "green"], NODES)
    edges = [(node, (node + 1) % NODES) for node in range(NODES)] + [(node, (node + 7) % NODES) for node in range(0, NODES, 9)]
    if graphs:
        edges = [(node, node + 1 if node % 4 < 3 else node - 3) for node in range(NODES)]
    near = [numbers[[one if other == node else other for one, other in edges if node in (one, other)], 0].sum() for node in range(NODES)]
    topics = ["up" if value > 0 else "down" for value in near]
    lines = [f"n{node},{numbers[node][0]:.4f},{numbers[node][1]:.4f},{numbers[node][2]:.4f},{colours[node]}" for node in range(NODES)]
    if graphs:
        (folder / "nodes.csv").write_text(
            "\n".join(["name,x,v1,v2,colour,graph", *(f"{line},{row // 4}" for row, line in enumerate(lines))])
        )
        (folder / "graphs.csv").write_text("\n".join(["graph,topic", *(f"{row},{'ud'[row % 2]}" for row in range(NODES // 4))]))
    else:
        (folder / "nodes.csv").write_text(
            "\n".join(["name,x,v1,v2,colour,topic", *(f"{line},{topics[row]}" for row, line in enumerate(lines))])
        )
    (folder / "edges.csv").write_text("\n".join(["who,whom", *(f"n{one},n{other}" for one, other in edges)]))
    source = {"type": "graph", "nodes": "nodes.csv", "edges": "edges.csv", "id": "name"}
    source |= {"graphs": "graphs.csv", "graph": "graph"} if graphs else {}
    return {"source": source, "target": "topic", "fields": {"v": {"type": "vector", "columns": ["v1", "v2"]}}}


def fitted(data: dict[str, Any], architecture: Any, name: str = "g") -> str:
    config = {"name": name, "data": data, "architecture": architecture, "optimizer": {"adam": 0.02}}
    return nntrain.fit({**config, "training": {"max_epochs": 20, "device": "cpu"}}, runs="runs").run.name


@pytest.mark.parametrize("conv", ["gcn", "gat", "sage", "gin"])
def test_an_answer_hangs_on_no_more_than_the_nodes_that_are_taken(tmp_path: Path, conv: str) -> None:
    run = fitted(tables(tmp_path), {"type": "gnn", "conv": conv, "hidden_size": 8, "num_layers": 2})
    stored = open_run(find_run(run, runs_root(None)))
    data = split_rows(stored, "validation").data
    assert isinstance(data, TensorData)
    inputs, network = data.batch(0, len(data)).inputs, stored.network
    assert isinstance(network, Network)
    assert around.reach(network) == 2
    centers = torch.arange(NODES)
    found = around.nodes_with_neighbors(inputs, centers, 2)
    with torch.no_grad():
        whole = network(inputs)[0]["topic"]
        alone = around.answers_of_rows(found.inputs, network.run_behind(around.packed(found.inputs)))["topic"]
    torch.testing.assert_close(alone, whole)
    assert found.nodes.shape[1] < NODES / 2
    assert int(found.hops[found.nodes >= 0].max()) == 2


def test_a_node_is_explained_by_what_it_and_its_neighbors_have(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = fitted(tables(tmp_path), {"type": "gnn", "conv": "gcn", "hidden_size": 8, "num_layers": 2})
    found = nntrain.explain(run, split="train", rows=[0, 4])
    assert found.rows == len(split_rows(open_run(find_run(run, runs_root(None))), "train").data.scored)
    for row in found.explained:
        assert {share.column for share in row.shares} == {"x", "v1", "v2", "colour"}
        assert all(share.cell is not None for share in row.shares)
        assert row.around is not None
        first = row.around.nodes[0]
        assert (first.place, first.hops) == (row.place, 0)
        assert {node.hops for node in row.around.nodes} == {0, 1, 2}
        total = row.answer - row.neutral
        assert sum(node.share for node in row.around.nodes) == pytest.approx(total, abs=1e-3)
        assert sum(share.share for share in row.shares) == pytest.approx(total, abs=1e-3)
        assert row.completeness is not None
        assert row.completeness < 1e-3
        assert sum(0 in edge for edge in row.around.edges) == sum(node.hops == 1 for node in row.around.nodes)
    assert found.quality is not None
    assert found.quality.deletion.is_better
    assert found.quality.randomisation is not None
    assert main(["explain", run, "--rows", "0"]) == 0
    told = capsys.readouterr()
    assert "by node, with all that it has" in told.out
    assert max(map(len, told.out.splitlines())) <= 80
    assert [path.name for path in (Path(run) / "explain_pictures").iterdir()] == ["row-0.png"]


def test_methods_over_nodes(tmp_path: Path) -> None:
    run = fitted(tables(tmp_path), {"type": "gnn", "conv": "sage", "hidden_size": 8, "num_layers": 1})
    for method in ("occlusion", "saliency", "smoothgrad"):
        row = nntrain.explain(run, method=method, rows=[1]).explained[0]
        assert row.around is not None
        assert any(node.share for node in row.around.nodes)
    near = nntrain.explain(run, method="examples", rows=[1], split="train").explained[0]
    assert len(near.examples) == 5
    assert near.place not in {each.place for each in near.examples}


def test_a_whole_graph_is_explained_node_by_node(tmp_path: Path) -> None:
    data = tables(tmp_path, graphs=True)
    run = fitted(data, {"type": "gnn", "conv": "gin", "hidden_size": 8, "num_layers": 2, "pool": "mean"})
    row = nntrain.explain(run, split="train").explained[1]
    assert row.around is not None
    assert len(row.around.nodes) == 4
    assert {node.hops for node in row.around.nodes} == {None}
    assert len(row.around.edges) == 4
    assert sum(node.share for node in row.around.nodes) == pytest.approx(row.answer - row.neutral, abs=2e-3)
