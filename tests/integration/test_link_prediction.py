"""Runs that predict edges, the whole way: two clubs whose members know each other."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any, cast

import pytest
import torch

from nntrain.cli import main
from nntrain.commands.stored.opening import open_run
from nntrain.runs import find_run

MEMBERS = 16
CONFIG = """
name: friends
data:
  source: {type: graph, nodes: tables/nodes.csv, edges: tables/edges.csv, target: edges}
  fields: {one: number, two: number}
  split: {validation: 0.15, test: 0.15}
architecture: {layers: [gcn: 8, relu, dropout: 0.1, gcn: 4]}
optimizer: {type: adam, lr: 0.03}
training: {max_epochs: 30}
"""

Screens = pytest.CaptureFixture[str]


@pytest.fixture
def friends(tmp_path: Path) -> Path:
    """Half of all pairs of a club know each other, hardly anybody a member of the other one."""
    draw = torch.Generator().manual_seed(2)
    (tmp_path / "tables").mkdir()
    club = [place % 2 for place in range(2 * MEMBERS)]
    noise = torch.randn(2 * MEMBERS, 2, generator=draw)
    rows = [f"m{place},{club[place] + 0.3 * noise[place, 0]:.4f},{noise[place, 1]:.4f}\n" for place in range(2 * MEMBERS)]
    (tmp_path / "tables" / "nodes.csv").write_text("name,one,two\n".replace("name", "node") + "".join(rows))
    pairs = [(a, b) for a in range(2 * MEMBERS) for b in range(a)]
    chance = cast("list[float]", torch.rand(len(pairs), generator=draw).tolist())
    known = [pair for pair, value in zip(pairs, chance, strict=True) if value < (0.5 if club[pair[0]] == club[pair[1]] else 0.02)]
    (tmp_path / "tables" / "edges.csv").write_text("a,b\n" + "".join(f"m{a},m{b}\n" for a, b in known))
    (tmp_path / "run.yaml").write_text(CONFIG)
    return tmp_path


def fit(folder: Path, capsys: Screens, *changes: str) -> dict[str, Any]:
    assert main(["fit", str(folder / "run.yaml"), *changes, "--json", "--runs", str(folder / "runs")]) == 0
    return json.loads(capsys.readouterr().out)


def test_friends_are_told_from_strangers_and_asked_for_by_name(friends: Path, capsys: Screens) -> None:
    found = fit(friends, capsys)
    assert found["test"]["auroc"] > 0.75
    assert found["baseline"]["test.auroc" if "test.auroc" in found["baseline"] else "auroc"] == 0.5
    (friends / "pairs.csv").write_text("from,to,why\nm0,m2,same club\nm2,m0,the other way\nm0,m1,other club\nm4,m4,itself\n")
    assert main(["predict", found["run"], str(friends / "pairs.csv"), "-o", str(friends / "out.csv")]) == 0
    written = list(csv.DictReader((friends / "out.csv").read_text().splitlines()))
    assert [row["why"] for row in written] == ["same club", "the other way", "other club", "itself"]
    chances = [float(row["probability_edge"]) for row in written]
    assert chances[0] == pytest.approx(chances[1])
    assert chances[0] > chances[2]
    assert {row["prediction"] for row in written} <= {"edge", "none"}
    capsys.readouterr()
    assert main(["eval", found["run"], "--json"]) == 0
    measured = json.loads(capsys.readouterr().out)
    assert measured["metrics"] == pytest.approx(found["test"])
    (friends / "run.yaml").write_text((Path(found["run"]) / "resolved.yaml").read_text())
    assert fit(friends, capsys)["last"] == found["last"]
    again = sorted((friends / "runs" / "friends").glob("*/resolved.yaml"))
    assert again[0].read_text() == again[1].read_text()


def test_pairs_have_intervals(friends: Path, capsys: Screens) -> None:
    run = fit(friends, capsys)["run"]
    assert main(["eval", run, "--json", "--intervals"]) == 0
    found = json.loads(capsys.readouterr().out)
    span = found["intervals"]["auroc"]
    assert span["low"] <= found["metrics"]["auroc"] <= span["high"]


def test_the_screen_has_what_neighbours_alone_tell(friends: Path, capsys: Screens) -> None:
    assert main(["fit", str(friends / "run.yaml"), "training.max_epochs=1", "--runs", str(friends / "runs")]) == 0
    screen = capsys.readouterr()
    shown = " ".join((screen.out + screen.err).split())  # heads of two words lie over one another
    for words in ("common degree pairs", "neighbors product alike", "undirected: messages along", "hits_at_20", "average_precision"):
        assert words in shown


def test_a_run_that_goes_on_ends_as_one_without_a_break(friends: Path, capsys: Screens) -> None:
    whole = fit(friends, capsys, "name=whole", "training.max_epochs=12")
    first = fit(friends, capsys, "name=cut", "training.max_epochs=5")
    assert main(["fit", "--resume", first["run"], "training.max_epochs=12", "--json", "--runs", str(friends / "runs")]) == 0
    again = json.loads(capsys.readouterr().out)
    assert again["last"] == whole["last"]
    runs = [find_run(run, friends / "runs") for run in (whole["run"], again["run"])]
    states = [open_run(run).network.state_dict() for run in runs]
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])
    assert (runs[0].path / "history.jsonl").read_bytes() == (runs[1].path / "history.jsonl").read_bytes()


@pytest.mark.parametrize("layers", ["[gcn: 16, relu, pair: concat, linear: 16, relu]", "[gcn: 16, pair: multiply, batch_norm, linear: 1]"])
def test_pairs_are_told_apart_by_other_layers_too(friends: Path, capsys: Screens, layers: str) -> None:
    found = fit(friends, capsys, f"architecture.layers={layers}", "data.source.directed=true", "training.max_epochs=40")
    assert found["test"]["auroc"] > 0.65


def test_what_is_wrong_is_said(friends: Path, capsys: Screens) -> None:
    found = fit(friends, capsys, "training.max_epochs=1")
    (friends / "pairs.csv").write_text("from,to\nm0,m99\n")
    assert main(["predict", found["run"], str(friends / "pairs.csv")]) == 3
    assert "to is 'm99' in line 2" in capsys.readouterr().err
    (friends / "pairs.csv").write_text("from,to\nm0,m1\n")
    assert main(["eval", found["run"], "--data", str(friends / "pairs.csv")]) == 3
    assert "nntrain predict RUN pairs.csv" in capsys.readouterr().err
    with (friends / "tables" / "edges.csv").open("a") as edges:
        edges.write("m0,m1\n")
    assert main(["predict", found["run"], str(friends / "pairs.csv")]) == 3
    assert "no longer as it was trained on" in capsys.readouterr().err


def test_a_task_without_edges_and_ends_that_are_no_pairs_are_refused(friends: Path, capsys: Screens) -> None:
    (friends / "t.csv").write_text("x,y\n" + "".join(f"{n % 7},{'ab'[n % 2]}\n" for n in range(40)))
    layers = "[gcn: 8, relu, dropout: 0.1, gcn: 4]"
    without = CONFIG.replace(", target: edges", "")
    wrong = [
        ("data: {source: t.csv, target: y}\ntask: link_prediction\n", "link_prediction needs a target of type link; y is a boolean"),
        (
            "data: {source: t.csv, target: y}\ntask: link_prediction\n",
            "data.source: {type: graph, nodes: nodes.csv, edges: edges.csv, target: edges}",
        ),
        (CONFIG.replace(layers, "[gcn: 8, relu, pool: mean]"), "end in nodes, or put pair behind them"),
        (CONFIG + "task: classification\n", "edge is a link"),
        (without + "task: link_prediction\n", "or data.source.target: edges"),
        (CONFIG + "metrics: [hits_at: 0]\n", "hits_at"),
    ]
    for written, told in wrong:
        (friends / "run.yaml").write_text(written)
        assert main(["check", str(friends / "run.yaml")]) == 2
        assert told in " ".join(capsys.readouterr().err.split())
