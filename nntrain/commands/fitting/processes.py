"""`nntrain fit --processes N`: starts N processes on this machine, and ends them together. Torch-free.

The first one prints as if it were alone. What the others have to say is shown only where one of them is the reason for an end. A signal
is handed on to all, which agree on the step after which they save and end. One that fails ends the others.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

from nntrain.commands.preparing.going_on import resume_command
from nntrain.commands.preparing.jobs import Options
from nntrain.commands.preparing.signals import EXIT_CODES
from nntrain.commands.screens.output import tell
from nntrain.errors import ResourceError, UsageError
from nntrain.runs import Run
from nntrain.training.place import ANNOUNCED, COMMAND, LOST, PARENT, STORE, cores

GRACE_S: Final = 10.0
"""How long the others may take to end after one has failed."""
_LOOK_S: Final = 0.05
_SAID: Final = 4000
"""Characters of the last words of a process that are shown."""
_A_CORE: Final = 2
"""Processes for a core, or a GPU, that are still started: one more than makes sense, to try a number out."""


def check_count(count: int) -> None:
    """Refuse a number of processes that can't be, or that only wait for each other here. Raises `UsageError`."""
    places = max(cores(), _gpus())
    most = _A_CORE * places
    if not 1 <= count <= most:
        found = f"this machine has {_counted(cores(), 'usable core')} and {_counted(_gpus(), 'GPU')}"
        raise UsageError(f"--processes {count}: needs 1 to {most}; {found}", f"--processes {places}")


def _gpus() -> int:
    """NVIDIA's GPUs, without a look at torch."""
    return sum(path.name.removeprefix("nvidia").isdigit() for path in Path("/dev").glob("nvidia*"))


def _counted(count: int, word: str) -> str:
    return f"{count or 'no'} {word}{'' if count == 1 else 's'}"


def check_options(options: Options, *, smoke: bool) -> None:
    """Refuse options that mean a training in one process. Raises `UsageError`."""
    if options.members is not None:
        word = f"--{options.members.kind}"
        raise UsageError(f"{word} trains its members in one process, and several are wanted here", "leave one of the two out")
    for word, is_on in (("--tune", options.tune), ("--profile", options.profile)):
        if is_on:
            raise UsageError(f"{word} measures one process, and several are wanted here", "leave one of the two out")
    if smoke:
        raise UsageError("--smoke proves the way in one process, and several are wanted here", "leave one of the two out")


def launch(count: int, arguments: Sequence[str], *, goes_on: bool) -> int:
    """Run `nntrain fit` in several processes of this machine.

    Args:
        count: How many.
        arguments: Of `fit`, for each of them.
        goes_on: Whether these go on with a run that is there.

    Returns:
        The exit code of the first process, or of the one that failed first.

    Raises:
        ResourceError: A process can't be started.
    """
    with tempfile.TemporaryDirectory(prefix="nntrain-") as folder:
        started: list[_Started] = []
        try:
            known = _Known(Path(folder), count, goes_on)
            with _Handing(started, known) as handing:
                started.extend(_start(rank, count, arguments, Path(folder)) for rank in range(count) if handing.stopped is None)
                return _watch(started, handing, known)
        finally:
            for each in started:
                each.end()


@dataclass(frozen=True, slots=True)
class _Known:
    """What the first process has said of the run."""

    folder: Path
    count: int
    goes_on: bool

    @property
    def run(self) -> Run | None:
        """The run; `None` before it trains."""
        path = self.folder / ANNOUNCED
        return Run(Path(path.read_text(encoding="utf-8"))) if path.is_file() else None

    @property
    def kept(self) -> str:
        """What is left of it, and how it goes on."""
        run = self.run
        if run is None:
            return "nothing was trained; the same command goes on" if self.goes_on else "nothing was trained, nothing is kept"
        command = resume_command(run, self.count)
        if (run.checkpoints / "last").is_file():
            return f"go on from the last checkpoint: {command}"
        return f"nothing was saved yet; from the start: {command}"


