"""Graphs from tables and from folders: what nodes, edges and whole graphs say, and how both are split."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from nntrain.data.batches import Batch
from nntrain.data.packed_graphs import PackedGraphs
from nntrain.data.preparing import Prepared, prepare
from nntrain.data.settings import DataSettings
from nntrain.errors import ConfigError, DataError, NNTrainError
from nntrain.training.input_noise import with_noise

NODES = """name,x,kind,topic,split
ann,1,a,red,train
bob,2,b,blue,train
cat,3,a,red,val
dan,4,b,blue,test
eve,5,a,red,none
fay,6,b,blue,
"""
EDGES = "who,whom,w\nann,bob,1\nbob,cat,2\ndan,cat,3\neve,fay,4\nbob,ann,1\n"


def prepared(tmp_path: Path, *, nodes: str = NODES, edges: str = EDGES, graphs: str | None = None, **options: Any) -> Prepared:
    """The data of tables; `fields` and `split` are those of the data section, other options those of the source."""
    (tmp_path / "nodes.csv").write_text(nodes)
    (tmp_path / "edges.csv").write_text(edges)
    if graphs is not None:
        (tmp_path / "graphs.csv").write_text(graphs)
        options = {"graphs": "graphs.csv", "graph": "graph", **options}
    section = {key: options.pop(key) for key in ("fields", "split", "target", "batch_size", "batch") if key in options}
    section["fields"] = {"topic": {"type": "category"}, **section.get("fields", {})}
    source = {"type": "graph", "nodes": "nodes.csv", "edges": "edges.csv", **options}
    return prepare(DataSettings.parse({"source": source, "target": "topic", **section}), tmp_path, seed=0)


def graph_of(data: Any) -> Batch:
    return data.batch(0, len(data))


def pairs(batch: Batch) -> list[list[int]]:
    return sorted(batch.inputs["@graph.edges"].T.tolist())


class TestOneGraph:
    def test_every_split_holds_the_whole_graph_and_targets_of_its_own_nodes(self, tmp_path: Path) -> None:
        found = prepared(tmp_path, id="name")
        masks = {part: graph_of(data).targets["topic"].tolist() for part, data in found.splits.items()}
        assert found.fields.targets["topic"].classes == ("blue", "red")
        assert masks == {
            "train": [1, 0, -1, -1, -1, -1],
            "validation": [-1, -1, 1, -1, -1, -1],
            "test": [-1, -1, -1, 0, -1, -1],
        }
        assert {part: data.scored.tolist() for part, data in found.splits.items()} == {"train": [0, 1], "validation": [2], "test": [3]}
        batches = [graph_of(data).inputs for data in found.splits.values()]
        for other in batches[1:]:
            assert_close(other, batches[0])

    def test_an_edge_leads_both_ways_once_however_it_is_listed(self, tmp_path: Path) -> None:
        batch = graph_of(prepared(tmp_path, id="name").train)
        assert pairs(batch) == [[0, 1], [1, 0], [1, 2], [2, 1], [2, 3], [3, 2], [4, 5], [5, 4]]
        assert batch.inputs["@graph.lengths"].tolist() == [6]
        assert batch.inputs["@graph.weights"].tolist() == [1.0] * 8

    def test_a_directed_edge_leads_where_it_ends(self, tmp_path: Path) -> None:
        batch = graph_of(prepared(tmp_path, id="name", directed=True, weight="w").train)
        edges = batch.inputs["@graph.edges"].T.tolist()
        weights = dict(zip(map(tuple, edges), batch.inputs["@graph.weights"].tolist(), strict=True))
        assert weights == {(0, 1): 1, (1, 2): 2, (3, 2): 3, (4, 5): 4, (1, 0): 1}

    def test_scaling_and_classes_are_those_of_the_training_nodes(self, tmp_path: Path) -> None:
        found = prepared(tmp_path, id="name")
        assert_close(graph_of(found.train).inputs["@number"][:, 0], torch.tensor([-1.0, 1, 3, 5, 7, 9]))
        other = prepared(tmp_path, id="name", nodes=NODES.replace("dan,4,b", "dan,4,new"))
        assert graph_of(other.train).inputs["@category"][3].item() == 0

    def test_what_test_nodes_are_plays_no_part_in_training(self, tmp_path: Path) -> None:
        first = prepared(tmp_path, id="name")
        again = prepared(tmp_path, id="name", nodes=NODES.replace("dan,4,b,blue", "dan,4,b,red").replace("cat,3,a,red", "cat,3,a,blue"))
        assert_close(graph_of(again.train).targets, graph_of(first.train).targets)
        assert graph_of(again.test).targets["topic"].tolist() == [-1, -1, -1, 1, -1, -1]

    def test_the_fingerprint_of_the_test_rows_is_that_of_the_nodes(self, tmp_path: Path) -> None:
        plain = NODES.replace(",split\n", ",part\n")
        splits = [
            prepared(tmp_path, id="name", nodes=plain, split={"seed": seed, "validation": 2, "test": 2, "by": "random"})
            for seed in (0, 1, 0)
        ]
        prints = [split.fingerprints["test"] for split in splits]
        assert [split.test is not None and split.test.scored.tolist() for split in splits[:2]]
        assert prints[0] == prints[2] != prints[1]

    def test_nodes_are_split_off_at_random_where_no_column_says(self, tmp_path: Path) -> None:
        found = prepared(
            tmp_path, id="name", nodes=NODES.replace(",split\n", ",part\n"), split={"validation": 2, "test": 2, "by": "random"}
        )
        scored = [data.scored.tolist() for data in found.splits.values()]
        assert sorted(number for numbers in scored for number in numbers) == list(range(6))
        assert any("train 2, validation 2, test 2 nodes" in note for note in found.notes)

    def test_nodes_without_a_name_column_are_named_by_their_row(self, tmp_path: Path) -> None:
        nodes = "x,topic\n1,a\n2,b\n3,a\n4,b\n5,a\n6,b\n"
        found = prepared(tmp_path, nodes=nodes, edges="from,to\n0,5\n", split={"validation": 2, "test": None})
        assert pairs(graph_of(found.train)) == [[0, 5], [5, 0]]

    def test_a_column_of_names_is_no_input(self, tmp_path: Path) -> None:
        found = prepared(tmp_path, nodes=NODES.replace("name,", "node,"))
        assert [plan.name for plan in found.layout.fields if plan.role == "input"] == ["x", "kind"]
        assert ("node", "names the nodes") in found.layout.left_out

    def test_number_targets_of_other_nodes_count_nothing(self, tmp_path: Path) -> None:
        found = prepared(tmp_path, id="name", target="x", fields={"topic": {"role": "ignore"}, "x": {"type": "number"}})
        values = graph_of(found.train).targets["x"]
        assert values.isnan().tolist() == [False, False, True, True, True, True]


MANY = "node,graph,x\n" + "".join(f"{graph}_{place},g{graph},{place + graph}\n" for place in range(3) for graph in range(12))
MANY_EDGES = "a,b\n" + "".join(f"{graph}_0,{graph}_{place}\n" for graph in range(12) for place in (1, 2))
MANY_GRAPHS = "graph,topic,area\n" + "".join(f"g{graph},{'odd' if graph % 2 else 'even'},{graph}\n" for graph in range(12))


class TestSeveralGraphs:
    def test_each_graph_is_whole_in_one_split_and_the_shares_of_its_classes_stay(self, tmp_path: Path) -> None:
        found = prepared(tmp_path, nodes=MANY, edges=MANY_EDGES, graphs=MANY_GRAPHS, split={"validation": 2, "test": 2})
        rows = {part: data.rows.tolist() for part, data in found.splits.items()}
        assert sorted(number for numbers in rows.values() for number in numbers) == list(range(12))
        assert [len(numbers) for numbers in rows.values()] == [8, 2, 2]
        assert {sum(number % 2 for number in rows[part]) for part in ("validation", "test")} == {1}
        assert any("train 8, validation 2, test 2 graphs" in note for note in found.notes)

    def test_nodes_of_a_graph_stand_together_with_its_edges(self, tmp_path: Path) -> None:
        found = prepared(tmp_path, nodes=MANY, edges=MANY_EDGES, graphs=MANY_GRAPHS, split={"validation": 2, "test": 2})
        batch = graph_of(found.train)
        assert batch.inputs["@graph.lengths"].tolist() == [3] * 8
        assert batch.inputs["@graph.edges"].shape == (2, 8 * 4)
        star = {(0, 1), (1, 0), (0, 2), (2, 0)}
        segment = batch.inputs["@graph.edges"][0] // 3
        for row in range(8):
            assert {tuple(pair) for pair in (batch.inputs["@graph.edges"][:, segment == row] - 3 * row).T.tolist()} == star
        assert batch.targets["topic"].tolist() == [number % 2 for number in batch.rows.tolist()]

    def test_a_batch_cut_into_parts_is_made_of_the_same_graphs(self, tmp_path: Path) -> None:
        found = prepared(tmp_path, nodes=MANY, edges=MANY_EDGES, graphs=MANY_GRAPHS, split={"validation": 2, "test": 2})
        whole = found.train.batch(0, 8)
        parts = whole.split(3)
        assert [len(part) for part in parts] == [3, 3, 2]
        for start, part in zip((0, 3, 6), parts, strict=True):
            alone = found.train.batch(start, start + len(part))
            assert_close(part.inputs, alone.inputs)
            assert_close(part.targets, alone.targets)

    def test_rows_in_another_order_are_the_same_graphs(self, tmp_path: Path) -> None:
        found = prepared(tmp_path, nodes=MANY, edges=MANY_EDGES, graphs=MANY_GRAPHS, split={"validation": 2, "test": 2})
        packed = found.train.stored["@graph"]
        assert isinstance(packed, PackedGraphs)
        taken = packed.take(torch.tensor([5, 0]))
        for place, row in enumerate((5, 0)):
            assert_close(taken.narrow(place, place + 1).tensors("@graph"), packed.narrow(row, row + 1).tensors("@graph"))

    def test_a_column_of_the_graphs_is_an_input_of_each_node(self, tmp_path: Path) -> None:
        found = prepared(tmp_path, nodes=MANY, edges=MANY_EDGES, graphs=MANY_GRAPHS, split={"validation": 2, "test": 2})
        assert [plan.name for plan in found.layout.fields if plan.role == "input"] == ["x", "area"]

    def test_a_column_of_the_graphs_says_the_splits(self, tmp_path: Path) -> None:
        lines = MANY_GRAPHS.splitlines()
        words = ["split", *["train"] * 6, *["val"] * 3, *["test"] * 3]
        graphs = "\n".join(f"{line},{word}" for line, word in zip(lines, words, strict=True)) + "\n"
        found = prepared(tmp_path, nodes=MANY, edges=MANY_EDGES, graphs=graphs)
        assert [data.rows.tolist() for data in found.splits.values()] == [list(range(6)), [6, 7, 8], [9, 10, 11]]

    def test_noise_of_a_node_does_not_depend_on_the_other_graphs_of_the_batch(self, tmp_path: Path) -> None:
        found = prepared(tmp_path, nodes=MANY, edges=MANY_EDGES, graphs=MANY_GRAPHS, split={"validation": 2, "test": 2})
        whole, alone = found.train.batch(0, 8), found.train.batch(3, 4)
        noisy, single = (with_noise(batch, 0.5, seed=1, epoch=2) for batch in (whole, alone))
        assert_close(noisy.inputs["@number"][9:12], single.inputs["@number"])
        assert_close(noisy.inputs["@graph.weights"], whole.inputs["@graph.weights"])
        assert len(noisy.inputs["@number"].unique()) > 20


class TestFaults:
    @pytest.mark.parametrize(
        ("changes", "words"),
        [
            ({"edges": "a,b\nann,zoe\n"}, ("edges.csv: b is 'zoe' in line 2", "no node is named so")),
            ({"edges": "a,b\nann,\n"}, ("edges.csv: b is missing in line 2", "an edge is between two nodes")),
            ({"edges": "a\nann\n"}, ("edges.csv has one column", "two ends")),
            ({"id": "nobody"}, ("data.source.id", "no column 'nobody'")),
            ({"ends": ["who", "to"]}, ("data.source.ends", "no column 'to'")),
            ({"weight": "heavy"}, ("data.source.weight", "no column 'heavy'")),
            ({"nodes": NODES.replace("bob,2", "ann,2")}, ("name is 'ann' in several rows",)),
            ({"edges": EDGES + "bob,ann,7\n", "weight": "w"}, ("listed twice with different weights", "directed")),
            ({"graph": "club"}, ("data.source.graph", "no column 'club'")),
        ],
    )
    def test_tables_that_do_not_go_together(self, tmp_path: Path, changes: dict[str, Any], words: tuple[str, ...]) -> None:
        with pytest.raises(DataError) as caught:
            prepared(tmp_path, **{"id": "name", **changes})
        assert all(word in str(caught.value) for word in words), str(caught.value)

    def test_edges_between_two_graphs(self, tmp_path: Path) -> None:
        with pytest.raises(DataError, match="1 edge between nodes of two graphs"):
            prepared(tmp_path, nodes=MANY, edges="a,b\n0_0,1_0\n", graphs=MANY_GRAPHS, split={"validation": 2, "test": 2})

    @pytest.mark.parametrize(
        ("options", "words"),
        [
            ({"fields": {"x": {"type": "number", "role": "weight"}}}, "weighs nodes"),
            ({"batch": {"sampler": "balanced"}}, "samples rows, which are graphs"),
        ],
    )
    def test_settings_that_have_no_meaning_for_nodes(self, tmp_path: Path, options: dict[str, Any], words: str) -> None:
        with pytest.raises(ConfigError, match=words):
            prepared(tmp_path, id="name", **options)

    def test_a_misspelt_split_is_told(self, tmp_path: Path) -> None:
        with pytest.raises(NNTrainError, match="tset"):
            prepared(tmp_path, id="name", nodes=NODES.replace("blue,test", "blue,tset"))


class TestTU:
    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        """Ten graphs of two nodes and one edge."""
        path = tmp_path / "SET"
        (path / "10fold_idx").mkdir(parents=True)
        ends = [(2 * graph + 1, 2 * graph + 2) for graph in range(10)]
        files = {
            "A": "".join(f"{a}, {b}\n{b}, {a}\n" for a, b in ends),
            "graph_indicator": "".join(f"{graph + 1}\n" * 2 for graph in range(10)),
            "graph_labels": "".join(f"{2 * (graph % 2) - 1}\n" for graph in range(10)),
            "node_labels": "".join(f"{node % 3}\n" for node in range(20)),
            "node_attributes": "".join(f"{node}, 0.5\n" for node in range(20)),
        }
        for name, text in files.items():
            (path / f"SET_{name}.txt").write_text(text)
        (path / "10fold_idx" / "test_idx-2.txt").write_text("3\n8\n")
        return path

    def prepare(self, folder: Path, **options: Any) -> Prepared:
        source = {"type": "tu", "path": folder.name, **options}
        return prepare(DataSettings.parse({"source": source, "split": {"validation": 2}}), folder.parent, seed=0)

    def test_a_folder_is_graphs_with_their_labels(self, folder: Path) -> None:
        found = self.prepare(folder)
        assert found.fields.targets["label"].classes == ("-1", "1")
        assert list(found.fields.inputs) == ["kind", "attributes"]
        batch = graph_of(found.train)
        assert batch.inputs["attributes"].shape == (2 * len(batch), 2)
        assert batch.inputs["@graph.edges"].shape == (2, 2 * len(batch))
        assert batch.targets["label"].tolist() == [number % 2 for number in batch.rows.tolist()]

    def test_a_given_fold_is_tested(self, folder: Path) -> None:
        found = self.prepare(folder, fold=2)
        assert found.test is not None
        assert found.test.rows.tolist() == [3, 8]
        assert len(found.train) == 6
        with pytest.raises(DataError, match=r"no file 10fold_idx/test_idx-3\.txt"):
            self.prepare(folder, fold=3)

    def test_nodes_without_labels_have_their_degree(self, folder: Path) -> None:
        for name in ("node_labels", "node_attributes"):
            (folder / f"SET_{name}.txt").unlink()
        assert list(self.prepare(folder).fields.inputs) == ["degree"]

    def test_another_folder_is_told(self, folder: Path) -> None:
        (folder / "SET_A.txt").unlink()
        with pytest.raises(DataError, match=r"has no file \*_A.txt"):
            self.prepare(folder)


def test_gradient_of_the_training_loss_reaches_no_other_target(tmp_path: Path) -> None:
    """What nodes of other splits are called changes neither the loss nor its gradient."""
    from nntrain.losses.settings import LOSSES
    from nntrain.schema import load_class
    from nntrain.training.units import fold_target

    batch = graph_of(prepared(tmp_path, id="name").train)
    loss: Any = load_class(LOSSES["cross_entropy"]).parse({})
    output = torch.randn(6, 2, requires_grad=True)
    target, weights = fold_target(batch.targets["topic"], None, "node")
    part = loss.build(label_smoothing=0.0, class_weights=None)(output, target, weights)
    gradient: Tensor = torch.autograd.grad(part.sum / part.weight, output)[0]
    assert gradient[:2].any(dim=1).all()
    assert not gradient[2:].any()


@pytest.mark.parametrize("edges", ["", "\n", "who,whom,w\n", "who,whom,w"])
@pytest.mark.parametrize("options", [{}, {"weight": "w"}, {"directed": True}])
def test_a_table_without_edges_is_a_graph_without_edges(tmp_path: Path, edges: str, options: dict[str, Any]) -> None:
    batch = graph_of(prepared(tmp_path, id="name", edges=edges, **options).train)
    assert batch.inputs["@graph.edges"].shape == (2, 0)
    assert batch.inputs["@graph.weights"].shape == (0,)
    assert batch.inputs["@graph.lengths"].tolist() == [6]


def test_a_missing_weight_is_told_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="w is missing in lines 3, 5, and says how much an edge counts"):
        prepared(tmp_path, id="name", weight="w", edges="who,whom,w\nann,bob,1\nbob,cat,\ndan,cat,3\neve,fay,\n")


def test_an_edge_of_two_weights_is_told_where_it_stands_again(tmp_path: Path) -> None:
    for edges in ("ann,bob,1\nbob,cat,2\nbob,ann,3\n", "bob,ann,1\nbob,cat,2\nann,bob,3\n", "ann,bob,1\nbob,cat,2\nann,bob,3\n"):
        with pytest.raises(DataError, match="the second time in line 4"):
            prepared(tmp_path, id="name", weight="w", edges="who,whom,w\n" + edges)


@pytest.mark.parametrize("option", ["nodes", "edges"])
def test_pickles_of_planetoid_are_refused_and_why(tmp_path: Path, option: str) -> None:
    (tmp_path / "ind.cora.graph").write_bytes(b"\x80\x04.")
    for name, text in (("nodes.csv", NODES), ("edges.csv", EDGES)):
        (tmp_path / name).write_text(text)
    source = {"type": "graph", "nodes": "nodes.csv", "edges": "edges.csv", option: "ind.cora.graph"}
    settings = DataSettings.parse({"source": source, "target": "topic"})
    with pytest.raises(DataError, match="is a pickle") as caught:
        prepare(settings, tmp_path, seed=0)
    assert "bring nodes.csv" in str(caught.value.hint)


def test_an_edge_to_no_node_is_told_where_nodes_have_no_names(tmp_path: Path) -> None:
    nodes = "x,topic\n" + "1,red\n2,blue\n" * 4
    with pytest.raises(DataError, match=r"9"):
        prepared(tmp_path, nodes=nodes, edges="who,whom\n0,1\n1,9\n")
