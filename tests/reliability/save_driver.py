"""Kills processes inside the save of a large state, and looks each time at what is left.

    python save_driver.py FOLDER KILLS SEED

A child saves 20 MB again and again over a folder that keeps one checkpoint; it gets SIGKILL after a random part of the time that a save
was measured to take. Prints a JSON object. Run as a script, so that it may fork safely.
"""

from __future__ import annotations

import json
import os
import random
import signal
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from nntrain.training import checkpoint

NUM_TENSORS, WEIGHTS = 20, 5_000_000


def parts(step: int) -> dict[str, Any]:
    """A state of 20 MB, of which every number tells the step."""
    weights = {f"layer{number}": torch.full((WEIGHTS // NUM_TENSORS,), float(step)) for number in range(NUM_TENSORS)}
    return {"weights": weights, "state": {"step": step}}


def save(folder: Path, step: int, state: dict[str, Any]) -> None:
    """As a run does."""
    checkpoint.save(folder, step, state, points=("last", "best"))
    checkpoint.prune(folder, 1)


def is_of_step(content: dict[str, Any]) -> bool:
    """Whether a state is the one that was saved under its step."""
    tensors: list[Tensor] = list(content["weights"].values())
    return len(tensors) == NUM_TENSORS and all(bool((tensor == content["state"]["step"]).all()) for tensor in tensors)


def killed_while_saving(folder: Path, step: int, delay_s: float) -> None:
    """Let a child make ready, begin to save, and die."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        state = parts(step)
        os.write(writing, b"!")
        save(folder, step, state)
        os._exit(0)
    os.close(writing)
    os.read(reading, 1)
    os.close(reading)
    time.sleep(delay_s)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


def drive(folder: Path, kills: int, seed: int) -> dict[str, Any]:
    """Measure a save, then kill one after another."""
    seconds: list[float] = []
    for step in range(1, 6):
        state = parts(step)
        started = time.perf_counter()
        save(folder, step, state)
        seconds.append(time.perf_counter() - started)
    chance = random.Random(seed)
    found = {"kills": 0, "unreadable": 0, "in_write": 0, "old": 0, "new": 0, "save_ms": round(statistics.median(seconds) * 1e3)}
    for step in range(6, 6 + kills):
        before = checkpoint.newest_path(folder)
        killed_while_saving(folder, step, chance.uniform(0, statistics.median(seconds)))
        found["kills"] += 1
        found["in_write"] += any(path.name.startswith(".partial-step") for path in folder.iterdir())
        newest = checkpoint.newest(folder)
        last = checkpoint.pointed(folder, "last")
        is_whole = newest.path is not None and not newest.damaged and last is not None and is_of_step(dict(newest.parts))
        found["unreadable"] += not is_whole
        found["old" if newest.path == before else "new"] += 1
    return found


if __name__ == "__main__":
    torch.set_num_threads(1)
    print(json.dumps(drive(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))))