@dataclass(slots=True)
class _Started:
    """A process, and what it says."""

    rank: int
    process: subprocess.Popen[bytes]
    said: IO[bytes] | None
    was_ended: bool = False
    """Whether it did not end by itself."""

    def last_words(self) -> str:
        """What it said on stderr."""
        if self.said is None:
            return ""
        self.said.seek(0)
        return self.said.read().decode(errors="replace").strip()[-_SAID:]

    def send(self, number: int) -> None:
        """Hand a signal on."""
        if self.process.poll() is None:
            self.process.send_signal(number)

    def end(self) -> None:
        """End it at once where it has not ended."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        if self.said is not None:
            self.said.close()


def _start(rank: int, count: int, arguments: Sequence[str], folder: Path) -> _Started:
    said = None if rank == 0 else (folder / f"stderr-{rank}").open("w+b")
    threads = str(max(1, cores() // count))
    environment = {"OMP_NUM_THREADS": threads, "MKL_NUM_THREADS": threads, **os.environ}
    place = {"RANK": rank, "WORLD_SIZE": count, "LOCAL_RANK": rank, "LOCAL_WORLD_SIZE": count, PARENT: os.getpid()}
    environment |= {name: str(value) for name, value in place.items()}
    environment |= {STORE: str(folder / "store"), COMMAND: json.dumps(sys.argv)}
    command = [sys.executable, "-m", "nntrain", "fit", *arguments]
    try:
        process = subprocess.Popen(  # noqa: S603 (our own command)
            command,
            stdin=subprocess.DEVNULL,
            stdout=None if rank == 0 else subprocess.DEVNULL,
            stderr=said,
            env=environment,
            start_new_session=True,  # a terminal sends its signals to the parent alone, which hands them on once
        )
    except OSError as error:
        raise ResourceError(f"cannot start process {rank} of {count}: {error.strerror}", "fewer: --processes") from None
    return _Started(rank, process, said)


class _Handing:
    """Hands signals on. While this context manager is open, signals are handed on to all processes; a second SIGINT ends them at once."""

    def __init__(self, started: Sequence[_Started], known: _Known) -> None:
        self._started = started
        self._known = known
        self._before: dict[int, Any] = {}
        self.stopped: str | None = None
        """Name of the first signal that asked for a stop."""

    def __enter__(self) -> _Handing:
        for name in (*EXIT_CODES, "SIGUSR1"):
            number = getattr(signal, name, None)
            if number is not None and not (name == "SIGHUP" and signal.getsignal(number) is signal.SIG_IGN):
                self._before[number] = signal.signal(number, self._hand_on)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)

    def _hand_on(self, number: int, _frame: object) -> None:
        name = signal.Signals(number).name
        if self.stopped is not None and number == signal.SIGINT:
            for each in self._started:
                each.process.kill()
            return
        if name in EXIT_CODES and self.stopped is None:
            self.stopped = name
        if number == signal.SIGINT and self._known.run is None:  # a process that still loads would answer with a traceback
            number = signal.SIGTERM
        for each in self._started:
            each.send(number)


def _watch(started: Sequence[_Started], handing: _Handing, known: _Known) -> int:
    """Wait for all; the exit code."""
    has_failed = False
    while not has_failed and any(each.process.poll() is None for each in started[:1]):
        time.sleep(_LOOK_S)
        has_failed = any(each.process.poll() not in (None, 0) for each in started)
    _wait(started)
    first = started[0].process.returncode if started else -signal.SIGTERM
    is_stopped = first in EXIT_CODES.values()
    if handing.stopped is None and not is_stopped:
        return 0 if first == 0 and not has_failed else _tell_failure(started, known)
    if first == 0:  # the signal came too late
        return 0
    if known.run is None:
        tell(f"interrupted before the first step: {known.kept}")
    elif not is_stopped:  # else it has said so
        tell(f"interrupted\n   {known.kept}")
    return first if handing.stopped is None else EXIT_CODES[handing.stopped]


def _wait(started: Sequence[_Started]) -> None:
    """Let the processes end by themselves for a while, as they do when they notice; then end them."""
    until = time.monotonic() + GRACE_S
    while any(each.process.poll() is None for each in started) and time.monotonic() < until:
        time.sleep(_LOOK_S)
    for each in started:
        if each.process.poll() is None:
            each.was_ended = True
            each.process.kill()
            each.process.wait()


def _tell_failure(started: Sequence[_Started], known: _Known) -> int:
    """Say which process failed, and why, where it can't say so by itself; the exit code."""
    codes: Mapping[int, int] = {each.rank: each.process.returncode for each in started}
    reasons = [each for each in started if codes[each.rank] not in (0, LOST) and not each.was_ended]
    if not reasons:
        tell(f"a process of the run has ended before the others\n   {known.kept}")
        return 1
    reason = reasons[0]
    code = codes[reason.rank]
    name = f"process {reason.rank} of {len(started)}"
    if code < 0:
        word = signal.Signals(-code).name
        memory = "; the system kills a process where memory runs out" if word == "SIGKILL" else ""
        tell(f"{name} was ended by {word}{memory}\n   {known.kept}")
        return 7 if word == "SIGKILL" else 1
    if reason.rank:
        tell(f"{name}: {reason.last_words()}")
    return code
