"""Trains in child processes that are killed, and goes on with what they left. Run as a script, so that it may fork safely.

    python kill_driver.py CONFIG RUNS STEP [STEP …]

For each step a run is started that sends itself SIGKILL in the middle of that step, then resumed by another process until it
is finished; `end` kills while the best state is measured on the test rows. Prints a JSON object: what must be equal of the
undisturbed run under `whole` (digests of weights, averaged weights and history, the summary), and under each step that of the
run that was killed there.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars
import torch
import torch._dynamo

import nntrain.data.preparing
from nntrain.cli import main
from nntrain.commands.training import diagnosing
from nntrain.protocols.supervised import SupervisedProtocol
from nntrain.training import loop

diagnosing.LEAST_STEPS = 1  # each report looks at the network

LOADED = (polars, torch._dynamo, nntrain.data.preparing)
"""What a run imports on its way: once here, not in every child."""


def in_child(arguments: list[str], prepare: Callable[[], None] | None = None) -> int:
    """Run the command line in a forked process, after something was done there; returns what `waitpid` says."""
    child = os.fork()
    if child:
        return os.waitpid(child, 0)[1]
    code = 1
    try:
        torch.set_num_threads(1)
        with Path(os.devnull).open("w") as nowhere:
            os.dup2(nowhere.fileno(), 1)
            os.dup2(nowhere.fileno(), 2)
        if prepare is not None:
            prepare()
        code = main(arguments)
    finally:
        os._exit(code)


def killing(at: str) -> Callable[[], None]:
    """What makes a process kill itself in a step, or at the `end`."""
    return _kill_in_last_measurement if at == "end" else lambda: _kill_in_step(int(at))


def _kill_in_step(step: int) -> None:
    take_step = loop.take_step

    def fatal(session: Any, protocol: Any, progress: Any, batches: Any) -> None:
        take_step(session, protocol, progress, batches)
        if progress.step == step:  # the weights have moved, and the step is not counted yet
            os.kill(os.getpid(), signal.SIGKILL)

    loop.take_step = fatal


def _kill_in_last_measurement() -> None:
    measure = SupervisedProtocol.measure
    splits: list[Any] = []

    def fatal(*arguments: Any, **options: Any) -> Any:
        splits.append(None)
        if len(splits) == 3:  # train and validation are measured, the test rows are not
            os.kill(os.getpid(), signal.SIGKILL)
        return measure(*arguments, **options)

    SupervisedProtocol.measure = fatal


def digests(run: Path) -> dict[str, Any]:
    """What must be equal: the weights of the last and of the best state, the averaged ones too, the history, and the summary."""
    summary = json.loads((run / "summary.json").read_text())
    for name in ("run", "seconds", "test_looks"):
        del summary[name]
    checkpoints = run / "checkpoints"
    found = {"history": _digest(run / "history.jsonl"), "signals": _digest(run / "signals.jsonl"), "summary": summary}
    for pointer in ("last", "best"):
        folder = checkpoints / (checkpoints / pointer).read_text().strip()
        found[pointer] = folder.name
        files = [folder / f"{name}.safetensors" for name in ("weights", "ema", "state")]
        found |= {f"{pointer} {file.stem}": _digest(file) for file in files if file.is_file()}
    return found


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def drive(config: str, runs: Path, steps: list[str]) -> dict[str, dict[str, Any]]:
    """Train once without and once with each kill."""
    assert in_child(["fit", config, "--runs", str(runs), "--run-id", "whole"]) == 0
    name = next(path.name for path in runs.iterdir() if path.is_dir())
    results = {"whole": digests(runs / name / "whole")}
    for step in steps:
        run_id = f"killed-{step}"
        status = in_child(["fit", config, "--runs", str(runs), "--run-id", run_id], killing(step))
        assert os.WIFSIGNALED(status), f"step {step} was not reached: {status}"
        assert in_child(["fit", "--resume", str(runs / name / run_id)]) == 0
        results[step] = digests(runs / name / run_id)
    return results


if __name__ == "__main__":
    print(json.dumps(drive(sys.argv[1], Path(sys.argv[2]), sys.argv[3:])))
