"""Runs on graphs, the whole way: nodes of one graph, and graphs of many."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
import torch

from nntrain.cli import main
from nntrain.commands.stored.opening import open_run
from nntrain.runs import find_run

CLUBS = 2
OF_A_CLUB = 12

ONE_GRAPH = """
name: clubs
data:
  source: {type: graph, nodes: nodes.csv, edges: edges.csv}
  target: club
  fields: {one: number, two: number}
architecture: {layers: [gcn: 8, relu, dropout: 0.2, gcn: =out]}
optimizer: {type: adam, lr: 0.05}
training: {max_epochs: 30}
"""
MANY_GRAPHS = """
name: rings
data:
  source: {type: tu, path: SET}
  split: {validation: 8, test: 8}
  batch_size: 8
architecture: {type: gnn, conv: gin, hidden_size: 8, pool: sum}
optimizer: {type: adam, lr: 0.02}
training: {max_epochs: 15}
"""

Screens = pytest.CaptureFixture[str]


@pytest.fixture
def clubs(tmp_path: Path) -> Path:
    """Two clubs whose members know each other; a member's own numbers say little."""
    noise = torch.randn(CLUBS * OF_A_CLUB, 2, generator=torch.Generator().manual_seed(1))
    lines = ["name,one,two,club,split"]
    for place in range(CLUBS * OF_A_CLUB):
        club = place // OF_A_CLUB
        split = ("train", "train", "val", "test", "test", "none")[place % 6]
        one, two = (noise[place] + 0.8 * torch.tensor([club - 0.5, 0.5 - club])).tolist()
        lines.append(f"m{place},{one:.4f},{two:.4f},{'red' if club else 'blue'},{split}")
    (tmp_path / "nodes.csv").write_text("\n".join(lines).replace("name,", "node,") + "\n")
    pairs = [
        (club * OF_A_CLUB + a, club * OF_A_CLUB + (a + step) % OF_A_CLUB)
        for club in range(CLUBS)
        for a in range(OF_A_CLUB)
        for step in (1, 2)
    ]
    (tmp_path / "edges.csv").write_text("a,b\n" + "".join(f"m{a},m{b}\n" for a, b in [*pairs, (0, OF_A_CLUB)]))
    (tmp_path / "run.yaml").write_text(ONE_GRAPH)
    return tmp_path


@pytest.fixture
def rings(tmp_path: Path) -> Path:
    """Rings of six nodes, and stars: only the edges tell them apart."""
    (tmp_path / "SET").mkdir()
    edges: list[tuple[int, int]] = []
    graph, label = [], []
    for number in range(40):
        start = 6 * number + 1
        kind = number % 2
        label.append(kind)
        graph += [number + 1] * 6
        pairs = [(place, (place + 1) % 6) for place in range(6)] if kind else [(0, place) for place in range(1, 6)]
        edges += [(start + a, start + b) for a, b in pairs] + [(start + b, start + a) for a, b in pairs]
    for name, text in (
        ("A", "".join(f"{a}, {b}\n" for a, b in edges)),
        ("graph_indicator", "".join(f"{each}\n" for each in graph)),
        ("graph_labels", "".join(f"{each}\n" for each in label)),
    ):
        (tmp_path / "SET" / f"SET_{name}.txt").write_text(text)
    (tmp_path / "run.yaml").write_text(MANY_GRAPHS)
    return tmp_path


def fit(folder: Path, capsys: Screens, *changes: str) -> dict[str, Any]:
    assert main(["fit", str(folder / "run.yaml"), "--json", "--runs", str(folder / "runs"), *changes]) == 0
    return json.loads(capsys.readouterr().out)


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_nodes_are_told_apart_by_their_neighbours(clubs: Path, capsys: Screens) -> None:
    found = fit(clubs, capsys)
    assert found["test"]["accuracy"] >= 0.85
    alone = fit(clubs, capsys, "architecture.layers=[linear: 8, relu, linear: =out]")
    assert found["test"]["accuracy"] > alone["test"]["accuracy"]


