"""The examples of graphs learn a few nodes, and eight graphs, by heart; the karate club splits where it did."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from nntrain.assembly import assemble
from nntrain.commands.preparing.from_config import prepare_job
from nntrain.config.loading import load
from nntrain.config.reading import read_mapping
from nntrain.training.evaluation import measure
from nntrain.training.loop import fit

CONFIGS = Path(__file__).parents[2] / "configs"
STEPS = 100


def learned(tree: Mapping[str, Any], folder: Path, rows: int | None = None) -> float | None:
    """Accuracy in training, after a few steps, of the first rows."""
    job = prepare_job(read_mapping(dict(tree), (), folder))
    run = assemble(job.blueprint, replace(job.prepared, train=job.prepared.train.head(rows or len(job.prepared.train))))
    for _ in fit(run.session, run.protocol, run.plan, run.progress, lambda step: False):
        pass
    data = run.session.splits.train
    return measure(run.session.network, run.session.objective, data, run.session.precision).metrics["accuracy"]


def plain(name: str, lr: float) -> dict[str, Any]:
    """An example without what keeps it from learning by heart."""
    tree: Any = load(CONFIGS / f"{name}.yaml").tree
    tree.pop("regularization", None)
    tree.pop("scheduler", None)
    tree["training"] = {"max_steps": STEPS, "evaluate_every": {"steps": STEPS}, "device": "cpu"}
    tree["optimizer"] = {"type": "adam", "lr": lr}
    return tree


def papers(folder: Path) -> None:
    """Tables as those of Cora, of 40 nodes in a row."""
    draw = np.random.default_rng(0)
    (folder / "cora").mkdir()
    words = {f"f{place}": draw.integers(0, 2, 40) for place in range(30)}
    split = [("train", "validation", "test", "none")[place % 4] for place in range(40)]
    labels = [f"topic {number}" for number in (np.arange(40) // 4) % 7]
    pl.DataFrame({"node": np.arange(40), **words, "label": labels, "split": split}).write_parquet(folder / "cora" / "nodes.parquet")
    pl.DataFrame({"a": np.arange(39), "b": np.arange(1, 40)}).write_csv(folder / "cora" / "edges.csv")


@pytest.mark.parametrize("name", ["cora_gcn", "cora_gat"])
def test_nodes(name: str, tmp_path: Path) -> None:
    papers(tmp_path)
    tree = plain(name, 5e-2)
    layers = [layer for layer in tree["architecture"]["layers"] if "dropout" not in layer]
    tree["architecture"]["layers"] = [{"gat": {**layer["gat"], "dropout": 0}} if "gat" in layer else layer for layer in layers]
    assert learned(tree, tmp_path) == 1.0


def test_edges(tmp_path: Path) -> None:
    """All edges of a path, beside the same other pairs in each epoch."""
    papers(tmp_path)
    tree = plain("cora_links", 2e-2)
    assert learned(tree, tmp_path, 1) == 1.0


def test_eight_graphs(tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    folder = tmp_path / "mutag"
    folder.mkdir()
    graphs, nodes = 20, 6
    pairs = [
        (nodes * graph + place + 1, nodes * graph + int(draw.integers(place)) + 1) for graph in range(graphs) for place in range(1, nodes)
    ]
    (folder / "MUTAG_A.txt").write_text("".join(f"{a}, {b}\n{b}, {a}\n" for a, b in pairs))
    (folder / "MUTAG_graph_indicator.txt").write_text("".join(f"{graph + 1}\n" * nodes for graph in range(graphs)))
    (folder / "MUTAG_graph_labels.txt").write_text("".join(f"{graph % 2}\n" for graph in range(graphs)))
    (folder / "MUTAG_node_labels.txt").write_text("".join(f"{kind}\n" for kind in draw.integers(0, 3, graphs * nodes)))
    tree = plain("mutag_gin", 1e-2)
    tree["data"] = {"source": {"type": "tu", "path": "mutag"}, "split": {"validation": 4, "test": 4}, "batch_size": 8}
    assert learned(tree, tmp_path, rows=8) == 1.0


def test_karate_club(shared: Path, tmp_path: Path) -> None:
    """Who knows whom says which of the two clubs a member went to, where one member of each club is known (Kipf and Welling 2017)."""
    nodes = pl.read_csv(shared / "data" / "karate" / "nodes.csv")
    known = {0: "train", 33: "train"}
    split = [known.get(node, "test") for node in nodes["node"]]
    identity = {f"f{node}": (nodes["node"] == node).cast(pl.Int64) for node in nodes["node"]}
    nodes.with_columns(split=pl.Series(split), **identity).write_csv(tmp_path / "nodes.csv")
    (tmp_path / "edges.csv").write_bytes((shared / "data" / "karate" / "edges.csv").read_bytes())
    tree = plain("cora_gcn", 5e-2)
    tree["data"] = {
        "source": {"type": "graph", "nodes": "nodes.csv", "edges": "edges.csv"},
        "target": "club",
        "split": {"validation": None},
        "fields": {"member": {"type": "vector", "columns": "f*", "normalize": "none"}},
    }
    tree["architecture"] = {"layers": [{"gcn": 16}, "relu", {"gcn": "=out"}]}
    job = prepare_job(read_mapping(tree, (), tmp_path))
    run = assemble(job.blueprint, job.prepared)
    for _ in fit(run.session, run.protocol, run.plan, run.progress, lambda step: False):
        pass
    assert job.prepared.test is not None
    found = measure(run.session.network, run.session.objective, job.prepared.test, run.session.precision).metrics["accuracy"]
    assert found is not None
    assert found >= 0.8
