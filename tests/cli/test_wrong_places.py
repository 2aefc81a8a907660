"""Paths that stand for something else than what a command asks for: told as what they are."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from nntrain.cli import main

CONFIG = """
data: {source: rows.csv, target: y, split: {validation: 0.2}}
architecture: {type: mlp, hidden: [2]}
training: {max_epochs: 1}
"""


@pytest.fixture(autouse=True)
def _files(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("\n".join(["a,y", *(f"{row},{row % 5}.5" for row in range(30))]) + "\n")
    (tmp_path / "a.yaml").write_text(CONFIG)


def test_a_part_of_a_run_and_a_run_as_a_config(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fit", "a.yaml"]) == 0
    step = next(Path("runs/a/0001/checkpoints").glob("step-*"))
    for part in (step, step.parent, Path("runs/a/0001/resolved.yaml")):
        assert main(["fit", "--resume", str(part)]) == 2
        told = capsys.readouterr().err
        assert f"{part} is a part of a run, and no run" in told
        assert "the run: runs/a/0001" in told
    assert main(["fit", "runs/a/0001"]) == 2
    told = capsys.readouterr().err
    assert "is a folder, and no config" in told
    assert "--resume runs/a/0001" in told


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_as_a_config(capsys: pytest.CaptureFixture[str]) -> None:
    os.mkfifo("pipe.yaml")
    assert main(["check", "pipe.yaml"]) == 2
    assert "pipe.yaml is no file that stays as it is, and no config" in capsys.readouterr().err + capsys.readouterr().out


def test_a_run_id_that_is_too_long(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fit", "a.yaml", "--run-id", "x" * 101]) == 2
    assert "up to 100 letters" in capsys.readouterr().err
