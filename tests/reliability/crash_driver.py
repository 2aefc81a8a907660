"""Ends a training run at its k-th call that changes the file system, for many k, and looks at what is left.

    python crash_driver.py FOLDER EVERY FIRST

The calls are those of a whole run: config and data at its start, lines of history, checkpoints, pointers, pruning, the summary. Before
the k-th the process gets SIGKILL; where that is a write, half of it has come through. Every k from FIRST on in steps of EVERY is taken,
until a run is not killed any more. What is left must be whole, and the run must go on from it to the bytes of one never stopped.
Prints a JSON object. Run as a script, so that it may fork safely.
"""

from __future__ import annotations

import builtins
import io
import json
import os
import shutil
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, cast

import polars
import torch
import torch._dynamo

import nntrain.commands.training.finishing
import nntrain.data.preparing
from nntrain.cli import main
from nntrain.training import checkpoint
from nntrain.training.history import read_history

LOADED = (polars, torch._dynamo, nntrain.data.preparing, nntrain.commands.training.finishing)
CALLS: Final = ("fsync", "mkdir", "rename", "replace", "link", "unlink", "remove", "rmdir", "truncate", "ftruncate")
CONFIG: Final = """\
name: small
data: {source: rows.csv, target: y, split: {validation: 0.2, test: 0.2}, batch_size: 20}
architecture: {type: mlp, hidden: [4]}
training: {max_epochs: 3, threads: 1, checkpoint: {keep: 1, time_fraction: null}}
"""


class Fuse:
    """Counts calls, and ends the process before one of them."""

    def __init__(self, at: int) -> None:
        self.count, self.at = 0, at

    def burn(self, half: Callable[[], object] = int) -> None:
        """One call more."""
        self.count += 1
        if self.count == self.at:
            half()
            os.kill(os.getpid(), signal.SIGKILL)

    def wrap(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """A function that is counted."""

        def counted(*arguments: Any, **options: Any) -> Any:
            self.burn()
            return function(*arguments, **options)

        return counted


class Torn:
    """A file of which the deadly write comes half through."""

    def __init__(self, file: Any, fuse: Fuse) -> None:
        self._file, self._fuse = file, fuse

    def __enter__(self) -> Torn:
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def write(self, content: Any) -> int:
        """Count the call, and write."""

        def half() -> None:
            self._file.write(content[: len(content) // 2])
            self._file.flush()

        self._fuse.burn(half)
        return cast("int", self._file.write(content))

    def truncate(self, size: int | None = None) -> int:
        """Count the call, and cut."""
        self._fuse.burn()
        return cast("int", self._file.truncate(size))


def install(fuse: Fuse) -> None:
    """Count all calls of this process that change the file system."""
    for name in CALLS:
        setattr(os, name, fuse.wrap(getattr(os, name)))
    opened = io.open

    def open_counted(file: Any, mode: str = "r", *arguments: Any, **options: Any) -> Any:
        if not any(letter in mode for letter in "wax+") or str(file) == os.devnull:
            return opened(file, mode, *arguments, **options)
        fuse.burn()
        return Torn(opened(file, mode, *arguments, **options), fuse)

    io.open = builtins.open = open_counted


def in_child(arguments: list[str], at: int | None = None) -> tuple[int, str]:
    """Run the command line in a forked process: its exit code (negative for a signal), and what it wrote."""
    log = Path("log")
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), log.read_text()
    code = 1
    try:
        descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(descriptor, 1)
        os.dup2(descriptor, 2)
        if at is not None:
            install(Fuse(at))
        code = main(arguments)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def left(run: Path) -> dict[str, Any]:
    """What must be equal at the end: history, and all that the last and the best checkpoint hold but times."""
    found: dict[str, Any] = {"history": (run / "history.jsonl").read_text()}
    for name in ("last", "best"):
        path = checkpoint.pointed(run / "checkpoints", name)
        assert path is not None
        parts = checkpoint.load(path)
        parts["state"]["progress"]["elapsed_s"] = 0
        found[name] = [path.name, repr(parts)]
        found |= {f"{name} {file.name}": file.read_bytes().hex() for file in path.glob("*.safetensors")}
    summary = json.loads((run / "summary.json").read_text())
    return found | {"summary": {key: value for key, value in summary.items() if key not in {"run", "seconds", "test_looks"}}}


def inspect(run: Path) -> str:
    """Look at what a killed run has left; says how far it had come."""
    if not (run / "resolved.yaml").is_file():
        return "before it was a run"
    newest = checkpoint.newest(run / "checkpoints")
    assert newest.damaged == (), newest.damaged
    for name in ("last", "best"):
        path = checkpoint.pointed(run / "checkpoints", name)
        if path is not None:
            checkpoint.load(path)
    if (run / "history.jsonl").is_file():
        read_history(run / "history.jsonl")
    if (run / "summary.json").is_file():
        json.loads((run / "summary.json").read_text())
        return "with a summary"
    return "before the first checkpoint" if newest.path is None else f"at {newest.path.name}"


def drive(every: int, first: int) -> dict[str, Any]:
    """Kill at one call after another, until a run is not killed."""
    Path("rows.csv").write_text("\n".join(["a,y", *(f"{row % 7},{row % 7 * 2 + row % 3}" for row in range(60))]) + "\n")
    Path("small.yaml").write_text(CONFIG)
    assert in_child(["fit", "small.yaml", "--runs", "whole"])[0] == 0, Path("log").read_text()
    expected = left(Path("whole/small/0001"))
    seen: dict[str, int] = {}
    partial, at = 0, first
    while True:
        shutil.rmtree("runs", ignore_errors=True)
        code, log = in_child(["fit", "small.yaml"], at)
        if code == 0:
            return {"kills": sum(seen.values()), "calls": at, "left": seen, "partial": partial}
        assert code == -signal.SIGKILL, log
        run = Path("runs/small/0001")
        stage = inspect(run)
        seen[stage] = seen.get(stage, 0) + 1
        partial += any(run.glob("checkpoints/.partial-step*"))
        is_run = stage != "before it was a run"
        code, log = in_child(["fit", "--resume", str(run)] if is_run else ["fit", "small.yaml"])
        assert code == 0, (at, log)
        assert "Traceback" not in log, (at, log)
        assert "damaged" not in log, (at, log)
        ended = run if is_run else max(Path("runs/small").glob("0*"))
        found = left(ended)
        assert found == expected, (at, [name for name in expected if found.get(name) != expected[name]])
        debris = [path for path in (ended / "checkpoints").iterdir() if path.name.startswith(".")]
        assert not debris, (at, debris)
        at += every


if __name__ == "__main__":
    Path(sys.argv[1]).mkdir(parents=True, exist_ok=True)
    os.chdir(sys.argv[1])
    torch.set_num_threads(1)
    print(json.dumps(drive(int(sys.argv[2]), int(sys.argv[3]))))
