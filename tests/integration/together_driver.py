"""Runs command lines in several processes at the same moment. Run as a script, so that it may fork safely.

    python together_driver.py JSON

JSON is a list of `[count, holds, arguments]`: that many processes run the command line, all let go at once. Where `holds`,
whoever gets to train stays in its first step until the others have ended. Prints for each a JSON list: of each process its exit
code, the CPU seconds that it took, and what it wrote to stderr.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import polars
import torch
import torch._dynamo

import nntrain.data.preparing
from nntrain.cli import main
from nntrain.commands.training import finishing
from nntrain.training import loop

LOADED = (polars, torch._dynamo, nntrain.data.preparing, finishing)
"""What a run imports on its way: once here, not in every child."""


def together(count: int, *, holds: bool, arguments: list[str]) -> list[dict[str, Any]]:
    """Start all, let them go at once, and wait for them."""
    ready, go = os.pipe()
    with tempfile.TemporaryDirectory() as folder:
        release = Path(folder) / "release"
        children = {_child(number, release if holds else None, arguments, ready, go, Path(folder)): number for number in range(count)}
        os.close(ready)
        os.close(go)  # the end of the file is the signal to all
        found: list[dict[str, Any]] = []
        while children:
            pid, status, usage = os.wait3(0)
            told = (Path(folder) / str(children.pop(pid))).read_text(encoding="utf-8")
            found.append({"code": os.waitstatus_to_exitcode(status), "cpu_s": usage.ru_utime + usage.ru_stime, "told": told})
            if len(found) == count - 1:
                release.touch()
    return found


def _child(number: int, release: Path | None, arguments: list[str], ready: int, go: int, folder: Path) -> int:
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        os.close(go)
        torch.set_num_threads(1)
        with (folder / str(number)).open("w") as told, Path(os.devnull).open("w") as nowhere:
            os.dup2(nowhere.fileno(), 1)
            os.dup2(told.fileno(), 2)
        if release is not None:
            _hold_in_first_step(release)
        os.read(ready, 1)
        code = main(arguments)
    finally:
        os._exit(code)


def _hold_in_first_step(release: Path) -> None:
    take_step = loop.take_step

    def slow(session: Any, protocol: Any, progress: Any, batches: Any) -> None:
        for _ in range(600):
            if progress.step == 0 and not release.exists():
                time.sleep(0.1)
        take_step(session, protocol, progress, batches)

    loop.take_step = slow


if __name__ == "__main__":
    commands: list[tuple[int, bool, list[str]]] = json.loads(sys.argv[1])
    print(json.dumps([together(count, holds=holds, arguments=arguments) for count, holds, arguments in commands]))
