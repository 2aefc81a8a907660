"""Copies of a run that go on from one of its states: without a break, killed and resumed, or from the start."""

from __future__ import annotations

import json
import math
import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

from nntrain import plugins
from nntrain.commands.preparing.signals import Signals
from nntrain.commands.proofs.watched import KILL, PLUGIN
from nntrain.commands.starting.trained_weights import KEPT
from nntrain.commands.stored.opening import needed_of
from nntrain.config.reading import Config
from nntrain.errors import CheckpointError, NNTrainError, ResourceError
from nntrain.runs import Run
from nntrain.training.settings import LIMITS

SECONDS: Final = 4.0
"""How long one pass over the proven steps may take where the user doesn't say how many they are."""
MOST_STEPS: Final = 2_000
SOME_STEPS: Final = 20
"""Steps of a run that doesn't tell how fast it is."""
SAVES: Final = 5
"""Checkpoints on the way, in which both copies are compared."""
LARGE: Final = 2**28
"""Bytes of a checkpoint of which only the last ones are kept."""
ENDLESS: Final = 1_000_000
"""Minutes: time decides nothing where two passes are to be the same."""


@dataclass(frozen=True, slots=True)
class State:
    """A whole checkpoint of the run."""

    path: Path
    step: int
    epoch: int
    steps_per_epoch: int | None
    """`None` before the end of the first epoch."""
    stop_reason: str | None
    history: int
    """Bytes of the history that belong to it."""
    size: int
    inexact_since: int | None


@dataclass(frozen=True, slots=True)
class Stretch:
    """Which steps of a run are done again."""

    start: State | None
    """`None` for the beginning."""
    end: int
    own: State | None
    """The run's own state at `end`, where it has one that ought to be equal."""
    changes: tuple[str, ...]
    """Overrides: limits that are in the way."""

    @property
    def first(self) -> int:
        """The step it starts from."""
        return 0 if self.start is None else self.start.step


def read_state(run: Run, path: Path) -> State:
    """What a checkpoint tells of its run. Raises `CheckpointError` where it is no state of that run."""
    from nntrain.training import checkpoint

    with checkpoint.told_as_damage(path):
        state = checkpoint.load(path, needed_of(run))["state"]
        progress = state["progress"]
        step, epoch = int(progress["step"]), int(progress["epoch"])
        return State(
            path=path,
            step=step,
            epoch=epoch,
            steps_per_epoch=(step - int(progress["step_in_epoch"])) // epoch if epoch else None,
            stop_reason=progress["stop_reason"],
            history=int(state["history"]),
            size=sum(file.stat().st_size for file in path.iterdir()),
            inexact_since=state["inexact_since"],
        )


def choose(run: Run, config: Config, states: Sequence[State], steps: int | None) -> Stretch:
    """Which steps prove most in a short time.

    The longest way, of no more steps than are asked for, to the newest state: at its end the run's own state is compared too. It
    starts at the beginning of the run or at an older checkpoint. Where there is none: on from the newest state, beyond the limit
    that ended the run if need be; and where a rule ended it (early stopping), on from the newest state before that, or else from
    the beginning.

    Args:
        run: The run.
        config: Its config.
        states: Its whole checkpoints, the oldest first.
        steps: As many steps; `None` takes as many as some seconds are enough for.
    """
    wanted = affordable(run, states[-1].size if states else 0) if steps is None else steps
    if not states:
        return _limited(Stretch(None, wanted, None, ()), config, None)
    newest = states[-1]
    if newest.inexact_since is None and not has_changed(run):
        for start in (None, *states[:-1]):
            first = 0 if start is None else start.step
            if 2 <= newest.step - first <= wanted and (start is None or start.stop_reason is None):
                return _limited(Stretch(start, newest.step, newest, ()), config, newest)
    going = [state for state in states if state.stop_reason is None or (state is newest and state.stop_reason in LIMITS)]
    start = going[-1] if going else None
    return _limited(Stretch(start, (0 if start is None else start.step) + wanted, None, ()), config, newest)


def has_changed(run: Run) -> bool:
    """Whether a run was resumed with another config: from the start it is not what its config says now."""
    return len(set(run.read_json("data.json").get("resolved", []))) > 1


def affordable(run: Run, size: int) -> int:
    """Steps that some seconds are enough for, by the run's own pace; fewer where each state of `size` bytes takes long to write."""
    from nntrain.training.history import read_history

    path = run.path / "timing.jsonl"
    try:
        last = path.read_bytes().splitlines()[-1]
        record: Any = json.loads(last)
        pace = float(record["step"]) / float(record["seconds"])
    except (OSError, ValueError, LookupError, TypeError, ZeroDivisionError):
        return SOME_STEPS
    seconds = SECONDS if size < LARGE else SECONDS / 2
    wanted = max(2, min(MOST_STEPS, int(pace * seconds))) if math.isfinite(pace) else SOME_STEPS
    try:
        reports = [record["step"] for record in read_history(run.path / "history.jsonl")]
    except CheckpointError:
        return wanted
    period = min((after - before for before, after in zip([0, *reports], reports, strict=False) if after > before), default=wanted)
    return period if wanted < period <= 3 * wanted else wanted  # a little longer, to come to an evaluation


