"""Runs nntrain on hostile input in children that are measured and watched. A script, so that it may fork safely.

A case is a line of JSON on its standard input, its result one on its standard output. A case is a mapping: `call`, the arguments of
the command line, or `load` and a run for the Python API; and where it is wanted `folder` (where it stands), `watched` (what is done
beside reading is noted), `home` (folders in which it may write), `extra_mb` (address space beside that of the idle process), `seconds`
(of wall time), `environment`.
A result: `code` (`None` where it was killed), `signal`, `cpu_s`, `extra_mb` (resident, above an idle child), `output`, `events`.
"""

# pyright: reportUnusedImport=false
# What the commands import on their way is loaded once, here, and not in every child.

from __future__ import annotations

import contextlib
import json
import os
import resource
import signal
import sys
import tempfile
import traceback
from importlib import import_module
from pathlib import Path
from typing import Any

os.environ.update(OMP_NUM_THREADS="1", MKL_NUM_THREADS="1", POLARS_MAX_THREADS="1", PYDANTIC_DISABLE_PLUGINS="__all__")

import PIL.Image
import polars  # noqa: F401
import torch
import torch._dynamo
from watching import Watch

import nntrain
import nntrain.commands.beginning.check
import nntrain.commands.beginning.init
import nntrain.commands.beginning.show
import nntrain.commands.judging.compare
import nntrain.commands.judging.evaluate
import nntrain.commands.predicting.predict
import nntrain.commands.proofs.smoke
import nntrain.commands.run_list.runs
import nntrain.commands.training.running
import nntrain.config.validating
import nntrain.data.preparing
from nntrain.cli import main
from nntrain.errors import NNTrainError

TRACEBACK = 70
"""Exit code of a case that ended in an exception that is none of nntrain's."""


def run(case: dict[str, Any], idle_kb: int) -> dict[str, Any]:
    """One case in a child of its own."""
    with tempfile.TemporaryFile("w+b") as output, tempfile.TemporaryFile("w+b") as events:
        child = os.fork()
        if not child:
            _in_child(case, output.fileno(), events.fileno())
        _, status, usage = os.wait4(child, 0)
        output.seek(0)
        events.seek(0)
        text = output.read(200_000).decode("utf-8", "replace")
        noted = [json.loads(line) for line in events.read().splitlines()]
    return {
        "code": os.WEXITSTATUS(status) if os.WIFEXITED(status) else None,
        "signal": os.WTERMSIG(status) if os.WIFSIGNALED(status) else None,
        "cpu_s": usage.ru_utime + usage.ru_stime,
        "extra_mb": max(usage.ru_maxrss - idle_kb, 0) / 1024,
        "output": text,
        "events": noted,
    }


def _in_child(case: dict[str, Any], output: int, events: int) -> None:
    code = TRACEBACK
    try:
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(output, 1)
        os.dup2(output, 2)
        os.environ.update(case.get("environment", {}))
        os.chdir(case.get("folder", "."))
        if case.get("extra_mb"):
            used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
            resource.setrlimit(resource.RLIMIT_AS, (used + case["extra_mb"] * 2**20,) * 2)
        signal.alarm(case.get("seconds", 60))
        if case.get("watched"):
            sys.addaudithook(Watch(events, case.get("home", [])))
        code = _call(case["call"])
    except BaseException:
        with contextlib.suppress(BaseException):
            traceback.print_exc()
    finally:
        with contextlib.suppress(BaseException):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def _call(arguments: list[str]) -> int:
    if arguments[:1] != ["load"]:
        return main(arguments)
    try:
        nntrain.load(arguments[1])
    except NNTrainError as error:
        print(error)
        return error.exit_code
    return 0


def drive() -> None:
    """A line with a case in, a line with its result out."""
    for package in ("openpyxl", "torchmetrics"):  # slow to load, so loaded once, where they are installed
        with contextlib.suppress(ImportError):
            import_module(package)
    torch.set_num_threads(1)
    PIL.Image.init()
    idle = run({"call": ["--version"]}, 0)
    assert idle["code"] == 0, idle["output"]
    for line in sys.stdin:
        sys.stdout.write(json.dumps(run(json.loads(line), int(idle["extra_mb"] * 1024))) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    drive()
