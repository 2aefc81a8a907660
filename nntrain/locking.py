"""One writer of a folder: by flock where the file system has it, else by claims with a heartbeat. Torch-free.

With flock the file `lock` is held open, and the system lets go of it however the process ends; what stands in it is for people.

Without (Windows, some network file systems) a writer makes the file `lock.000001`, which only one can make. In it stand its
machine, process and a random word; its time is the heartbeat, which a thread renews whatever the program is busy with. A writer
that ends says so in the file and leaves it, so that a number is never given twice: the next writer makes `lock.000002`, and only
then takes the older ones away. Whoever finds a claim that is given up, of a process that is gone, or without a heartbeat for three
minutes may make the next number; of several exactly one makes it. Who is slow and makes a number that is no longer the highest
withdraws. Ages are told by the clock of the file system, never by that of the machine.

A writer that stood still for longer (a suspended laptop) and was taken over is told by `check_held` before its next save.
"""

from __future__ import annotations

import json
import os
import re
import socket
import threading
import time
import uuid
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

from nntrain.errors import CheckpointError, ResourceError

try:
    import fcntl
except ImportError:  # not on Windows
    fcntl = None

HEARTBEAT_S: Final = 60.0
"""A claim counts as abandoned when its heartbeat is older than three of these."""
TURN_S: Final = 10.0
"""How long a short piece of work takes at most."""
_CLAIM: Final = re.compile(r"lock\.([0-9]{6,})")
_RELEASED: Final = "released"
_held: Final[dict[Path, str]] = {}
"""Folders that this process has claimed, with the random word of each claim."""
_locked: Final[set[int]] = set()
"""Descriptors of the files that this process has locked by flock."""


@contextmanager
def hold(folder: Path) -> Generator[None]:
    """Hold a folder for writing; a second process, or a second time in this one, is refused.

    Raises:
        CheckpointError: Another process is writing there.
        ResourceError: The folder can't be written.
    """
    path = folder / "lock"
    try:
        file = path.open("a+", encoding="utf-8")
    except OSError as error:
        raise ResourceError(f"cannot write in {folder.as_posix()}: {error.strerror or error}") from None
    with file:
        if not _flock(file.fileno(), path):
            with _claimed(folder):
                yield
            return
        newest = _newest(folder)
        if newest is not None and not newest.is_given_up:  # of a machine that has no flock on this file system
            raise _taken(folder, newest.record)
        try:
            _locked.add(file.fileno())
            file.truncate(0)
            file.write(json.dumps(_myself()))
            file.flush()
            yield
        finally:
            _locked.discard(file.fileno())
            with suppress(OSError):  # a full disk, or a folder that is gone: flock ends with the file all the same
                file.seek(0)
                file.truncate()


def _let_go() -> None:
    """Give up the locks in a process that was forked: it would hold them for as long as it outlives the one that was killed."""
    if not _locked:
        return
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in _locked:
        os.dup2(nothing, descriptor, inheritable=False)  # closes it here alone, and keeps its number from being given anew
    os.close(nothing)
    _locked.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_let_go)


def check_held(folder: Path) -> None:
    """Make sure that a folder is there, and nobody has taken it over since this process began to hold it.

    Raises:
        CheckpointError: Another process has.
        ResourceError: The folder is gone: writing there would make a new one, with a part of a run.
    """
    if not (folder / "lock").exists():
        raise ResourceError(f"{folder.as_posix()} is gone: it was moved or removed, or its disk is no longer there", "nothing can be saved")
    word = _held.get(folder.absolute())
    if word is None:  # flock holds until the end
        return
    newest = _newest(folder)
    if newest is None or newest.record.get("word") != word:
        by = _in_words({} if newest is None else newest.record)
        raise CheckpointError(
            f"{folder.as_posix()} was taken over by {by} while this process stood still",
            "the other one goes on from the last checkpoint",
        )


@contextmanager
def in_turn(path: Path) -> Generator[None]:
    """Context of a short piece of work that other processes do too, one after another.

    Args:
        path: File that stands for the work; made where it is not there.

    Raises:
        OSError: It can't be written.
    """
    with path.open("a", encoding="utf-8") as file:
        if _waited(file.fileno()):
            yield
            return
    turn = path.with_name(f"{path.name}.turn")
    _wait_for(turn)
    try:
        yield
    finally:
        turn.unlink(missing_ok=True)


def _waited(descriptor: int) -> bool:
    """Whether the file is locked now; `False` where the file system has no flock."""
    if fcntl is None:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    except OSError:
        return False
    return True


