"""What several processes can't train is refused, with its place and a way out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import nntrain
from nntrain.blueprint import Blueprint, draw_first
from nntrain.cli import main
from nntrain.commands.preparing.shareable import other_curve, unshareable
from nntrain.config.reading import read_mapping
from nntrain.data.layout import plan_layouts
from nntrain.errors import UsageError, render_path
from nntrain.training.place import STORE


def drawn(**sections: Any) -> Blueprint:
    config = read_mapping({"data": {"source": {"type": "builtin", "name": "digits"}}, "architecture": {"type": "mlp"}} | sections, ())
    return draw_first(config, plan_layouts(config.experiment.data, config.folder, look=True))


@pytest.mark.parametrize(
    ("sections", "path"),
    [
        ({"optimizer": "lbfgs", "data": {"source": {"type": "builtin", "name": "digits"}, "batch_size": "full"}}, "optimizer"),
        ({"training": {"on_oom": "halve"}}, "training.on_oom"),
        ({"task": "metric"}, "loss"),
        ({"training": {"shard": True, "accumulate": 2}}, "training.accumulate"),
        ({"training": {"shard": True}, "optimizer": "muon"}, "optimizer"),
        ({"training": {"shard": True}, "regularization": {"ema": 0.9}}, "regularization.ema"),
    ],
)
def test_refused(sections: dict[str, Any], path: str) -> None:
    problems = list(unshareable(drawn(**sections)))
    assert [render_path(problem.path) for problem in problems] == [path]
    assert problems[0].hint


def test_nothing_else_is_refused() -> None:
    blueprint = drawn(training={"accumulate": 2}, regularization={"ema": 0.9, "mixup": 0.2})
    assert list(unshareable(blueprint)) == []
    assert other_curve(blueprint) is None


def test_what_changes_the_curve_is_named() -> None:
    told = other_curve(drawn(regularization={"norm": "batch", "dropout": 0.5}))
    assert told is not None
    assert "batch statistics are those of each process's own rows" in told
    assert "each process draws by itself" in told


def test_check_looks_at_a_network_in_pieces(capsys: pytest.CaptureFixture[str]) -> None:
    with Path("c.yaml").open("w") as file:
        file.write("data: {source: {type: builtin, name: digits}}\ntraining: {shard: true, accumulate: 2}\n")
    assert main(["check", "c.yaml"]) == 2
    assert "training.accumulate" in "".join(capsys.readouterr())


def test_pieces_of_one_process(capsys: pytest.CaptureFixture[str]) -> None:
    Path("c.yaml").write_text("data: {source: {type: builtin, name: digits}}")
    assert main(["fit", "c.yaml", "training.shard=true"]) == 2
    assert "has no effect: this is one process" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--processes", "2", "--seeds", "3"], "--seeds trains its members in one process"),
        (["--processes", "2", "--smoke"], "--smoke proves the way in one process"),
        (["--processes", "0"], "--processes 0: needs 1 to"),
    ],
)
def test_options_that_do_not_go_together(capsys: pytest.CaptureFixture[str], options: list[str], told: str) -> None:
    assert main(["fit", "c.yaml", *options]) == 2
    assert told in capsys.readouterr().err


def test_processes_below_a_launcher(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"RANK": "1", "WORLD_SIZE": "2", "MASTER_ADDR": "localhost", "MASTER_PORT": "1"}.items():
        monkeypatch.setenv(name, value)
    assert main(["fit", "c.yaml", "--processes", "2"]) == 2
    assert "this is process 1 of 2 that a launcher has started" in capsys.readouterr().err


@pytest.mark.parametrize("variables", [{"MASTER_ADDR": "localhost", "MASTER_PORT": "1"}, {STORE: "/tmp/store"}])
def test_python_below_a_launcher(monkeypatch: pytest.MonkeyPatch, variables: dict[str, str]) -> None:
    for name, value in {"RANK": "1", "WORLD_SIZE": "2", **variables}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(UsageError, match="process 1 of 2 that a launcher has started") as caught:
        nntrain.fit({"data": {"source": {"type": "builtin", "name": "digits"}}})
    assert "-m nntrain fit" in (caught.value.hint or "")
    assert not Path("runs").exists()
