"""What is said of a run whose processes end: which run it is, what is kept of it, how it goes on. Shell scripts stand for them."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from nntrain.cli import main
from nntrain.commands.fitting.processes import launch
from nntrain.commands.stored.environment import describe
from nntrain.training import place
from nntrain.training.place import COMMAND, Place, take

DIES = '[ "$RANK" = 1 ] && kill -9 $$; exit 74'
ANNOUNCES = 'mkdir -p runs/a/0001/checkpoints; printf runs/a/0001 > "$(dirname "$NNTRAIN_RENDEZVOUS")/run"; '
SAVES = "touch runs/a/0001/checkpoints/last; "


@pytest.fixture
def launched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """Launches two processes that are a script."""

    def launch_script(script: str, *, goes_on: bool = False) -> int:
        path = tmp_path / "python"
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "executable", path.as_posix())
        return launch(2, [], goes_on=goes_on)

    return launch_script


@pytest.mark.parametrize(
    ("script", "goes_on", "told"),
    [
        (DIES, False, "nothing was trained, nothing is kept"),
        (DIES, True, "nothing was trained; the same command goes on"),
        (ANNOUNCES + DIES, False, "nothing was saved yet; from the start: nntrain fit --resume runs/a/0001 --processes 2"),
        (ANNOUNCES + SAVES + DIES, False, "go on from the last checkpoint: nntrain fit --resume runs/a/0001 --processes 2"),
    ],
)
def test_one_is_killed(launched: Callable[..., int], capsys: pytest.CaptureFixture[str], script: str, goes_on: bool, told: str) -> None:
    assert launched(script, goes_on=goes_on) == 7
    said = capsys.readouterr().err
    assert "process 1 of 2 was ended by SIGKILL" in said
    assert told in said


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_stop_before_the_first_step(launched: Callable[..., int], capsys: pytest.CaptureFixture[str], number: int, code: int) -> None:
    threading.Timer(0.2, os.kill, (os.getpid(), number)).start()
    assert launched("exec sleep 30") == code
    assert "interrupted before the first step: nothing was trained, nothing is kept" in capsys.readouterr().err


def test_a_second_ctrl_c_ends_at_once_and_tells_what_is_kept(launched: Callable[..., int], capsys: pytest.CaptureFixture[str]) -> None:
    for after in (0.2, 0.4):
        threading.Timer(after, os.kill, (os.getpid(), signal.SIGINT)).start()
    assert launched(f"trap '' INT; {ANNOUNCES}{SAVES}exec sleep 30") == 130
    assert "go on from the last checkpoint: nntrain fit --resume runs/a/0001 --processes 2" in capsys.readouterr().err


def test_what_was_said_is_not_said_again(launched: Callable[..., int], capsys: pytest.CaptureFixture[str]) -> None:
    assert launched(f"{ANNOUNCES}{SAVES}exit 143") == 143
    assert not capsys.readouterr().err


def test_more_than_wait_for_each_other(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nntrain.commands.fitting.processes.cores", lambda: 3)
    monkeypatch.setattr("nntrain.commands.fitting.processes._gpus", lambda: 1)
    assert main(["fit", "c.yaml", "--processes", "1000"]) == 2
    said = capsys.readouterr().err
    assert "--processes 1000: needs 1 to 6; this machine has 3 usable cores and 1 GPU" in said
    assert "--processes 3" in said


@pytest.fixture
def one_of_two() -> Iterator[None]:
    """This process is the first of two."""
    take(Place(0, 2, 0, 2, "/tmp/store"))
    yield
    place._here.clear()  # pyright: ignore[reportPrivateUsage]


@pytest.mark.usefixtures("one_of_two")
def test_a_run_keeps_the_command_that_was_typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    typed = ["nntrain", "fit", "c.yaml", "--processes", "2"]
    monkeypatch.setenv(COMMAND, json.dumps(typed))
    assert describe(tmp_path)["command"] == typed
