"""Sends signals to runs at chosen moments, lets each go on, and compares it with one that was never stopped.

    python signal_driver.py FOLDER COUNT SEED SIGNALS PHASE [PHASE …]

For each phase and each of the signals (`SIGTERM,SIGINT,SIGINT+SIGINT`; `either` takes the first two in turn) COUNT runs get the
signal at a random moment of that phase: before a random call of one of the functions that make it up. A run sends the signal to
itself, so that it is certain to come there. A phase with `+seeds` or `+folds` is that of a run with two members, one with
`@SIGINT+SIGINT` has signals of its own. `+workers` is a run whose images two processes read; `GROUP` is a SIGTERM to them too.
Prints a JSON list.

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
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import polars
import torch
import torch._dynamo
from image_rows import write_image_rows
from worker_driver import LOADED as READING
from worker_driver import PATIENCE_S, children, is_alive

import nntrain.cli
from nntrain import assembly
from nntrain.__main__ import main
from nntrain.commands.proofs import smoke
from nntrain.commands.stored import environment
from nntrain.commands.training import finishing
from nntrain.commands.training import running as command
from nntrain.data import csv_reading, preparing
from nntrain.metrics import by_class
from nntrain.modules import losses, network, ranking
from nntrain.protocols.supervised import SupervisedProtocol
from nntrain.training import baselines, checkpoint, evaluation, loop
from nntrain.training.stacking import Stack

LOADED = (READING, polars, torch._dynamo, nntrain.cli, environment, smoke, csv_reading, by_class, losses, network, ranking, baselines)
"""What a run imports on its way: once here, not in every child."""

CONFIG: Final = """
name: signalled
seed: 3
data:
  source: table.csv
  target: kind
  split: {validation: 0.2, test: 0.2}
  batch_size: 32
architecture: {type: mlp, hidden: [16]}
optimizer: {type: adamw, lr: 1e-2}
scheduler: {type: cosine, warmup_steps: 4}
regularization: {norm: batch, dropout: 0.3, ema: 0.9}
training: {max_epochs: 3, checkpoint: {every_steps: 4, keep: 2}, evaluate_every: {steps: 5}}
"""

MOMENTS: Final[dict[str, list[tuple[Any, str]]]] = {
    "reading": [(preparing, name) for name in ("plan_layout", "read_tables", "read_values", "_encode", "fingerprint_sources")],
    "building": [(assembly, "assemble")],
    "warm-up": [(command, "fit_baseline"), (loop, "set_learning_rates")],
    "step": [(loop, "take_step"), (loop, "update_weights"), (SupervisedProtocol, "_parts"), (Stack, "step"), (Stack, "_update")],
    "evaluation": [(evaluation.Reader, "outputs")],
    "save": [(os, "fsync"), (os, "rename"), (os, "replace")],
    "end": [
        *((finishing, name) for name in ("measured_state", "keep_scores", "_simple")),
        *((SupervisedProtocol, name) for name in ("measure", "measure_baseline")),
    ],
}
"""Functions that make up each phase of a run."""
WITHIN: Final[dict[str, list[tuple[Any, str]]]] = {
    "evaluation": [(SupervisedProtocol, "evaluate")],
    "save": [(checkpoint, "save")],
}
"""Phases that count only while another function runs."""
WORKERS: Final = ("data.workers=2",)
GROUP: Final = "GROUP"
EARLY: Final = ("reading", "building")
"""Phases before which there is nothing to be saved."""


@dataclass
class Hit:
    """What came of one signal."""

    phase: str
    name: str
    """Of the signal, or of two that come at once."""
    moment: int
    code: int
    """Exit code."""
    seconds: float
    """From the signal to the end of the process."""
    told: str
    """What was printed last."""
    is_saved: bool
    """Whether a checkpoint is there, or nothing of a run at all where nothing was trained."""
    left: int
    """Worker processes that were alive 10 s later."""
    workers: int
    """Worker processes when the signal came."""
    differs: list[str]
    """What the run that went on ends with, and one never stopped doesn't."""


