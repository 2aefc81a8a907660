"""Checkpoints: immutable folders, whole or not there at all, each file with its digest. No pickle.

```
checkpoints/
  best  last                     one line each: the name of a folder
  step-0000500/
    weights.safetensors                   the weights by name, and ema.safetensors where a run averages them
    state.safetensors                     the tensors of all other parts: `optimizer/head.weight/exp_avg`
    weights-00001-of-00002.safetensors    where several processes share out tensors: the pieces of each
    meta.json                             all values that are no tensors, bytes and sha256 of every other file and its own; written last
  soup-0000500/                           averaged weights of several states, of which that of the step was the best; no run goes on from it
```
"""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
from collections.abc import Collection, Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import safetensors.torch
from safetensors import SafetensorError
from torch import Tensor

from nntrain.errors import CheckpointError, ConfigError, DataError, ResourceError
from nntrain.training.durable import sync_folder, write_file, write_files
from nntrain.training.exhaustion import is_exhaustion
from nntrain.training.meta import ANY, META, SOUP, Needed, folder_name, meta_text, read_meta
from nntrain.training.shard_files import SHARDED, Others, tables_of, taken_apart
from nntrain.training.state import flatten, unflatten
from nntrain.training.verified import read, read_verified, verify

_FOLDER: Final = re.compile(r"step-[0-9]{7,}")
_FILES_OF_A_SAVE: Final = 8
"""Files and folders that a save makes, at least as many as there are."""
_PARTIAL: Final = ".partial-"
"""Start of the names of folders that are being written or removed."""


@dataclass(frozen=True, slots=True)
class Newest:
    """The newest checkpoint that is whole, and the newer ones that are not."""

    path: Path | None
    damaged: tuple[str, ...]
    """One line each: what is wrong with which file."""
    parts: Mapping[str, Any] = field(default_factory=dict[str, Any], compare=False)
    """What it holds."""


def save(
    checkpoints: Path,
    step: int,
    parts: Mapping[str, Any],
    *,
    points: Sequence[str] = (),
    run: str | None = None,
    others: Others | None = None,
) -> Path:
    """Write a checkpoint: beside, synced to the disk, then renamed. Whoever looks sees the old or the new, never a part.

    A whole checkpoint of this step is kept as it is: the state is a function of the step. A damaged one is replaced.

    Args:
        checkpoints: The folder of all checkpoints; made where it is missing.
        step: Steps that are complete; names the folder.
        parts: Trees as `training.state` takes them, by name: `weights`, `optimizer`, `state`.
        points: Pointers that are to name it: `last`, `best`. They become valid together with it.
        run: Id of the run.
        others: Lets other processes write their pieces of the tensors that `parts` names under `SHARDED`.

    Raises:
        ResourceError: The disk is full, or can't be written. What was there before is whole.
    """
    return _save(checkpoints / folder_name(step), step, parts, points, run, others)


def save_soup(checkpoints: Path, step: int, parts: Mapping[str, Any], run: str | None) -> Path:
    """Write averaged weights of several states, of which that of a step is the best, and let `best` name them. As `save` otherwise."""
    return _save(checkpoints / f"{SOUP}{step:07d}", step, parts, ("best",), run, None)


def _save(path: Path, step: int, parts: Mapping[str, Any], points: Sequence[str], run: str | None, others: Others | None) -> Path:
    checkpoints = path.parent
    try:
        checkpoints.mkdir(parents=True, exist_ok=True)
        _sweep(checkpoints)
        if not path.exists() or _fault(path, Needed(tuple(set(parts) - {SHARDED}), run)) is not None:
            _write_folder(path, step, parts, run, others)
        _point(checkpoints, points, path.name)
    except OSError as error:
        raise _cannot_save(checkpoints, path, error, parts) from None
    return path


def make_folder(checkpoints: Path) -> None:
    """Make the folder of all checkpoints where there is none, else free what a kill has left in it.

    A run that has the folder and no checkpoint has not saved yet.

    Raises:
        ResourceError: It can't be made.
    """
    try:
        if not checkpoints.is_dir():
            checkpoints.mkdir(parents=True)
            sync_folder(checkpoints.parent)
        _sweep(checkpoints)
    except OSError as error:
        raise ResourceError(f"cannot make {checkpoints.as_posix()}: {error.strerror or error}") from None


