"""Notes what a process does beside reading files and computing: code that is run, processes, sockets, files that are written."""

from __future__ import annotations

import json
import os
import sys
import sysconfig
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import nntrain

CODE = tuple({os.path.realpath(path) for path in (*sysconfig.get_paths().values(), sys.base_prefix, sys.prefix, *nntrain.__path__)})
"""Where code may come from: Python, what is installed, and nntrain."""

PROCESSES = ("os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "os.forkpty", "subprocess.Popen", "pty.spawn", "os.startfile")
LOADED = ("pickle.find_class", "marshal.loads", "marshal.load", "code.__new__", "ctypes.dlopen", "cpython.run_command")
CHANGED = (
    "os.remove",
    "os.rename",
    "os.rmdir",
    "os.mkdir",
    "os.link",
    "os.symlink",
    "os.truncate",
    "os.chmod",
    "os.chown",
    "shutil.rmtree",
)
NETWORK = (
    "socket.connect",
    "socket.bind",
    "socket.getaddrinfo",
    "socket.gethostbyname",
    "socket.sendto",
    "socket.sendmsg",
    "urllib.Request",
)


class Watch:
    """An audit hook that writes what it notes to a file, a line of JSON each."""

    def __init__(self, file: int, homes: Sequence[str], *, reads: bool = False) -> None:
        self.file = file
        self.homes = tuple(os.path.realpath(home) for home in homes)
        self.reads = reads
        self.is_busy = False

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self.is_busy:
            return
        self.is_busy = True
        try:
            told = self._told(event, arguments)
            if told is not None:
                os.write(self.file, (json.dumps([event, told]) + "\n").encode())
        finally:
            self.is_busy = False

    def _told(self, event: str, arguments: tuple[Any, ...]) -> str | None:
        if event in PROCESSES or event in NETWORK:
            return repr(arguments)[:300]
        if event == "ctypes.dlopen" and arguments == (None,):  # the process itself, into which nothing is loaded
            return None
        if event in LOADED:
            return None if _is_of_the_import_system() else repr(arguments)[:300]
        if event in ("exec", "compile"):
            return _foreign_code(event, arguments)
        if event == "open" and _writes(arguments) and not self._is_at_home(arguments[0]):
            return f"{arguments[0]!r} {arguments[1]!r}"
        if event in CHANGED and not all(self._is_at_home(path) for path in arguments if isinstance(path, str | bytes | os.PathLike)):
            return repr(arguments)[:300]
        return None

    def _is_at_home(self, path: Any) -> bool:
        if isinstance(path, int):
            return True
        whole = os.path.realpath(os.fsdecode(path))
        return whole == os.devnull or any(whole == home or whole.startswith(f"{home}/") for home in self.homes)


def _writes(arguments: tuple[Any, ...]) -> bool:
    _, mode, flags = arguments
    if isinstance(mode, str):
        return any(sign in mode for sign in "wax+")
    return isinstance(flags, int) and bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND))


def _callers() -> list[str]:
    frame: Any = sys._getframe(3)  # pyright: ignore[reportPrivateUsage]
    files: list[str] = []
    while frame is not None:
        files.append(frame.f_code.co_filename)
        frame = frame.f_back
    return files


def _is_of_the_import_system() -> bool:
    """Whether Python is loading a module's cached code."""
    return any("importlib" in name for name in _callers()[:4])


def _foreign_code(event: str, arguments: tuple[Any, ...]) -> str | None:
    """Code that neither Python nor an installed package has in its files, or that nntrain itself asks for by text."""
    name = str(getattr(arguments[0], "co_filename", "")) if event == "exec" else os.fsdecode(arguments[1] or "")
    if name.startswith("<frozen") or (name.startswith("/") and _is_installed(name)):
        return None
    asked = next((caller for caller in _callers() if "watching" not in Path(caller).name), "")
    if _is_installed(asked) and not any(asked.startswith(os.path.realpath(path)) for path in nntrain.__path__):
        return None  # namedtuple, dataclass and the like write themselves as text
    return f"{name or '<text>'} asked for by {asked}"


def _is_installed(name: str) -> bool:
    return any(os.path.realpath(name).startswith(f"{root}/") for root in CODE)
