"""`nntrain fit --processes N`: starts N processes on this machine, and ends them together. Torch-free.

The first one prints as if it were alone. What the others have to say is shown only where one of them is the reason for an end. A signal
is handed on to all, which agree on the step after which they save and end. One that fails ends the others.
"""

from __future__ import annotations

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

from nntrain.commands.jobs import Options
from nntrain.commands.output import tell
from nntrain.commands.signals import EXIT_CODES
from nntrain.errors import ResourceError, UsageError
from nntrain.training.place import LOST, PARENT, STORE, cores

GRACE_S: Final = 10.0
"""How long the others may take to end after one has failed."""
_LOOK_S: Final = 0.05
_SAID: Final = 4000
"""Characters of the last words of a process that are shown."""
MOST: Final = 1024
"""More than any machine starts."""


def check_count(count: int) -> None:
    """Refuse a number of processes that can't be. Raises `UsageError`."""
    if not 1 <= count <= MOST:
        raise UsageError(f"--processes {count}: needs 1 to {MOST}", f"--processes {min(cores(), MOST)}")


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


def launch(count: int, arguments: Sequence[str]) -> int:
    """Run `nntrain fit` in several processes of this machine.

    Args:
        count: How many.
        arguments: Of `fit`, for each of them.

    Returns:
        The exit code of the first process, or of the one that failed first.

    Raises:
        ResourceError: A process can't be started.
    """
    with tempfile.TemporaryDirectory(prefix="nntrain-") as folder:
        started: list[_Started] = []
        try:
            started.extend(_start(rank, count, arguments, Path(folder)) for rank in range(count))
            with _Handing(started) as handing:
                return _watch(started, handing)
        finally:
            for each in started:
                each.end()


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
    environment |= {name: str(value) for name, value in place.items()} | {STORE: str(folder / "store")}
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

    def __init__(self, started: Sequence[_Started]) -> None:
        self._started = started
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
        for each in self._started:
            each.send(number)


def _watch(started: Sequence[_Started], handing: _Handing) -> int:
    """Wait for all; the exit code."""
    first = started[0]
    while first.process.poll() is None:
        failed = [each for each in started if each.process.poll() not in (None, 0)]
        if failed:
            _wait(started)
            return _tell_failure(started, handing)
        time.sleep(_LOOK_S)
    if first.process.returncode in (0, *EXIT_CODES.values()):
        _wait(started)
        return first.process.returncode
    _wait(started)
    return _tell_failure(started, handing)


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


def _tell_failure(started: Sequence[_Started], handing: _Handing) -> int:
    """Say which process failed, and why, where it can't say so by itself; the exit code."""
    if handing.stopped is not None:
        return EXIT_CODES[handing.stopped]
    codes: Mapping[int, int] = {each.rank: each.process.returncode for each in started}
    reasons = [each for each in started if codes[each.rank] not in (0, LOST) and not each.was_ended]
    if not reasons:
        tell("a process of the run has ended before the others")
        return 1
    reason = reasons[0]
    code = codes[reason.rank]
    name = f"process {reason.rank} of {len(started)}"
    if code < 0:
        word = signal.Signals(-code).name
        memory = "; the system kills a process where memory runs out" if word == "SIGKILL" else ""
        tell(f"{name} was ended by {word}{memory}\n   go on from the last checkpoint: nntrain fit --resume RUN")
        return 7 if word == "SIGKILL" else 1
    if reason.rank:
        tell(f"{name}: {reason.last_words()}")
    return code
