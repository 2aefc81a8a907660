"""Finds data files; says where one that is missing may be."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from nntrain.errors import DataError
from nntrain.nearest import nearest

MAX_ENTRIES: Final = 2_000
"""Most folder entries that are looked at for a file that is missing."""


_PATTERNS: Final = {
    True: "* is no pattern here; where files are rows it is:  source: {type: files, path: …}",
    False: "* is no pattern here: a table is one file. Parts become one without being read into memory by polars:"
    " scan_parquet('parts/*.parquet').sink_parquet('all.parquet'), or scan_csv",
}
"""What to do about a star in a path, where it may name a folder and where not."""


class MissingFileError(DataError):
    """A file that is not where the config says."""


def locate(written: str, folder: Path, key: str, *, folders: bool = False) -> Path:
    """The file that `written` names, counted from `folder`; `key` is the setting, for messages. It may be a folder with `folders`.

    Raises:
        DataError: There is no such file, or it cannot be opened.
    """
    control = next((char for char in written if ord(char) < 32), None)
    if control is not None:
        raise DataError(
            f"{key}: {written!r} holds a control character", r"in YAML, \ in double quotes starts an escape: write / or single quotes"
        )
    path = folder / written
    if not path.exists() and "\\" in written and (folder / written.replace("\\", "/")).exists():
        path = folder / written.replace("\\", "/")
    if path.is_dir() and folders:
        return path
    if path.is_dir():
        raise DataError(f"{key}: {path.as_posix()} is a folder, not a file")
    if not path.is_file():
        near = None if "*" in written else _near(path, folder)
        counted = f" ({written!r}, counted from the config's folder)" if not Path(written).is_absolute() else ""
        what = "file or folder" if folders else "file"
        hint = None if near is None else f"there is one at {absolute(near)}"
        raise MissingFileError(f"{key}: no {what} {absolute(path)}{counted}", _PATTERNS[folders] if "*" in written else hint)
    if not os.access(path, os.R_OK):
        raise DataError(f"{key}: {absolute(path)} may not be read: its permissions forbid it")
    return path


def absolute(path: Path) -> str:
    """A path for messages: whole, without `..`, with `/`."""
    return Path(os.path.normpath(Path.cwd() / path)).as_posix()


def _near(path: Path, folder: Path) -> Path | None:
    """A file of the same name close by, or one whose name is alike in the same folder."""
    wanted = path.name.lower()
    for found in _entries((path.parent, folder, Path.cwd(), folder.parent)):
        if found.name.lower() == wanted:
            return found
    if not path.parent.is_dir():
        return None
    names = [entry.name for entry in sorted(path.parent.iterdir())[:MAX_ENTRIES] if entry.is_file()]
    alike = nearest(path.name, names, cutoff=0.75)
    return path.parent / alike[0] if alike else None


def _entries(folders: tuple[Path, ...]) -> Iterator[Path]:
    """Files of some folders and of the folders in them, nearest first, each once, up to a limit."""
    budget = MAX_ENTRIES
    seen: set[Path] = set()
    waiting = [(folder, 0) for folder in folders]
    while waiting and budget > 0:
        folder, depth = waiting.pop(0)
        if folder.resolve() in seen or not folder.is_dir():
            continue
        seen.add(folder.resolve())
        try:
            entries = sorted(folder.iterdir())
        except OSError:
            continue
        for entry in entries[:budget]:
            budget -= 1
            if entry.is_file():
                yield entry
            elif depth < 2 and not entry.name.startswith("."):
                waiting.append((entry, depth + 1))
