"""Kills runs again and again, lets each go on until it is finished, and compares it with one that was never stopped.

    python kill_loop.py FOLDER KILLS SEED CONFIG [CONFIG …]

The configs are those of `kill_configs`; a run of one after the other is killed up to five times, until KILLS are spent. Half of the
kills are SIGKILLs from outside after a random time; the others a process sends to itself before a random call of the system that a
write consists of. A kill hit a write where it has left an unfinished file or folder. Prints a JSON object.

Run as a script, so that it may fork safely: everything a run needs is imported here once, not in every child.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import signal
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final, cast

import kill_configs
import polars
import torch
import torch._dynamo

import nntrain.commands.training.finishing
import nntrain.data.preparing
from nntrain.cli import main

LOADED = (polars, torch._dynamo, nntrain.data.preparing, nntrain.commands.training.finishing)
KILLS_OF_A_RUN: Final = 5
CALLS: Final = 60
"""Calls of one or a few saves: a kill inside a write comes before one of the first so many."""
WRITING: Final = ("fsync", "rename", "replace", "mkdir")
VOLATILE: Final = {
    "summary.json": {"run", "seconds", "test_looks"},
    "meta.json": {"elapsed_s", "run", "sha256"},
    "intervals.json": {"meta", "sha256"},
}
"""What may differ: names of runs, times (and digests of files that hold them), and how often the test rows were looked at."""
PASSED_OVER: Final = {"data.json", "environment.json", "timing.jsonl", "model_card.md", "lock"}
"""Files that say when and where."""


@dataclass
class Found:
    """What came of the runs of one config."""

    runs: int = 0
    kills: int = 0
    from_outside: int = 0
    in_write: int = 0
    before_start: int = 0
    """Kills that came before the folder was a run; it is made anew."""
    divergent: list[str] = field(default_factory=list[str])
    """What differs, a line each."""


class Loop:
    """Runs of several configs under one folder."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder, self.draw = folder, random.Random(seed)
        self.configs = kill_configs.write(folder)
        self.seconds: dict[str, float] = {}
        self.whole: dict[str, dict[str, str]] = {}

    def run_whole(self, name: str) -> None:
        """Train once without a kill."""
        started = time.monotonic()
        assert self._attempt(self._start(name, "whole")) == 0, self._told()
        self.seconds[name] = time.monotonic() - started
        self.whole[name] = digests(self._path(name, "whole"))
        assert "summary.json" in self.whole[name], f"{name}: no run called killed"
        shutil.rmtree(self.folder / name)

    def run_killed(self, name: str, kills: int, found: Found) -> int:
        """Train once with up to `kills` kills; returns how many there were."""
        run_id = f"killed-{found.runs}"
        path, spent = self._path(name, run_id), 0
        for _ in range(kills):
            before = leftovers(path)
            inside = self.draw.random() < 0.5
            status = self._attempt(self._next(name, run_id, found), self._inside() if inside else self._outside(name))
            if status == 0:
                break
            assert status == signal.SIGKILL, f"{name}: {self._told()}"
            spent += 1
            found.from_outside += not inside
            found.in_write += bool(leftovers(path) - before)
        else:
            assert self._attempt(self._next(name, run_id, found)) == 0, f"{name}: {self._told()}"
        found.runs, found.kills = found.runs + 1, found.kills + spent
        ended = digests(path)
        wanted = self.whole[name]
        names = [key for key in {**wanted, **ended} if wanted.get(key) != ended.get(key)]
        found.divergent += [f"{name}, {run_id}: {', '.join(names)}"] if names else []
        shutil.rmtree(path)
        return spent

    def _path(self, name: str, run_id: str) -> Path:
        return self.folder / name / "killed" / run_id

    def _start(self, name: str, run_id: str) -> list[str]:
        options = kill_configs.CONFIGS[name].options
        return ["fit", str(self.configs[name]), "--runs", str(self.folder / name), "--run-id", run_id, *options]

    def _next(self, name: str, run_id: str, found: Found) -> list[str]:
        """Go on with a run; start it where there is none yet."""
        path = self._path(name, run_id)
        if (path / "resolved.yaml").is_file():
            return ["fit", "--resume", str(path)]
        if path.exists():
            found.before_start += 1
            shutil.rmtree(path)
        return self._start(name, run_id)

    def _outside(self, name: str) -> Callable[[int], None]:
        delay = self.draw.uniform(0, 0.7 * self.seconds[name])  # a later kill finds most runs finished

        def kill(child: int) -> None:
            if child:
                time.sleep(delay)
                os.kill(child, signal.SIGKILL)

        return kill

    def _inside(self) -> Callable[[int], None]:
        last = self.draw.randrange(CALLS)

        def kill(child: int) -> None:
            if not child:
                _kill_before_call(last)

        return kill

    def _attempt(self, arguments: list[str], kill: Callable[[int], None] = lambda child: None) -> int:
        """Run the command line in a forked process; returns what `waitpid` says.

        Args:
            arguments: Of the command line.
            kill: Called in the child with 0, and in the parent with the pid of the child.
        """
        child = os.fork()
        if child:
            kill(child)
            return os.waitpid(child, 0)[1]
        code = 1
        try:
            torch.set_num_threads(1)
            out = os.open(self.folder / "output.txt", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            os.dup2(out, 1)
            os.dup2(out, 2)
            kill(0)
            code = main(arguments)
        except Exception:
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(code)

    def _told(self) -> str:
        return (self.folder / "output.txt").read_text(errors="replace")


def _kill_before_call(last: int) -> None:
    """End this process before call number `last`, from 0, of those that write."""
    count = 0

    def fatal(call: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*arguments: Any, **options: Any) -> Any:
            nonlocal count
            if count == last:
                os.kill(os.getpid(), signal.SIGKILL)
            count += 1
            return call(*arguments, **options)

        return counted

    for name in WRITING:
        setattr(os, name, fatal(getattr(os, name)))


def leftovers(run: Path) -> set[tuple[str, int, int]]:
    """Files and folders that a write has left unfinished."""
    found = [path for pattern in (".partial-*", ".*.tmp") for path in run.rglob(pattern)]
    return {(path.as_posix(), path.stat().st_ino, path.stat().st_mtime_ns) for path in found}


def digests(run: Path) -> dict[str, str]:
    """Digest of each file of a run and its members that must be equal: those of the last and the best state, history, summary, config."""
    files = [path for path in run.rglob("*") if path.is_file() and path.parent.parent.name != "checkpoints"]
    named = {path.relative_to(run).as_posix(): path for path in files}
    for pointer in run.rglob("checkpoints/*"):
        if pointer.is_file() and not pointer.name.startswith("."):
            state = pointer.with_name(pointer.read_text().strip())
            named |= {f"{pointer.relative_to(run).as_posix()}/{path.name}": path for path in state.iterdir()}
    return {name: _digest(path) for name, path in named.items() if path.name not in PASSED_OVER and not path.name.endswith(".tmp")}


def _digest(path: Path) -> str:
    content = path.read_bytes()
    if path.name in VOLATILE:
        content = json.dumps(_without(VOLATILE[path.name], json.loads(content))).encode()
    return hashlib.sha256(content).hexdigest()


def _without(keys: set[str], tree: Any) -> Any:
    if isinstance(tree, dict):
        return {key: _without(keys, value) for key, value in cast("dict[str, Any]", tree).items() if key not in keys}
    return [_without(keys, value) for value in cast("list[Any]", tree)] if isinstance(tree, list) else tree


def drive(folder: Path, kills: int, seed: int, names: list[str]) -> dict[str, Any]:
    """Kill runs of the configs in turn until the kills are spent."""
    loop = Loop(folder, seed)
    found = {name: Found() for name in names}
    for name in names:
        loop.run_whole(name)
    left = kills
    while left:
        for name in names:
            left -= loop.run_killed(name, min(left, KILLS_OF_A_RUN), found[name]) if left else 0
    return {name: asdict(value) for name, value in found.items()}


if __name__ == "__main__":
    print(json.dumps(drive(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4:])))