def load(path: Path, needed: Needed = ANY) -> dict[str, Any]:
    """Read a checkpoint, each file after its digest was compared.

    Raises:
        CheckpointError: Missing, damaged, of another run or of a newer format; names the file.
    """
    meta = read_meta(path, needed)

    def tensors(file: str) -> dict[str, Tensor]:
        content = read_verified(path / file, meta.files[file])
        try:
            return safetensors.torch.load(content)
        except (ValueError, TypeError, LookupError, SafetensorError) as error:
            raise CheckpointError(f"{(path / file).as_posix()}: damaged ({error})") from None

    tables = tables_of(meta.files, tensors)
    parts: dict[str, Any] = {}
    for name, skeleton in meta.parts.items():
        try:
            parts[name] = unflatten(tables(name), skeleton)
        except (ValueError, TypeError, LookupError, RecursionError) as error:
            raise CheckpointError(f"{(path / META).as_posix()}: damaged ({name}: {error})") from None
    return parts


@contextmanager
def told_as_damage(path: Path) -> Generator[None]:
    """Context that takes the content of a checkpoint apart: content that nntrain has not written is damage, whatever its digests say.

    Raises:
        CheckpointError: Something is missing in it, or of another type than was written.
    """
    try:
        yield
    except (
        ConfigError,
        DataError,
        LookupError,
        TypeError,
        ValueError,
        AttributeError,
        AssertionError,
        RuntimeError,
        ArithmeticError,
    ) as error:
        if is_exhaustion(error):
            raise
        raise CheckpointError(
            f"{path.as_posix()}: damaged: not what nntrain writes ({type(error).__name__}: {error})",
            "if another version of nntrain has saved it, that one can go on with it",
        ) from None


def newest(checkpoints: Path, needed: Needed = ANY, *, before: Path | None = None) -> Newest:
    """Find and read the newest whole checkpoint, one that has what is needed; of those older than `before` where that is given.

    Raises:
        CheckpointError: The folder can't be read.
    """
    damaged: list[str] = []
    folders = _folders(checkpoints)
    for path in folders if before is None else folders[folders.index(before) + 1 :]:
        try:
            return Newest(path, tuple(damaged), load(path, needed))
        except CheckpointError as error:
            damaged.append(error.message)
    return Newest(None, tuple(damaged))


def newest_path(checkpoints: Path, needed: Needed = ANY) -> Path | None:
    """The newest checkpoint whose files are all as they were written; none of its tensors is made.

    Raises:
        CheckpointError: The folder can't be read.
    """
    return next((path for path in _folders(checkpoints) if _fault(path, needed) is None), None)


def any_saved(checkpoints: Path) -> bool:
    """Whether there are checkpoints, whole or not. Raises `CheckpointError` where the folder can't be read."""
    return bool(_folders(checkpoints))


def point(checkpoints: Path, name: str, step: int) -> None:
    """Make a pointer (`best`, `last`) name the checkpoint of a step, atomically.

    Raises:
        ResourceError: It can't be written; it names what it did before.
    """
    try:
        _point(checkpoints, (name,), folder_name(step))
    except OSError as error:
        raise _cannot_save(checkpoints, checkpoints / name, error) from None


def _point(checkpoints: Path, names: Sequence[str], folder: str) -> None:
    for name in names:
        beside = checkpoints / f".{name}.tmp"
        write_file(beside, f"{folder}\n".encode())
        os.replace(beside, checkpoints / name)  # noqa: PTH105 (one call to the system, as all others here)
    if names:
        sync_folder(checkpoints)


def pointed(checkpoints: Path, name: str) -> Path | None:
    """The checkpoint that a pointer names; `None` where there is no such pointer.

    Raises:
        CheckpointError: It can't be read, or names one that is not there.
    """
    pointer = checkpoints / name
    if not pointer.exists():
        return None
    folder = read(pointer).decode(errors="replace").strip()
    if not _FOLDER.fullmatch(folder.replace(SOUP, "step-", 1)) or not (checkpoints / folder).is_dir():
        raise CheckpointError(f"{pointer.as_posix()} names {folder!r}, which is no checkpoint there")
    return checkpoints / folder


