"""Lets the disk get full at one moment of a run after another, looks at what is left, and goes on once there is room.

    python full_driver.py FOLDER limit|tmpfs MOMENT [MOMENT …]

A moment is `save:3` (before the third checkpoint is written), `line:2` (the second line of history or timing) or `file:4` (the fourth of
config, environment, data, resolved config and summary). `limit` allows the process no file that grows (RLIMIT_FSIZE); `tmpfs` fills a
file system of 3 MB to its last page, and must be started in a mount namespace of its own. Prints a JSON object: by moment, how it ended.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import polars
import torch
import torch._dynamo
from crash_driver import left

import nntrain.commands.training.finishing
import nntrain.data.preparing
from nntrain.cli import main
from nntrain.runs import Run
from nntrain.training import checkpoint
from nntrain.training.history import History

LOADED = (polars, torch._dynamo, nntrain.data.preparing, nntrain.commands.training.finishing)
CONFIG: Final = """\
name: small
data: {source: rows.csv, target: y, split: {validation: 0.2, test: 0.2}, batch_size: 20}
architecture: {type: mlp, hidden: [64, 64]}
regularization: {dropout: 0.1}
training: {max_epochs: 6, threads: 1, checkpoint: {keep: 1, time_fraction: null}}
"""


def in_child(arguments: list[str], prepare: Callable[[], object] = int) -> tuple[int, str]:
    """Run the command line in a forked process: its exit code, and what it wrote."""
    reading, writing = os.pipe()
    child = os.fork()
    if child:
        os.close(writing)
        with os.fdopen(reading) as pipe:
            text = pipe.read()
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), text
    code = 1
    try:
        os.dup2(writing, 1)
        os.dup2(writing, 2)
        prepare()
        code = main(arguments)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def forbid_growth() -> None:
    """From now on, every file is too large."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))


def fill() -> None:
    """Leave no byte of the file system."""
    try:
        with Path("ballast").open("wb", buffering=0) as file:
            while True:
                file.write(bytes(4096))
    except OSError:
        pass


def at_moment(moment: str, act: Callable[[], None]) -> None:
    """Let something happen right before the n-th call of a kind."""
    kind, _, number = moment.partition(":")
    owner: Any
    owner, name = {"save": (checkpoint, "save"), "line": (History, "append"), "file": (Run, "write_text")}[kind]
    function, calls = getattr(owner, name), [0]

    def changed(*arguments: Any, **options: Any) -> Any:
        calls[0] += 1
        if calls[0] == int(number):
            act()
        return function(*arguments, **options)

    setattr(owner, name, changed)


def drive(mode: str, moments: list[str]) -> dict[str, Any]:
    """Go through the moments."""
    Path("rows.csv").write_text("\n".join(["a,y", *(f"{row % 7},{row % 7 * 2 + row % 3}" for row in range(60))]) + "\n")
    Path("small.yaml").write_text(CONFIG)
    code, log = in_child(["fit", "small.yaml", "--runs", "whole"])
    assert code == 0, log
    expected = left(Path("whole/small/0001"))
    ends: dict[str, Any] = {}
    for moment in moments:
        shutil.rmtree("runs", ignore_errors=True)
        code, log = in_child(["fit", "small.yaml"], lambda moment=moment: at_moment(moment, forbid_growth if mode == "limit" else fill))
        Path("ballast").unlink(missing_ok=True)
        run = Path("runs/small/0001")
        assert "Traceback" not in log, (moment, log)
        debris = [path.as_posix() for path in Path("runs").rglob("*") if path.name.endswith(".tmp") or path.name.startswith(".partial")]
        newest = checkpoint.newest(run / "checkpoints")
        ends[moment] = {"code": code, "told": log.strip().splitlines()[-4:], "debris": debris, "damaged": newest.damaged}
        ends[moment]["newest"] = None if newest.path is None else newest.path.name
        is_run = (run / "resolved.yaml").is_file()
        again, log = in_child(["fit", "--resume", str(run)] if is_run else ["fit", "small.yaml"])
        assert again == 0, (moment, log)
        found = left(run if is_run else max(Path("runs/small").glob("0*")))
        ends[moment]["differs"] = [name for name in expected if found.get(name) != expected[name]]
    return ends


if __name__ == "__main__":
    place = Path(sys.argv[1])
    place.mkdir(parents=True, exist_ok=True)
    if sys.argv[2] == "tmpfs":
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(place)], check=True)
    os.chdir(place)
    torch.set_num_threads(1)
    print(json.dumps(drive(sys.argv[2], sys.argv[3:])))
