"""Where the folder of a trained network is: beside the config, or in the cache of the Hugging Face hub. Torch-free.

Nothing is loaded from the net. Source of the cache's layout: https://huggingface.co/docs/huggingface_hub/guides/manage-cache.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from nntrain.errors import CheckpointError

HUB_NAME: Final = re.compile(r"[A-Za-z0-9][\w.-]{0,95}(/[A-Za-z0-9][\w.-]{0,95})?", re.ASCII)
"""`owner/name`, or the name alone of the oldest ones (`gpt2`)."""
REVISION: Final = re.compile(r"[0-9a-f]{6,64}")
"""A commit, after which a snapshot is named."""


class AbsentFolderError(CheckpointError):
    """There is no such folder on this machine: it may be there on another."""


def cache() -> Path:
    """The folder in which the hub's programs keep what they have loaded: HF_HUB_CACHE, HF_HOME/hub, else that of the user."""
    given = os.environ.get("HF_HUB_CACHE") or os.environ.get("HUGGINGFACE_HUB_CACHE")
    if given:
        return Path(given).expanduser()
    home = os.environ.get("HF_HOME")
    if home:
        return Path(home).expanduser() / "hub"
    users = os.environ.get("XDG_CACHE_HOME")
    return (Path(users).expanduser() if users else Path.home() / ".cache") / "huggingface" / "hub"


def find_folder(root: Path, given: str) -> Path:
    """The folder that a config names: a path from the config's folder on, else a name on the hub that was loaded before.

    Raises:
        AbsentFolderError: It is in neither place; with where it was looked for and the command that brings it.
    """
    if "\0" in given:
        raise CheckpointError(f"{given!r} is no path")
    beside = root / given
    if beside.is_dir() or not HUB_NAME.fullmatch(given) or ".." in given:
        if beside.is_dir():
            return beside
        hint = "folders are looked for on this machine, from the config's folder on; nothing is loaded from the net"
        raise AbsentFolderError(f"there is no folder {beside.as_posix()}", hint)
    kept = cache() / f"models--{given.replace('/', '--')}"
    found = _snapshot(kept)
    if found is None:
        looked = f"there is no folder {beside.as_posix()}, and no {kept.as_posix()} in the hub's cache"
        if kept.is_dir():
            looked = f"there is no folder {beside.as_posix()}, and {kept.as_posix()} has no snapshot"
        raise AbsentFolderError(looked, f"nothing is loaded from the net; run:  hf download {given}  (pip install huggingface_hub)")
    return found


def _snapshot(kept: Path) -> Path | None:
    """The snapshot of `main`, else the newest one."""
    snapshots = kept / "snapshots"
    try:
        named = (kept / "refs" / "main").read_text(encoding="utf-8").strip()[:64]
    except (OSError, ValueError):
        named = ""
    if REVISION.fullmatch(named) and (snapshots / named).is_dir():
        return snapshots / named
    there = [entry for entry in snapshots.iterdir() if entry.is_dir()] if snapshots.is_dir() else []
    return max(there, key=lambda entry: (entry.stat().st_mtime, entry.name), default=None)


def own_file(folder: Path, name: str) -> Path | None:
    """A file of a folder, `None` where it is not there.

    Raises:
        CheckpointError: It is a link out of the folder: a stranger's folder could show any file of this machine. In the hub's cache links
            to the blobs of the same network are the hub's own.
    """
    path = folder / name
    if not path.is_file():
        return None
    true, home = path.resolve(), folder.resolve()
    if not any(true.is_relative_to(place) for place in (home, *_blobs(folder))):
        raise CheckpointError(f"{path.as_posix()} is a link out of its folder, to {true.as_posix()}", "put the file itself there")
    return path


def _blobs(folder: Path) -> Iterator[Path]:
    """Where the hub keeps the files of a snapshot in its cache; nothing for a folder elsewhere, whatever its parents are called."""
    for root in {cache().absolute(), cache().resolve()}:
        for place in {folder.absolute(), folder.resolve()}:  # a network may have been moved to another disk, behind a link
            parts = place.relative_to(root).parts if place.is_relative_to(root) else ()
            if len(parts) > 2 and parts[0].startswith("models--") and parts[1] == "snapshots" and ".." not in parts:
                yield (root / parts[0] / "blobs").resolve()