def _limited(stretch: Stretch, config: Config, newest: State | None) -> Stretch:
    """The stretch with limits raised that would end it before its time."""
    training = config.experiment.training
    assert training is not None
    changes = [] if training.max_minutes is None else [f"training.max_minutes={ENDLESS}"]
    if training.max_steps is not None and training.max_steps < stretch.end:
        changes.append(f"training.max_steps={stretch.end}")
    per_epoch = None if newest is None else newest.steps_per_epoch
    if training.max_epochs is not None and per_epoch and training.max_epochs * per_epoch < stretch.end:
        changes.append(f"training.max_epochs={math.ceil(stretch.end / per_epoch)}")
    return Stretch(stretch.start, stretch.end, stretch.own, tuple(changes))


def copy_run(run: Run, start: State | None, to: Path) -> Run:
    """A copy of a run as it was at one of its states; `None`: before its first step."""
    from nntrain.training import checkpoint

    to.mkdir()
    for name in ("config.yaml", "resolved.yaml", "data.json", "environment.json"):
        if (run.path / name).is_file():
            shutil.copyfile(run.path / name, to / name)
    if (run.path / KEPT).is_dir():
        shutil.copytree(run.path / KEPT, to / KEPT)
    if start is not None:
        copied = Run(to)
        shutil.copytree(start.path, copied.checkpoints / start.path.name)
        checkpoint.point(copied.checkpoints, "last", start.step)
        (to / "history.jsonl").write_bytes((run.path / "history.jsonl").read_bytes()[: start.history])
    return Run(to)


class Child(Protocol):
    """A process that was started."""

    def poll(self) -> int | None:
        """The exit code; `None` while it runs."""
        ...

    def kill(self) -> None:
        """End it."""
        ...

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end."""
        ...


def start_child(arguments: Sequence[str], log: Path) -> Child:
    """Start `nntrain.commands.proofs.watched` with arguments; what it writes to stderr goes to a file.

    It finds modules where this process does: `-m` alone would let a file that lies where you stand pass for one that is installed.
    """
    is_here = not {"", str(Path.cwd())}.isdisjoint(sys.path)
    with log.open("wb") as file:
        command = [sys.executable, *(() if is_here else ("-P",)), "-m", "nntrain.commands.proofs.watched", *arguments]
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=file)  # noqa: S603


Start = Callable[[Sequence[str], Path], Child]


@dataclass(frozen=True, slots=True)
class Trainer:
    """Trains copies in processes of their own, none of which outlives it. They may load the plug-ins that were allowed here."""

    signals: Signals
    start: Start

    def train(self, copy: Run, stop: int, changes: Sequence[str], *, kill: int = 0) -> None:
        """Train a copy up to a step, or until it is killed at one.

        Raises:
            NNTrainError: It ended otherwise; the error has its message and exit code.
        """
        log = copy.path.with_name(f"{copy.path.name}.log")
        allowed = (f"{PLUGIN}{module}" for module in plugins.allowed())
        child = self.start([copy.path.as_posix(), str(stop), str(kill), str(os.getpid()), *allowed, *changes, "tracking=null"], log)
        try:
            while child.poll() is None:
                if self.signals.stop_requested:
                    raise _stopped(self.signals)
                time.sleep(0.02)
        finally:
            if child.poll() is None:
                child.kill()
            code = child.wait()
        if self.signals.stop_requested:
            raise _stopped(self.signals)
        if code != 0 and not (kill and code < 0) and not (kill and os.name == "nt"):
            told = log.read_text(encoding="utf-8", errors="replace").strip()
            error = NNTrainError(f"a copy of the run could not go on (exit {code}):\n{told}")
            # a kill that nobody here asked for comes from a system that is out of memory
            error.exit_code = code if code > 0 else ResourceError.exit_code if code == -KILL else 1
            raise error


def _stopped(signals: Signals) -> NNTrainError:
    error = NNTrainError("interrupted: nothing was proven; the run is as it was")
    error.exit_code = signals.exit_code
    return error


def saving(stretch: Stretch, size: int) -> tuple[str, ...]:
    """Overrides that let both copies save at the same steps, some times on the way."""
    every = max(1, (stretch.end - stretch.first) // SAVES)
    keep = SAVES + 2 if size < LARGE else 1
    return (
        f"training.checkpoint.every_steps={every}",
        "training.checkpoint.every_epochs=null",
        "training.checkpoint.every_minutes=null",
        f"training.checkpoint.keep={keep}",
    )


def draw_kills(first: int, end: int, seed: int) -> list[int]:
    """Steps after which the process is killed: two where there are enough, none of them the last."""
    inner = range(first + 1, max(first + 2, end))
    return sorted(random.Random(seed).sample(inner, min(2, len(inner))))  # noqa: S311


def newest_of(run: Run) -> Path:
    """The newest checkpoint of a copy. Raises `CheckpointError` where it has none."""
    from nntrain.training import checkpoint

    newest = checkpoint.newest(run.checkpoints, needed_of(run))
    if newest.path is None:
        raise CheckpointError(f"{run.name} has saved nothing: {'; '.join(newest.damaged)}")
    return newest.path
