"""`nntrain show` of configs and runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from nntrain.cli import main

CONFIG = "name: line\ndata: {source: line.csv, target: y}\narchitecture: {type: mlp, hidden: [4]}\ntraining: {max_epochs: 1}\n"


@pytest.fixture
def trained(tmp_path: Path) -> Path:
    rows = "\n".join(f"{x % 17},{x % 5},{0.5 * (x % 17) + x % 5}" for x in range(60))
    (tmp_path / "line.csv").write_text(f"a,b,y\n{rows}\n")
    (tmp_path / "line.yaml").write_text(CONFIG)
    assert main(["fit", "line.yaml", "--runs", "elsewhere"]) == 0
    return tmp_path


def test_a_run_is_found_as_eval_finds_it(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("elsewhere/line/0001", "line/0001", "line"):
        capsys.readouterr()
        assert main(["show", name, "--runs", "elsewhere"]) == 0
        assert capsys.readouterr().out.startswith("elsewhere/line/0001   regression of y")


def test_what_is_neither_config_nor_run_is_refused(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", "line/0002", "--runs", "elsewhere"]) == 2
    assert "no run line/0002" in capsys.readouterr().err
    assert main(["show", "line", "seed=3", "--runs", "elsewhere"]) == 2
    assert "a run is shown as it is, without seed=3" in capsys.readouterr().err


def test_the_size_of_a_config_is_told(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert main(["show", "line.yaml", "architecture.hidden=[40]"]) == 0
    assert "161 parameters, 644 B as float32" in capsys.readouterr().out