def _wait_for(turn: Path) -> None:
    """Make a file that only one process at a time can make; one that has been there for `TURN_S` is of a process that is gone."""
    while True:
        try:
            os.close(os.open(turn, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
        except FileExistsError:
            time.sleep(0.02)
            with suppress(FileNotFoundError):
                if _now(turn.parent) - turn.stat().st_mtime > TURN_S:
                    turn.unlink()
        else:
            return


def _flock(descriptor: int, path: Path) -> bool:
    """Whether the file is locked now; `False` where the file system has no flock. Raises `CheckpointError` where another has it."""
    if fcntl is None:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise _taken(path.parent, _read(path)) from None
    except OSError:
        return False
    return True


@dataclass(frozen=True, slots=True)
class _Claim:
    """A file that says who writes."""

    path: Path
    number: int
    record: dict[str, Any]
    """Empty while its maker has not come to write it."""

    @property
    def is_given_up(self) -> bool:
        """By its process, or because that is gone: told at once on the same machine, by the heartbeat from another."""
        record = self.record
        if record.get("state") == _RELEASED:
            return True
        if record.get("machine") == _machine() and os.name != "nt":  # on Windows asking for a process would end it
            started = _started(record.get("pid"))
            if started is None or started != record.get("started"):
                return True
        try:
            return _now(self.path.parent) - self.path.stat().st_mtime > 3 * HEARTBEAT_S
        except FileNotFoundError:  # whoever has made a higher number takes this one away
            return False


def _newest(folder: Path) -> _Claim | None:
    found = [(int(match[1]), path) for path in folder.iterdir() if (match := _CLAIM.fullmatch(path.name))]
    if not found:
        return None
    number, path = max(found)
    return _Claim(path, number, _read(path))


@contextmanager
def _claimed(folder: Path) -> Generator[None]:
    """Hold a folder by a claim."""
    word = uuid.uuid4().hex
    try:
        mine = _claim(folder, word)
    except OSError as error:
        raise ResourceError(f"cannot write in {folder.as_posix()}: {error.strerror or error}") from None
    _held[folder.absolute()] = word
    ended = threading.Event()
    heart = threading.Thread(target=_beat, args=(mine, ended), name="nntrain-lock", daemon=True)
    heart.start()
    try:
        yield
    finally:
        ended.set()
        heart.join()
        del _held[folder.absolute()]
        with suppress(OSError):
            if _read(mine).get("word") == word:  # else it was taken over
                _write(mine, {"state": _RELEASED})


def _claim(folder: Path, word: str) -> Path:
    """Make the next claim. Raises `CheckpointError`, `OSError`."""
    newest = _newest(folder)
    if newest is not None and not newest.is_given_up:
        raise _taken(folder, newest.record)
    number = 1 if newest is None else newest.number + 1
    mine = folder / f"lock.{number:06d}"
    try:
        os.close(os.open(mine, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
    except FileExistsError:
        raise _taken(folder, _read(mine)) from None
    _write(mine, {**_myself(), "word": word})
    now = _newest(folder)
    if now is None or now.path != mine or now.record.get("word") != word:
        with suppress(OSError):
            mine.unlink()
        raise _taken(folder, {} if now is None else now.record)
    for path in folder.iterdir():
        match = _CLAIM.fullmatch(path.name)
        if match and int(match[1]) < number:
            with suppress(OSError):  # on Windows somebody may be reading it
                path.unlink()
    return mine


def _beat(mine: Path, ended: threading.Event) -> None:
    while not ended.wait(HEARTBEAT_S / 4):
        with suppress(OSError):
            os.utime(mine)


def _now(folder: Path) -> float:
    """What time it is for the file system, whose clock may be another than ours."""
    probe = folder / f".{uuid.uuid4().hex}.tmp"
    try:
        probe.touch()
        return probe.stat().st_mtime
    finally:
        probe.unlink(missing_ok=True)


def _myself() -> dict[str, Any]:
    return {
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "since": time.time(),
        "machine": _machine(),
        "started": _started(os.getpid()),
    }


def _machine() -> str:
    """This machine since it was last started; where containers have process numbers of their own, this container."""
    told = [socket.gethostname()]
    with suppress(OSError):
        told += [Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip(), str(Path("/proc/self/ns/pid").readlink())]
    return " ".join(told)


def _started(pid: object) -> str | None:
    """When a process was started, as its system tells it (`unknown` where it doesn't); `None` for one that is not there."""
    if type(pid) is not int or os.name == "nt":
        return None
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return None
    except PermissionError:
        pass
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return "unknown"


def is_gone(pid: int) -> bool:
    """Whether a process of this machine has surely ended; on Windows that is never sure."""
    return os.name != "nt" and _started(pid) is None


def _read(path: Path) -> dict[str, Any]:
    """What stands in a lock file; empty where that is nothing, or no record."""
    try:
        found = json.loads(path.read_text(encoding="utf-8", errors="replace"))
    except (OSError, ValueError, RecursionError):
        return {}
    return cast("dict[str, Any]", found) if isinstance(found, dict) else {}


def _write(path: Path, record: dict[str, Any]) -> None:
    with path.open("w", encoding="utf-8") as file:
        file.write(json.dumps(record))
        file.flush()
        os.fsync(file.fileno())


def _taken(folder: Path, record: dict[str, Any]) -> CheckpointError:
    return CheckpointError(
        f"another process writes to {folder.as_posix()}: {_in_words(record)}", "wait for its end, or stop it; a new run has its own folder"
    )


def _in_words(record: dict[str, Any]) -> str:
    if not {"host", "pid"} <= record.keys():
        return "unknown"
    return f"process {record['pid']} on {record['host']}"
