"""Results reach stdout, or their loss is told; whoever reads no further stops nothing."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from nntrain.commands.screens.output import emit, emit_data, spelled_out, tell

posix = pytest.mark.skipif(os.name == "nt", reason="needs /dev/full and POSIX pipes")


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "nntrain", *arguments]


@posix
def test_a_reader_that_goes_away_is_no_fault() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(command("list", "layers"), stdout=writer, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writer)
    assert (done.returncode, done.stderr) == (0, "")


@posix
def test_a_full_disk_behind_stdout_is_told() -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(command("list", "layers"), stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 7
    assert done.stderr == "cannot write the result to stdout: No space left on device\n"


@posix
@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&- <&-"])
def test_streams_that_are_closed_are_no_fault(closed: str) -> None:
    words = command("list", "layers")
    done = subprocess.run(["sh", "-c", f'"$0" "$@" {closed}', *words], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert bool(done.stdout) is not closed.startswith(">")


@posix
@pytest.mark.parametrize("stderr", ["2>&-", "2>/dev/full"])
def test_notes_that_cannot_be_written_are_no_results(stderr: str, tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text("data: {source: none.csv, target: y}\n")
    words = command("check", "c.yaml")  # its error is a note
    done = subprocess.run(["sh", "-c", f'"$0" "$@" {stderr}', *words], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (3, "", "")


def test_signs_that_the_terminal_lacks_are_written_as_escapes() -> None:
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = subprocess.run(command("list", "layers"), capture_output=True, env=environment, check=False)
    assert done.returncode == 0
    assert b"\\u2026" in done.stdout


def test_a_name_that_is_too_long_is_told() -> None:
    done = subprocess.run(command("check", f"{'a' * 300}.yaml"), capture_output=True, text=True, check=False)
    assert done.returncode in (2, 3)
    assert "Traceback" not in done.stderr


def test_commands_to_the_terminal_are_spelled_out() -> None:
    assert spelled_out("a\x1b[2J\x9b1m\x7f\rb\tc\nd") == "a\\u001b[2J\\u009b1m\\u007f\\u000db\tc\nd"


def test_names_and_cells_hold_no_commands_to_the_terminal(tmp_path: Path) -> None:
    words = ("p\x1b[2J", "q")
    rows = "".join(f"{words[number % 2]},{number % 7},{'yes' if number % 3 else 'no'}\n" for number in range(40))
    (tmp_path / "t.csv").write_text(f"a\x1b[31m,b,y\n{rows}", encoding="utf-8")
    done = subprocess.run(command("init", "t.csv", "--target", "y"), capture_output=True, check=False, cwd=tmp_path)
    assert done.returncode == 0
    assert b"a\\u001b[31m" in done.stdout
    assert b"\x1b" not in done.stdout + done.stderr


def test_rows_for_a_program_are_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    emit_data("a\x1b[2J,1\r\n")
    emit("a\x1b[2J")
    assert capsys.readouterr().out == "a\x1b[2J,1\r\na\\u001b[2J\n"


class Screen(io.StringIO):
    """A terminal, as far as notes ask."""

    def isatty(self) -> bool:
        return True

    def fileno(self) -> int:
        return 7


NOTE = """rents is an export: it has what predicts, and no history
   name the run that it comes from, or go on without it
    3 | loss: mean_squared_errors_of_all_of_these_rows
      |       ^^^^^^^^^^^^^^^^^^^"""

FITTING = """rents is an export: it has what
predicts, and no history
   name the run that it comes from, or
   go on without it
    3 | loss: mean_squared_errors_of_all_of_these_rows
      |       ^^^^^^^^^^^^^^^^^^^
"""


def test_notes_fit_a_terminal_and_stay_whole_elsewhere(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    tell(NOTE)
    assert capsys.readouterr().err == f"{NOTE}\n"
    screen = Screen()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setattr(os, "get_terminal_size", {7: os.terminal_size((38, 20))}.__getitem__)
    tell(NOTE)
    assert screen.getvalue() == FITTING