def test_each_node_has_a_prediction(clubs: Path, capsys: Screens) -> None:
    run = fit(clubs, capsys)["run"]
    assert main(["predict", run, str(clubs / "nodes.csv"), "-o", str(clubs / "out.csv")]) == 0
    written = rows_of(clubs / "out.csv")
    assert [row["node"] for row in written] == [f"m{place}" for place in range(CLUBS * OF_A_CLUB)]
    stored = open_run(find_run(run, clubs / "runs"))
    from nntrain.commands.preparing.from_config import prepare_data
    from nntrain.commands.stored.opening import stored_config

    test = prepare_data(stored_config(stored.run)).test
    assert test is not None
    hits = [written[row]["prediction"] == written[row]["club"] for row in test.scored.tolist()]
    assert main(["eval", run, "--json"]) == 0
    measured = json.loads(capsys.readouterr().out)
    assert measured["rows"] == len(hits) == 8
    assert measured["metrics"]["accuracy"] == pytest.approx(sum(hits) / len(hits))


def test_nodes_have_intervals_and_groups_and_are_cases_of_a_report(clubs: Path, capsys: Screens) -> None:
    run = fit(clubs, capsys)["run"]
    assert main(["eval", run, "--json", "--intervals", "--by", "club"]) == 0
    found = json.loads(capsys.readouterr().out)
    span = found["intervals"]["accuracy"]
    assert span["low"] <= found["metrics"]["accuracy"] <= span["high"]
    assert sum(group["rows"] for group in found["groups"].values()) == found["rows"]
    right = sum(group["rows"] * group["accuracy"] for group in found["groups"].values())
    assert right / found["rows"] == pytest.approx(found["metrics"]["accuracy"])
    assert main(["report", run]) == 0
    page = (Path(run) / "report.html").read_text()
    assert "The worst" in page
    assert "By class, the worst f1 first" in page


def test_a_run_that_goes_on_ends_as_one_without_a_break(clubs: Path, capsys: Screens) -> None:
    whole = fit(clubs, capsys, "regularization.noise=0.1", "name=whole")
    first = fit(clubs, capsys, "regularization.noise=0.1", "name=cut", "training.max_epochs=11")
    assert main(["fit", "--resume", first["run"], "training.max_epochs=30", "--json", "--runs", str(clubs / "runs")]) == 0
    again = json.loads(capsys.readouterr().out)
    assert again["last"] == whole["last"]
    states = [open_run(find_run(run, clubs / "runs")).network.state_dict() for run in (whole["run"], again["run"])]
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])


def test_graphs_are_told_apart_by_their_edges(rings: Path, capsys: Screens) -> None:
    found = fit(rings, capsys)
    assert found["test"]["accuracy"] == 1.0
    assert main(["predict", found["run"], str(rings / "SET"), "-o", str(rings / "out.csv")]) == 0
    written = rows_of(rings / "out.csv")
    assert len(written) == 40
    assert [row["prediction"] == row["label"] for row in written].count(True) >= 38


def test_graphs_of_a_step_may_be_computed_in_parts(rings: Path, capsys: Screens) -> None:
    whole = fit(rings, capsys, "data.batch_size=8", "training.max_epochs=2")
    parts = fit(rings, capsys, "data.batch_size=4", "training.accumulate=2", "training.max_epochs=2")
    assert parts["last"]["train.loss"] == pytest.approx(whole["last"]["train.loss"], rel=1e-4)


def test_folds_test_every_node_once(clubs: Path, capsys: Screens) -> None:
    (clubs / "nodes.csv").write_text((clubs / "nodes.csv").read_text().replace(",split\n", ",part\n"))
    assert (
        main(["fit", str(clubs / "run.yaml"), "--folds", "3", "--json", "--runs", str(clubs / "runs"), "data.fields.part.role=ignore"]) == 0
    )
    capsys.readouterr()
    written = next((clubs / "runs").rglob("out_of_fold.csv"))
    assert [int(row["row"]) for row in rows_of(written)] == list(range(1, CLUBS * OF_A_CLUB + 1))
