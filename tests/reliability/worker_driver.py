"""Trains in child processes with workers, ends them in several ways, and tells what is left. Run as a script, so that it may fork safely.

    python worker_driver.py CONFIG RUNS COUNT WAY [WAY …]

Each way is tried COUNT times, each time a while later into the run. Prints a JSON object with a list of findings by way:
`code` as `waitpid` has it (negative for a signal), `told` (what stood on the screen at the end), `workers` (how many there were),
`left` (those alive 10 s later), `seconds` until the last was gone, `shared` (files of these processes in /dev/shm), `steps` that
the run went on to when it was resumed where it had to be.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
import traceback
from pathlib import Path
from typing import Any, Final

import polars
import torch
import torch._dynamo
import torch.utils.data

import nntrain.data.image_stream
import nntrain.data.preparing
from nntrain.cli import main
from nntrain.commands.stored.opening import needed_of
from nntrain.runs import Run
from nntrain.training import checkpoint

LOADED = (polars, torch._dynamo, torch.utils.data, nntrain.data.preparing, nntrain.data.image_stream)
"""What a run imports on its way: once here, not in every child."""

SHARED: Final = Path("/dev/shm")
PATIENCE_S: Final = 10.0


def start(arguments: list[str], screen: Path) -> int:
    """Run the command line in a forked process with a group of its own; returns its number."""
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        os.setpgid(0, 0)
        torch.set_num_threads(1)
        with screen.open("w") as file:
            os.dup2(file.fileno(), 1)
            os.dup2(file.fileno(), 2)
        code = main(arguments)
    except Exception:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def children(pid: int) -> list[int]:
    """The processes that a process has started."""
    try:
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def shared_files(pids: list[int]) -> list[str]:
    """Files in shared memory that torch named after one of these processes."""
    return [path.name for path in SHARED.iterdir() if any(f"torch_{pid}_" in path.name for pid in pids)] if SHARED.is_dir() else []


def until(what: Any, seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.01)


def end_run(way: str, config: str, runs: Path, number: int) -> dict[str, Any]:
    """Start a run, let it train for a while, and end it in one way."""
    run_id = f"{way}-{number}"
    screen = runs / f"{run_id}.txt"
    more = [] if way == "normal" else ["training.max_epochs=1000"]
    pid = start(["fit", config, *more, "data.workers=2", "--runs", str(runs), "--run-id", run_id], screen)
    run = runs / "streamed" / run_id
    until(lambda: (run / "history.jsonl").exists() and len(children(pid)) == 2)
    time.sleep(0.03 * number)
    workers = children(pid)
    images = {path: path.read_bytes() for path in Path(config).parent.glob("pictures/ant/*.png")}  # some train, whatever the split
    began = time.monotonic()
    if way == "kill":
        os.kill(pid, signal.SIGKILL)
    elif way in ("SIGTERM", "SIGINT"):
        os.kill(pid, getattr(signal, way))
    elif way == "group":
        os.killpg(pid, signal.SIGTERM)  # as job schedulers do it
    elif way == "worker":
        os.kill(workers[number % 2], signal.SIGKILL)
    elif way == "error":
        for path, content in images.items():
            path.write_bytes(content[: len(content) // 2])
    status = os.waitpid(pid, 0)[1]
    for path, content in images.items():
        path.write_bytes(content)
    while any(map(is_alive, workers)) and time.monotonic() < began + PATIENCE_S:
        time.sleep(0.02)
    found: dict[str, Any] = {
        "code": os.waitstatus_to_exitcode(status),
        "told": screen.read_text()[-600:],
        "workers": len(workers),
        "left": sum(map(is_alive, workers)),
        "seconds": round(time.monotonic() - began, 3),
        "shared": shared_files([pid, *workers]),
    }
    if way != "normal":  # what was saved is whole
        newest = checkpoint.newest(run / "checkpoints", needed_of(Run(run)))
        found["damaged"] = list(newest.damaged)
        found["step"] = None if newest.path is None else int(newest.path.name.rpartition("-")[2])
    return found


if __name__ == "__main__":
    config, runs, count = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    runs.mkdir(exist_ok=True)
    print(json.dumps({way: [end_run(way, config, runs, number) for number in range(count)] for way in sys.argv[4:]}))
