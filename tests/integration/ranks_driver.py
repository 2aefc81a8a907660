"""Runs `nntrain` as the command line would, with processes that are forked: each fresh interpreter takes seconds to load torch.

    python ranks_driver.py 'JSON list of command lines'

Prints a JSON list of their exit codes, and what was printed on stderr goes there. An order with `kill` ends a process by SIGKILL once the
run has a checkpoint: `{"arguments": [...], "kill": 1, "run": "runs/x/0001"}`; one with `signal` sends the parent that signal then;
and one with `copy` copies a folder before.
"""

from __future__ import annotations

import json
import os
import runpy
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

from nntrain.commands.fitting import processes


class Forked:
    """What `subprocess.Popen` would be of `python -m nntrain …`."""

    all: ClassVar[list[Forked]] = []

    def __init__(self, command: Sequence[str], *, stdout: int | None, stderr: Any, env: Mapping[str, str], **_: object) -> None:
        self.returncode: int | None = None
        sys.stdout.flush()
        sys.stderr.flush()
        self.pid = os.fork()
        if not self.pid:
            os.setsid()
            if stdout is not None:
                os.dup2(os.open(os.devnull, os.O_RDWR), 1)
            if stderr is not None:
                os.dup2(stderr.fileno(), 2)
            os.environ.clear()
            os.environ.update(env)
            os._exit(as_main(list(command[3:])) & 255)
        self.all.append(self)

    def poll(self) -> int | None:
        if self.returncode is None:
            done, status = os.waitpid(self.pid, os.WNOHANG)
            self.returncode = os.waitstatus_to_exitcode(status) if done else None
        return self.returncode

    def wait(self) -> None:
        while self.poll() is None:
            time.sleep(0.01)

    def send_signal(self, number: int) -> None:
        os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


def as_main(arguments: Sequence[str]) -> int:
    """Be `python -m nntrain`."""
    sys.argv = ["nntrain", *arguments]
    code: Any = 1
    try:
        runpy.run_module("nntrain", run_name="__main__")
    except SystemExit as end:
        code = end.code
    except BaseException as error:
        sys.excepthook(type(error), error, error.__traceback__)
    sys.stdout.flush()
    sys.stderr.flush()
    return code if isinstance(code, int) else int(code is not None)


def meddle(order: Mapping[str, Any], parent: int) -> None:
    """Wait for a checkpoint, then do what an order says."""
    checkpoints = Path(order["run"]) / "checkpoints"
    while not list(checkpoints.glob("step-*")):
        time.sleep(0.01)
    if "kill" in order:
        Forked.all[order["kill"]].kill()
    else:
        os.kill(parent, getattr(signal, order["signal"]))


def main(orders: Sequence[Mapping[str, Any] | list[str]]) -> None:
    processes.subprocess = SimpleNamespace(Popen=Forked, DEVNULL=subprocess.DEVNULL)  # type: ignore[assignment]
    codes: list[int] = []
    for order in orders:
        child = os.fork()  # what has computed gradients can't be forked again
        if not child:
            given: dict[str, Any] = {"arguments": order} if isinstance(order, list) else dict(order)
            if "copy" in given:
                shutil.copytree(given["copy"][0], given["copy"][1])
            if "run" in given:
                threading.Thread(target=meddle, args=(given, os.getpid()), daemon=True).start()
            os._exit(as_main(given["arguments"]) & 255)
        codes.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    print(json.dumps(codes))


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
