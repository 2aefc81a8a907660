"""Takes from Python what Windows and some file systems lack; loaded by every Python that has this folder in PYTHONPATH.

Gone are flock, SIGUSR1, os.fork, and opening a folder to sync it. Symbolic links are refused, as without the right to make them.
Renaming fails where this process holds the file, the one it would replace, or one within the folder open. Two things are
not made up: `os.name` is what it was, on which the standard library itself relies, and SIGTERM, which Windows has, is there.
"""

from __future__ import annotations

import errno
import inspect
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.modules["fcntl"] = None  # pyright: ignore[reportArgumentType] (how Python says that there is none)
for name in ("SIGUSR1", "SIGUSR2", "SIGHUP", "SIGALRM"):
    if hasattr(signal, name):
        delattr(signal, name)
for name in ("fork", "forkpty"):
    if hasattr(os, name):
        delattr(os, name)


def _refused(path: object) -> PermissionError:
    return PermissionError(errno.EACCES, "Permission denied", str(path))


def _no_link(source: Any, target: Any, *_: Any, **__: Any) -> None:
    raise OSError(errno.EPERM, "A required privilege is not held by the client", str(target))


def _is_ours() -> bool:
    """Whether nntrain opens something: the standard library, which opens folders to walk through them, does it otherwise there."""
    frame = inspect.currentframe()
    for _ in range(2):
        frame = None if frame is None else frame.f_back
    return frame is not None and str(frame.f_globals.get("__name__")).startswith("nntrain")


_open = os.open


def _open_file(path: Any, flags: int, *arguments: Any, **options: Any) -> int:
    if not options.get("dir_fd") and _is_ours() and Path(path).is_dir():
        raise _refused(path)
    return _open(path, flags, *arguments, **options)


def _held() -> set[str]:
    found: set[str] = set()
    folder = Path("/proc/self/fd")
    for link in folder.iterdir() if folder.is_dir() else ():
        try:
            found.add(str(link.readlink()))
        except OSError:
            continue
    return found


def _moving(move: Callable[..., None]) -> Callable[..., None]:
    def checked(source: Any, target: Any, **options: Any) -> None:
        if not options:
            names = [os.path.realpath(os.fsdecode(path)) for path in (source, target)]
            if any(held == name or held.startswith(name + os.sep) for held in _held() for name in names):
                raise _refused(source)
        move(source, target, **options)

    return checked


os.symlink = _no_link
os.open = _open_file
os.replace = _moving(os.replace)
os.rename = _moving(os.rename)