def prune(checkpoints: Path, keep: int, spared: Collection[int] = ()) -> None:
    """Remove all but the newest `keep` checkpoints, and never one that a pointer names, nor those of the steps that are `spared`.

    Raises:
        ResourceError: The folder can't be written. What it holds is whole.
    """
    try:
        names = [path.read_text(encoding="utf-8", errors="replace").strip() for path in checkpoints.iterdir() if path.is_file()]
        names += map(folder_name, spared)
        for path in _folders(checkpoints)[keep:]:
            if path.name not in names:
                _remove(path)
    except OSError as error:
        raise _cannot_save(checkpoints, checkpoints, error) from None


def remove_soups(checkpoints: Path) -> None:
    """Remove averaged weights: they are made anew where a run that goes on ends. Raises `ResourceError`."""
    try:
        for path in checkpoints.glob(f"{SOUP}*"):
            _remove(path)
    except OSError as error:
        raise _cannot_save(checkpoints, checkpoints, error) from None


def _folders(checkpoints: Path) -> list[Path]:
    """All checkpoints, the newest first."""
    try:
        paths = [path for path in checkpoints.iterdir() if _FOLDER.fullmatch(path.name)] if checkpoints.is_dir() else []
    except OSError as error:
        raise CheckpointError(f"{checkpoints.as_posix()}: cannot be read ({error.strerror})") from None
    return sorted(paths, key=lambda path: int(path.name.removeprefix("step-")), reverse=True)


def _write_folder(path: Path, step: int, parts: Mapping[str, Any], run: str | None, others: Others | None) -> None:
    partial = path.with_name(f"{_PARTIAL}{path.name}")
    os.mkdir(partial)  # noqa: PTH102
    finish = None if others is None else others(partial)
    contents, skeletons = taken_apart(parts, None if finish is None else finish.size)
    files = write_files(partial, contents)
    write_file(partial / META, meta_text(step, run, files if finish is None else files | finish(), skeletons))
    sync_folder(partial)
    if path.exists():
        _remove(path)
    os.rename(partial, path)  # noqa: PTH104
    sync_folder(path.parent)


def _remove(path: Path) -> None:
    """Take a checkpoint away in one move, so that none is ever half there, then free its space."""
    gone = path.with_name(f"{_PARTIAL}removed-{path.name}")
    shutil.rmtree(gone, ignore_errors=True)
    os.rename(path, gone)  # noqa: PTH104
    shutil.rmtree(gone, ignore_errors=True)


def _sweep(checkpoints: Path) -> None:
    """Free what a save that did not come to its end has left."""
    for path in checkpoints.glob(f"{_PARTIAL}*"):
        shutil.rmtree(path, ignore_errors=True)
    for path in checkpoints.glob(".*.tmp"):
        path.unlink(missing_ok=True)


def _cannot_save(checkpoints: Path, path: Path, error: OSError, parts: Mapping[str, Any] | None = None) -> ResourceError:
    facts = [] if parts is None else [f"{_size(parts) / 2**20:.1f} MiB are needed"]
    kept = "nothing was saved before"
    with suppress(OSError):
        _sweep(checkpoints)
    with suppress(OSError, CheckpointError):
        if newest_path(checkpoints) is not None:
            kept = f"what was saved before is whole; make room, then: nntrain fit --resume {checkpoints.parent.as_posix()}"
        facts += _room(checkpoints, error)
    hint = "; ".join([", ".join(facts), kept] if facts else [kept])
    return ResourceError(f"cannot save {path.as_posix()}: {error.strerror or error}", hint)


def _room(folder: Path, error: OSError) -> list[str]:
    """What a disk has left: bytes, and files where there can hardly be more of them."""
    room = [f"{shutil.disk_usage(folder).free / 2**20:.1f} MiB are free there"]
    if error.errno == errno.ENOSPC and hasattr(os, "statvfs"):
        system = os.statvfs(folder)
        if system.f_files and system.f_favail < _FILES_OF_A_SAVE:  # some file systems make inodes as they need them, and count none
            room.append(f"{system.f_favail} of {system.f_files:,} inodes (files and folders) are free there")
    return room


def _size(parts: Mapping[str, Any]) -> int:
    """Bytes of a checkpoint, without its list of files."""
    trees = [flatten(tree) for tree in parts.values()]
    return sum(len(json.dumps(skeleton)) + sum(tensor.nbytes for tensor in tensors.values()) for tensors, skeleton in trees)


def _fault(path: Path, needed: Needed) -> str | None:
    """What is wrong with a checkpoint; `None` where it is whole."""
    try:
        for file, entry in read_meta(path, needed).files.items():
            verify(path / file, entry)
    except CheckpointError as error:
        return error.message
    return None
