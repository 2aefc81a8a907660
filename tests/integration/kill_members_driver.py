"""Kills runs of members at given moments, and goes on with them. Run as a script, so that it may fork safely.

    python kill_members_driver.py CONFIG RUNS --seeds|--folds MOMENT [MOMENT …]

Prints a JSON object: files and their digests (the summary without names and times) of the undisturbed run under `whole`, and
under each moment those of the run that was killed there and resumed.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import polars
import torch._dynamo

sys.path.insert(0, str(Path(__file__).parent))

from kill_driver import in_child  # pyright: ignore

import nntrain.data.preparing
from nntrain import runs
from nntrain.commands.members import members
from nntrain.commands.training import finishing
from nntrain.training import checkpoint, loop, stacking

LOADED = (polars, torch._dynamo, nntrain.data.preparing, finishing)
"""What a run imports on its way: once here, not in every child."""


def kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def while_the_second_trains() -> None:
    """In a step of the second member, after its first checkpoint; of members that train at once, in a step of both."""
    take_step, joint_step, steps = loop.take_step, stacking.Stack.step, [0]

    def fatal(session: Any, protocol: Any, progress: Any, batches: Any) -> None:
        take_step(session, protocol, progress, batches)
        steps[0] += progress.step == 0
        if steps[0] == 2 and progress.step == 6:
            kill()

    def fatal_to_both(self: stacking.Stack, batches: Any) -> None:
        joint_step(self, batches)
        steps[0] += 1
        if steps[0] == 7:
            kill()

    loop.take_step, stacking.Stack.step = fatal, fatal_to_both


def between_two_saves() -> None:
    """When the first has saved a step and the second has not: of members that train at once."""
    save = checkpoint.save

    def fatal(checkpoints: Path, step: int, *given: Any, **named: Any) -> Path:
        if step == 6 and checkpoints.parent.name == "02":
            kill()
        return save(checkpoints, step, *given, **named)

    checkpoint.save = fatal


def between_members() -> None:
    """After the first is finished, before the second has a folder."""
    is_finished = members.is_finished

    def fatal(run: runs.Run) -> bool:
        if run.path.name == "02":
            kill()
        return is_finished(run)

    members.is_finished = fatal


def before_the_second_has_a_config() -> None:
    """When the second member has its folder, its lock and some files."""
    _kill_at_write(lambda path: path.name == "data.json" and path.parent.name == "02", inside=False)


def while_the_predictions_are_written() -> None:
    """Inside the write of the table of all rows (of folds)."""
    _kill_at_write(lambda path: path.name == "out_of_fold.csv", inside=True)


def before_the_summary() -> None:
    """When all members are finished."""
    _kill_at_write(lambda path: path.name == "summary.json" and path.parent.parent.name != "members", inside=False)


def while_the_summary_is_written() -> None:
    """Inside the write of the summary of all."""
    _kill_at_write(lambda path: path.name == "summary.json" and path.parent.parent.name != "members", inside=True)


MOMENTS: dict[str, Callable[[], None]] = {
    moment.__name__: moment
    for moment in (
        while_the_second_trains,
        between_two_saves,
        between_members,
        before_the_second_has_a_config,
        while_the_predictions_are_written,
        before_the_summary,
        while_the_summary_is_written,
    )
}


def _kill_at_write(is_it: Callable[[Path], bool], *, inside: bool) -> None:
    write, sync = runs.write_atomically, os.fsync

    def fatal(path: Path, text: str) -> None:
        if is_it(path):
            if not inside:
                kill()
            os.fsync = lambda _: kill()  # the text is in a file beside, which has not its name yet
        write(path, text)
        os.fsync = sync

    runs.write_atomically = fatal


def digests(run: Path) -> dict[str, Any]:
    """What must be equal of a run and its members: weights, optimizer, random states, history, summary, predictions."""
    files = [path for path in run.rglob("*") if path.suffix in {".safetensors", ".jsonl", ".csv", ".yaml"} and path.name != "timing.jsonl"]
    found: dict[str, Any] = {path.relative_to(run).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
    for path in run.rglob("summary.json"):
        found[path.relative_to(run).as_posix()] = _without({"run", "seconds", "test_looks"}, json.loads(path.read_text()))
    return found


def _without(names: set[str], tree: Any) -> Any:
    if isinstance(tree, dict):
        return {name: _without(names, value) for name, value in cast("dict[str, Any]", tree).items() if name not in names}
    return [_without(names, value) for value in cast("list[Any]", tree)] if isinstance(tree, list) else tree


def drive(config: str, runs_folder: Path, kind: str, moments: list[str]) -> dict[str, dict[str, Any]]:
    """Train once without and once with each kill; every second one goes on by itself, the others by name."""
    start = ["fit", config, "--runs", str(runs_folder), kind, "2"]
    assert in_child([*start, "--run-id", "whole"]) == 0
    parent = next(path for path in runs_folder.iterdir() if path.is_dir())
    results = {"whole": digests(parent / "whole")}
    for number, moment in enumerate(moments):
        status = in_child([*start, "--run-id", moment], MOMENTS[moment])
        assert os.WIFSIGNALED(status), f"{moment} was not reached: {status}"
        way = [*start, "--run-id", moment, "--resume", "auto"] if number % 2 else ["fit", "--resume", str(parent / moment)]
        assert in_child(way) == 0, moment
        results[moment] = digests(parent / moment)
    return results


if __name__ == "__main__":
    print(json.dumps(drive(sys.argv[1], Path(sys.argv[2]), sys.argv[3], sys.argv[4:])))
