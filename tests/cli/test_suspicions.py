"""What in the rows may flatter a network is told by init, fit, check --data, and kept with the run."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from nntrain.cli import main

CONFIG = """
name: a
data: {source: t.csv, target: y, batch_size: 64}
architecture: {mlp: [4]}
training: {max_epochs: 1}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A table with the target under another name."""
    monkeypatch.chdir(tmp_path)
    draw = np.random.default_rng(0)
    rows = [(a, b, 3 * a + draw.normal()) for a, b in draw.normal(size=(200, 2))]
    lines = ["a,b,cents,y", *(f"{a:.4f},{b:.4f},{100 * y:.2f},{y:.4f}" for a, b, y in rows)]
    (tmp_path / "t.csv").write_text("\n".join(lines) + "\n")
    (tmp_path / "a.yaml").write_text(CONFIG)
    return tmp_path


def plain(text: str) -> str:
    return " ".join(text.split())


def test_init_and_fit_say_which_column_tells_the_target(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", "t.csv", "--target", "y"]) == 0
    assert "look at cents alone tells y (rank correlation 1.000" in plain(capsys.readouterr().out)
    assert main(["fit", "a.yaml"]) == 0
    told = capsys.readouterr()
    assert plain(told.out + told.err).count("look at cents alone tells y") == 1
    [kept] = json.loads((folder / "runs" / "a" / "0001" / "data.json").read_text())["suspicions"]
    assert (kept["kind"], kept["name"]) == ("tells_target", "cents")
    assert main(["fit", "a.yaml", kept["override"]]) == 0
    told = capsys.readouterr()
    assert "look at" not in told.out + told.err


@pytest.mark.parametrize("more", [["--seeds", "2"], ["training.bag=3", "data.split={test: 0.2}"]], ids=["seeds", "bag"])
def test_members_are_told_once(folder: Path, capsys: pytest.CaptureFixture[str], more: list[str]) -> None:
    assert main(["fit", "a.yaml", *more]) == 0
    told = capsys.readouterr()
    assert plain(told.out + told.err).count("look at cents alone tells y") == 1


def test_check_tells_it_where_it_reads_the_data(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "a.yaml", "--strict"]) == 0
    assert "cents" not in capsys.readouterr().err
    assert main(["check", "a.yaml", "--data"]) == 0
    assert "warning: cents alone tells y" in plain(capsys.readouterr().err)


def test_check_tells_of_few_rows_as_fit_does(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    few = "data.split={validation: 20, test: 9}"
    assert main(["check", "a.yaml", few, "--data"]) == 0
    [line] = [line for line in capsys.readouterr().err.splitlines() if "test rows" in line]
    assert "9 test rows: figures on so few say hardly anything" in line
    assert main(["fit", "a.yaml", few]) == 0
    told = capsys.readouterr()
    assert line.partition("warning: ")[2] in plain(told.out + told.err)
    assert main(["check", "a.yaml", few]) == 0
    assert "test rows" not in capsys.readouterr().err


def test_a_run_that_goes_on_gives_the_advice_of_one_that_never_stopped(folder: Path) -> None:
    """Even where nothing is left to train, as after a kill just before the result."""
    summary = folder / "runs" / "a" / "0001" / "summary.json"
    assert main(["fit", "a.yaml"]) == 0
    before = json.loads(summary.read_text())
    assert before["advice"][0]["name"] == "leakage"
    summary.unlink()
    assert main(["fit", "--resume", "runs/a/0001"]) == 0
    assert json.loads(summary.read_text()) == before


@pytest.mark.parametrize("damage", [{"kind": "stars"}, {"override": 3}, {"evidence": [1]}, {"sentence": None}], ids=str)
def test_suspicions_that_no_run_writes_are_damage(folder: Path, capsys: pytest.CaptureFixture[str], damage: dict[str, object]) -> None:
    kept = folder / "runs" / "a" / "0001" / "data.json"
    assert main(["fit", "a.yaml"]) == 0
    record = json.loads(kept.read_text())
    record["suspicions"][0] |= damage
    kept.write_text(json.dumps(record))
    capsys.readouterr()
    assert main(["fit", "--resume", "runs/a/0001"]) == 4
    assert "runs/a/0001/data.json: damaged: its suspicions" in plain(capsys.readouterr().err)


def test_a_best_state_that_is_lost_takes_its_place_in_the_result_with_it(folder: Path) -> None:
    """Figures of the newest state are not told under the step of the best one."""
    run = folder / "runs" / "a" / "0001"
    more = ["training.max_epochs=4", "optimizer.lr=1e-30", "data.split={test: 0.2}"]
    assert main(["fit", "a.yaml", *more]) == 0
    best = (run / "checkpoints" / "best").read_text().strip()
    before = json.loads((run / "summary.json").read_text())
    assert before["best"]["step"] == int(best.removeprefix("step-")) < before["steps"]
    (run / "checkpoints" / best / "weights.safetensors").unlink()
    assert main(["fit", "--resume", "runs/a/0001"]) == 0
    after = json.loads((run / "summary.json").read_text())
    assert (after["best"]["epoch"], after["best"]["step"]) == (after["epochs"], after["steps"])


def test_a_finished_run_without_checkpoints_is_not_told_to_go_on(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fit", "a.yaml"]) == 0
    shutil.rmtree(folder / "runs" / "a" / "0001" / "checkpoints")
    capsys.readouterr()
    assert main(["eval", "runs/a/0001"]) == 4
    told = capsys.readouterr().err
    assert "--resume" not in told
    assert "train a new run" in told
