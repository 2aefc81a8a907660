"""A resume that comes to nothing leaves the run as it was."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from forging import forge_part, part_of

from nntrain.cli import main

ROWS = "\n".join(f"{x},{'a' if x % 7 > 3 else 'b'}" for x in range(60))
CONFIG = """
data: {source: table.csv, target: label, fields: {x: number}, split: {validation: 0.2}, batch_size: 8}
architecture: {type: mlp, hidden: [4]}
training: {max_epochs: 2}
"""


def test_a_state_of_another_version_is_refused_and_the_config_of_the_run_stays(capsys: pytest.CaptureFixture[str]) -> None:
    Path("table.csv").write_text(f"x,label\n{ROWS}\n")
    Path("a.yaml").write_text(CONFIG)
    assert main(["fit", "a.yaml"]) == 0
    run = Path("runs/a/0001")
    for saved in (run / "checkpoints").glob("step-*"):  # as a version wrote it that did not know of this
        state = part_of(saved, "state")
        del state["progress"]["owed_rate"]
        forge_part(saved, "state", lambda _, state=state: state)
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    capsys.readouterr()
    assert main(["fit", "--resume", "runs/a/0001", "training.max_epochs=3"]) == 4
    told = capsys.readouterr().err
    assert "another version of nntrain" in told
    assert "owed_rate" in told
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("changes", [["training.max_epochs=1"], ["data.batch_size=4", "training.accumulate=2"]], ids=["shorter", "halved"])
def test_a_finished_run_that_has_nothing_to_train_keeps_its_settings(changes: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    Path("table.csv").write_text(f"x,label\n{ROWS}\n")
    Path("a.yaml").write_text(CONFIG)
    assert main(["fit", "a.yaml"]) == 0
    run = Path("runs/a/0001")
    kept = {name: (run / name).read_bytes() for name in ("resolved.yaml", "data.json", "history.jsonl")}
    before = json.loads((run / "summary.json").read_text())
    capsys.readouterr()
    assert main(["fit", "--resume", "runs/a/0001", *changes]) == 0
    told = capsys.readouterr().err
    assert "there is nothing to train: the run keeps its settings" in told
    assert "goes on from" not in told
    assert "inexact" not in told
    assert {name: (run / name).read_bytes() for name in kept} == kept
    after = json.loads((run / "summary.json").read_text())
    assert {name: after[name] for name in ("best", "steps", "inexact_since")} == {
        name: before[name] for name in ("best", "steps", "inexact_since")
    }
