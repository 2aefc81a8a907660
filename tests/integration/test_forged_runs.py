"""Runs whose files somebody has changed, by accident or to do harm: each is refused in words, and none runs code."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from forging import forge_part, leave_out, meta_of

import nntrain
from nntrain.commands.stored.opening import PARTS, open_run
from nntrain.errors import CheckpointError
from nntrain.runs import Run

CONFIG: dict[str, Any] = {
    "name": "forged",
    "data": {"source": "rows.csv", "target": "y", "split": {"validation": 0.2}, "batch_size": 16},
    "architecture": {"type": "mlp", "hidden": [4]},
    "training": {"max_epochs": 3, "checkpoint": {"keep": 9, "time_fraction": None}},
}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with data and a run of it."""
    folder = tmp_path_factory.mktemp("forged")
    (folder / "rows.csv").write_text("\n".join(["a,y", *(f"{row % 7},{row % 7 * 2 + row % 3}" for row in range(60))]) + "\n")
    before = Path.cwd()
    os.chdir(folder)
    try:
        nntrain.fit(CONFIG)
    finally:
        os.chdir(before)
    return folder


@pytest.fixture
def run(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A copy of the run, where you stand."""
    shutil.copytree(trained, tmp_path / "copy")
    monkeypatch.chdir(tmp_path / "copy")
    return Run(Path("runs/forged/0001"))


def checkpoints(run: Run) -> list[Path]:
    return sorted(run.checkpoints.glob("step-*"))


def typed(type_: object) -> Callable[[Any], Any]:
    return lambda tree: [{**field, "settings": {**field["settings"], "type": type_}} for field in tree]


def resume(run: Run) -> None:
    nntrain.fit({**CONFIG, "training": {**CONFIG["training"], "max_epochs": 4}}, resume=run.name)


def test_a_checkpoint_has_the_parts_that_are_asked_for(run: Run) -> None:
    for path in checkpoints(run):
        assert set(PARTS) == meta_of(path)["parts"].keys()


@pytest.mark.parametrize("name", PARTS)
def test_a_checkpoint_without_a_part_is_passed_over_then_refused(run: Run, name: str) -> None:
    newest = checkpoints(run)[-1]
    leave_out(newest, name)
    resume(run)
    for path in checkpoints(run):
        leave_out(path, name)
    with pytest.raises(CheckpointError, match=f"step-.*has no {name}"):
        open_run(run)
    with pytest.raises(CheckpointError, match=f"no whole checkpoint: .*has no {name}"):
        resume(run)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("fields", typed("os:system")),
        ("fields", typed(5)),
        ("fields", typed([])),
        ("fields", lambda _: []),
        ("fields", lambda _: 5),
        ("fields", lambda tree: [{**field, "learned": 5} for field in tree]),
        ("task", lambda _: {}),
        ("task", lambda _: {"baseline": {"y": 5}}),
        ("state", lambda _: {}),
        ("state", lambda tree: {**tree, "progress": 5}),
        ("state", lambda tree: {**tree, "progress": {**tree["progress"], "step": "x"}}),
        ("weights", lambda _: {}),
        ("weights", lambda _: []),
        ("weights", lambda tree: dict.fromkeys(tree, 1.0)),
    ],
)
def test_a_forged_part_that_is_read_is_refused_in_words(run: Run, name: str, change: Callable[[Any], Any]) -> None:
    for path in checkpoints(run):
        forge_part(path, name, change)
    with pytest.raises(CheckpointError, match=r"step-\d+: damaged|does not fit") as error:
        open_run(run)
    assert error.value.exit_code == 4


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("state", lambda _: {}),
        ("state", lambda _: None),
        ("state", lambda tree: {**tree, "history": "x"}),
        ("state", lambda tree: {**tree, "history": -5}),
        ("state", lambda tree: {**tree, "facts": 5}),
        ("state", lambda tree: {**tree, "inexact_since": "x"}),
        ("state", lambda tree: {**tree, "progress": {**tree["progress"], "epoch": -1}}),
        ("state", lambda tree: {**tree, "progress": {**tree["progress"], "elapsed_s": []}}),
        ("state", lambda tree: {**tree, "progress": {**tree["progress"], "stop_reason": "tired"}}),
        ("state", lambda tree: {**tree, "progress": {**tree["progress"], "stopping": {}}}),
        ("rng", lambda _: {}),
        ("rng", lambda tree: {**tree, "torch": 5}),
        ("optimizer", lambda _: []),
        ("optimizer", lambda tree: dict.fromkeys(tree, 5)),
        ("weights", lambda tree: dict.fromkeys(tree, 1.0)),
    ],
)
def test_a_forged_part_is_not_gone_on_with(run: Run, name: str, change: Callable[[Any], Any]) -> None:
    for path in checkpoints(run):
        forge_part(path, name, change)
    with pytest.raises(CheckpointError, match=r"step-\d+: damaged|does not fit"):
        resume(run)


def test_lost_lines_of_the_history_fall_back_to_the_state_before_them(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    history = run.path / "history.jsonl"
    whole = history.read_text().splitlines(keepends=True)
    history.write_text("".join(whole[:2]))
    nntrain.fit({**CONFIG, "training": {**CONFIG["training"], "max_epochs": 3}}, resume=run.name)
    assert history.read_text().splitlines(keepends=True) == whole
    history.write_text("")
    with pytest.raises(CheckpointError, match=r"step-.* which has lost lines .*\n.*train a new run: nntrain fit CONFIG"):
        resume(run)


@pytest.mark.parametrize("file", ["history.jsonl", "timing.jsonl", "summary.json", "lock", "checkpoints/best", "checkpoints/last"])
def test_a_folder_in_place_of_a_file_is_no_traceback(run: Run, file: str) -> None:
    (run.path / file).unlink()
    (run.path / file).mkdir()
    with pytest.raises(nntrain.errors.NNTrainError, match="runs/forged/0001"):
        resume(run)