def watch(phase: str, act: Callable[[int], None]) -> None:
    """Call `act` before each call that belongs to a phase, with its number."""
    count, depth = 0, 0
    outer = WITHIN.get(phase, [])

    def wrap(owner: Any, name: str, *, counts: bool) -> None:
        inner = getattr(owner, name)

        def watched(*arguments: Any, **options: Any) -> Any:
            nonlocal count, depth
            if counts:
                if depth or not outer:
                    number, count = count, count + 1
                    act(number)
                return inner(*arguments, **options)
            depth += 1
            try:
                return inner(*arguments, **options)
            finally:
                depth -= 1

        setattr(owner, name, watched)

    for owner, name in MOMENTS[phase]:
        wrap(owner, name, counts=True)
    for owner, name in outer:
        wrap(owner, name, counts=False)


class Driver:
    """Runs in one folder."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder, self.draw = folder, random.Random(seed)
        self.log = folder / "log"
        draw = random.Random(7)
        rows = [f"{draw.gauss(0, 1):.3f},{draw.gauss(0, 1):.3f},{draw.choice('abc')}" for _ in range(300)]
        (folder / "table.csv").write_text("\n".join(["x,y,kind", *rows]) + "\n", encoding="utf-8")
        (folder / "signalled.yaml").write_text(CONFIG, encoding="utf-8")
        write_image_rows(folder)

    def start(self, run_id: str, *options: str) -> list[str]:
        """The command that starts a run."""
        name = "streamed" if options == WORKERS else "signalled"
        return ["fit", str(self.folder / f"{name}.yaml"), "--runs", str(self.folder / "runs"), "--run-id", run_id, *options]

    def path(self, run_id: str, *options: str) -> Path:
        """Its folder."""
        return self.folder / "runs" / ("streamed" if options == WORKERS else "signalled") / run_id

    def attempt(self, arguments: list[str], prepare: Callable[[], None] = lambda: None) -> int:
        """Run the command line in a forked process; returns its exit code, negative for a signal."""
        child = os.fork()
        if child:
            status = os.waitpid(child, 0)[1]
            return os.waitstatus_to_exitcode(status)
        code = 1
        try:
            os.setpgid(0, 0)
            torch.set_num_threads(1)
            with self.log.open("w", encoding="utf-8") as file:
                os.dup2(file.fileno(), 1)
                os.dup2(file.fileno(), 2)
            prepare()
            sys.argv = ["nntrain", *arguments]
            main()
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 1
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)

    def whole(self, *options: str) -> tuple[dict[str, str], dict[str, int]]:
        """What a run without a signal ends with, and how many moments each of its phases has."""
        counted = self.folder / "counted"
        counted.mkdir(exist_ok=True)

        def note(phase: str, number: int) -> None:
            (counted / phase).write_text(str(number + 1), encoding="ascii")

        def prepare() -> None:
            for phase in MOMENTS:
                watch(phase, partial(note, phase))

        assert self.attempt(self.start("whole", *options), prepare) == 0, self.told()
        found = digests(self.path("whole", *options))
        shutil.rmtree(self.path("whole", *options))
        return found, {phase: int((counted / phase).read_text(encoding="ascii")) for phase in MOMENTS}

    def hit(self, phase: str, name: str, moment: int, whole: dict[str, str], *options: str) -> Hit:
        """Stop a run at a moment of a phase, look at what is left, and let it go on."""
        sent = self.folder / "sent"
        sent.unlink(missing_ok=True)

        def act(number: int) -> None:
            if number == moment:
                readers = " ".join(map(str, children(os.getpid())))
                sent.write_text(f"{time.monotonic()!r} {readers}", encoding="ascii")
                for each in name.split("+"):
                    if each == GROUP:
                        os.killpg(0, signal.SIGTERM)
                    else:
                        signal.raise_signal(getattr(signal, each))

        run_id = f"{phase}-{name}-{moment}".replace("+", "-")
        path = self.path(run_id, *options)
        code = self.attempt(self.start(run_id, *options), lambda: watch(phase, act))
        if not sent.exists():  # how many saves there are depends on how long they take
            assert (code, phase) == (0, "save"), self.told()
            shutil.rmtree(path)
            return self.hit(phase, name, moment // 2, whole, *options)
        began, *readers = sent.read_text(encoding="ascii").split()
        seconds, workers = time.monotonic() - float(began), [int(reader) for reader in readers]
        while any(map(is_alive, workers)) and time.monotonic() < float(began) + PATIENCE_S:
            time.sleep(0.02)
        left = sum(map(is_alive, workers))
        told = self.told().strip().rpartition("\n")[2]
        if phase in EARLY and not path.exists():
            is_saved = not any((self.folder / "runs").rglob("resolved.yaml"))
            again = self.start(run_id, *options)
        else:
            is_saved = any(path.rglob("checkpoints/last")) or told.startswith("interrupted between members. Go on with")  # none has begun
            again = ["fit", "--resume", str(path)]
        assert self.attempt(again) == 0, self.told()
        ended = digests(path)
        differs = [key for key in {**whole, **ended} if whole.get(key) != ended.get(key)]
        shutil.rmtree(path)
        return Hit(phase, name, moment, code, seconds, told, is_saved, left, len(workers), differs)

    def told(self) -> str:
        """What the last run printed."""
        return self.log.read_text(encoding="utf-8", errors="replace")


def digests(path: Path) -> dict[str, str]:
    """What must be equal: history, summary, and the tensors of the last and of the best state; of each member, where there are any."""
    found: dict[str, str] = {}
    for run in (path, *sorted((path / "members").glob("*"))):
        label = "" if run == path else f"{run.name}: "
        summary = json.loads((run / "summary.json").read_text(encoding="utf-8"))
        for name in ("run", "seconds", "test_looks", "members"):
            summary.pop(name, None)
        found[f"{label}summary"] = json.dumps(summary, sort_keys=True)
        if (run / "history.jsonl").exists():
            found[f"{label}history"] = _digest(run / "history.jsonl")
        for pointer in ("last", "best"):
            file = run / "checkpoints" / pointer
            if file.exists():
                folder = file.parent / file.read_text(encoding="utf-8").strip()
                found[f"{label}{pointer}"] = folder.name
                found |= {f"{label}{pointer} {tensors.name}": _digest(tensors) for tensors in sorted(folder.glob("*.safetensors"))}
    return found


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _names(signals: str, turn: int) -> list[str]:
    return [("SIGTERM", "SIGINT")[turn % 2]] if signals == "either" else signals.split(",")


def drive(folder: Path, count: int, seed: int, signals: str, phases: list[str]) -> list[Hit]:
    """All hits of some phases."""
    driver = Driver(folder, seed)
    hits: list[Hit] = []
    whole: dict[tuple[str, ...], tuple[dict[str, str], dict[str, int]]] = {}
    for turn, each in enumerate(phases):
        each, _, own = each.partition("@")
        phase, _, members = each.partition("+")
        options = WORKERS if members == "workers" else (f"--{members}", "2") if members else ()
        if options not in whole:
            whole[options] = driver.whole(*options)
        ended, moments = whole[options]
        for name in _names(own or signals, turn):
            chosen = driver.draw.sample(range(moments[phase]), min(count, moments[phase]))
            chosen += driver.draw.choices(range(moments[phase]), k=count - len(chosen))
            for moment in chosen:
                hits.append(driver.hit(phase, name, moment, ended, *options))
                hits[-1].phase = each
    return hits


if __name__ == "__main__":
    _, place, count, seed, names, *wanted = sys.argv
    print(json.dumps([asdict(hit) for hit in drive(Path(place), int(count), int(seed), names, wanted)]))
