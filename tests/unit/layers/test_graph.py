"""Graph layers in whole configs: what check refuses, before any data is read beyond its header, with file and line."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from nntrain.blueprint import Blueprint, draw_first
from nntrain.config.reading import read_config
from nntrain.data.layout import plan_layouts
from nntrain.errors import ConfigError

NODES = "node,x,y,topic\n" + "".join(f"{row},{row}.5,{row * row}.25,{'abc'[row % 3]}\n" for row in range(30))
TABLE = "{type: csv, path: nodes.csv}"
GRAPH = "{type: graph, nodes: nodes.csv, edges: edges.csv}"
GRAPHS = "{type: graph, nodes: nodes.csv, edges: edges.csv, graph: node, graphs: graphs.csv}"


def drawn(folder: Path, source: str, architecture: str, more: str = "") -> Blueprint:
    (folder / "nodes.csv").write_text(NODES)
    (folder / "edges.csv").write_text("from,to\n" + "".join(f"{row},{row + 1}\n" for row in range(29)))
    (folder / "graphs.csv").write_text("node,kind\n" + "".join(f"{row},{'uv'[row % 2]}\n" for row in range(30)))
    target = "kind" if "graphs" in source else "topic"
    text = f"data:\n  source: {source}\n  target: {target}\narchitecture:\n{textwrap.indent(textwrap.dedent(architecture), '  ')}\n{more}"
    (folder / "graph.yaml").write_text(text)
    config = read_config(folder / "graph.yaml")
    return draw_first(config, plan_layouts(config.experiment.data, config.folder, look=True))


def refused(folder: Path, source: str, architecture: str, more: str = "") -> str:
    with pytest.raises(ConfigError) as caught:
        drawn(folder, source, architecture, more)
    return str(caught.value)


@pytest.mark.parametrize("layer", ["gcn", "gat", "sage", "gin"])
def test_a_table_without_edges(tmp_path: Path, layer: str) -> None:
    told = refused(tmp_path, TABLE, f"layers:\n  - relu\n  - {layer}: 3")
    assert "graph.yaml:7:" in told
    assert f"{layer} needs edges between nodes and gets a row of numbers" in told
    assert "type: graph, nodes: nodes.csv, edges: edges.csv" in told


def test_an_image(tmp_path: Path) -> None:
    (tmp_path / "graph.yaml").write_text(
        "data: {source: {type: builtin, name: digits}}\narchitecture:\n  layers:\n    - gcn: 4\n    - relu\n    - flatten\n"
    )
    config = read_config(tmp_path / "graph.yaml")
    with pytest.raises(ConfigError, match=r"graph\.yaml:4:.*gcn needs edges between nodes and gets an image"):
        draw_first(config, plan_layouts(config.experiment.data, config.folder, look=True))


def test_a_target_of_graphs_without_pool(tmp_path: Path) -> None:
    told = refused(tmp_path, GRAPHS, "type: mlp")
    assert "needs one row of numbers per example and gets nodes of graphs" in told
    assert "pool: mean" in told
    assert drawn(tmp_path, GRAPHS, "layers: [linear: 4, relu, pool: sum]").program.outputs["kind"].spec.axes == ("feature",)


def test_a_target_of_nodes_behind_a_pool(tmp_path: Path) -> None:
    told = refused(tmp_path, GRAPH, "layers:\n  - gcn: 4\n  - relu\n  - pool: mean")
    assert "a row of numbers for each node" in told
    assert "without pool" in told


def test_a_convolution_behind_a_pool(tmp_path: Path) -> None:
    assert "behind pool there are none left" in refused(tmp_path, GRAPHS, "layers: [gcn: 4, relu, pool: mean, gcn: 4, relu]")


@pytest.mark.parametrize(
    ("architecture", "words"),
    [
        ("layers: [gcn: 4, relu, {pool: last}]", "the nodes of a graph have none"),
        ("layers: [gcn: 4, flatten]", "put `pool: mean` in its place"),
        ("layers: [{conv1d: {out_channels: 3, kernel_size: 3}}, relu]", "sequence"),
        ("{type: gnn, conv: gcn, num_heads: 2}", "only conv: gat has heads"),
        ("{type: gnn, conv: gat, num_heads: 3, hidden_size: 8}", "does not divide hidden_size 8"),
        ("{type: gnn, num_layers: 1, jump: max}", "num_layers is 1"),
    ],
)
def test_what_does_not_go_with_nodes(tmp_path: Path, architecture: str, words: str) -> None:
    assert words in refused(tmp_path, GRAPH, architecture)


def test_rows_and_nodes_do_not_meet(tmp_path: Path) -> None:
    architecture = """
    nodes:
      a: {from: inputs, layers: [gcn: 4, relu]}
      whole: {from: a, pool: mean}
      both: {concat: [a, whole]}
    """
    assert "joins tensors of one kind" in refused(tmp_path, GRAPHS, architecture)


def test_a_graph_convolution_may_be_the_output(tmp_path: Path) -> None:
    program = drawn(tmp_path, GRAPH, "layers: [gcn: 4, relu, gcn: 3]").program
    assert [step.layer.type for step in program.steps] == ["gcn", "relu", "gcn"]
    assert program.outputs["topic"].spec.kind == "logits"


def test_a_config_without_architecture_has_graph_convolutions(tmp_path: Path) -> None:
    (tmp_path / "nodes.csv").write_text(NODES)
    (tmp_path / "edges.csv").write_text("from,to\n0,1\n")
    (tmp_path / "graph.yaml").write_text(f"data:\n  source: {GRAPH}\n  target: topic\n")
    config = read_config(tmp_path / "graph.yaml")
    program = draw_first(config, plan_layouts(config.experiment.data, config.folder, look=True)).program
    assert [step.layer.type for step in program.steps] == ["gcn", "relu", "gcn", "relu", "linear"]


def test_an_mlp_works_on_each_node(tmp_path: Path) -> None:
    assert drawn(tmp_path, GRAPH, "type: mlp").program.outputs["topic"].spec.axes == ("node", "feature")


def test_weights_of_edges_that_nothing_reads(tmp_path: Path) -> None:
    weighted = GRAPH.replace("edges.csv}", "edges.csv, weight: to}")
    assert "source.weight" in refused(tmp_path, weighted, "layers: [gin: 4, relu]")
    assert drawn(tmp_path, weighted, "layers: [gcn: 4, relu]").program.steps[0].layer.type == "gcn"


def test_a_batch_of_one_graph_has_enough_nodes_to_normalise_over(tmp_path: Path) -> None:
    assert drawn(tmp_path, GRAPH.replace("}", "}\n  batch_size: 1"), "layers: [gcn: 4, batch_norm, relu]").program
