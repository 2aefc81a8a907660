"""Whether the files of a run and its data are what they were: every byte is read."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from nntrain.commands.stored.opening import check_resolved, needed_of, stored_config
from nntrain.data.fingerprint import source_name
from nntrain.errors import CheckpointError, DataError
from nntrain.runs import Run
from nntrain.training.meta import META, read_meta

RECORD: Final = "verify.json"
"""File of the run in which the last proof stands."""


@dataclass(frozen=True, slots=True)
class Files:
    """What was read of a run."""

    checkpoints: tuple[Path, ...]
    """Whole ones of states that a run can go on from, the oldest first."""
    files: int
    size: int
    """Bytes of the checkpoints."""
    damage: tuple[str, ...]
    """One line each."""


def read_files(run: Run) -> Files:
    """Compare every file of every checkpoint with its digest, and `resolved.yaml` with its own."""
    from nntrain.training import checkpoint

    found: list[Path] = []
    damage: list[str] = []
    needed = needed_of(run)
    files = size = 0
    try:
        check_resolved(run)
    except CheckpointError as error:
        damage.append(error.message)
    states, soups = (sorted(run.checkpoints.glob(f"{kind}-*"), key=lambda path: (len(path.name), path.name)) for kind in ("step", "soup"))
    for path in filter(Path.is_dir, (*soups, *states)):
        try:
            checkpoint.load(path, needed)
        except CheckpointError as error:
            damage.append(error.message)
            continue
        found += [path] if path in states else []
        sizes = [file.stat().st_size for file in path.iterdir()]
        files, size = files + len(sizes), size + sum(sizes)
    for pointer in ("last", "best"):
        try:
            checkpoint.pointed(run.checkpoints, pointer)
        except CheckpointError as error:
            damage.append(error.message)
    return Files(tuple(found), files, size, tuple(damage))


@dataclass(frozen=True, slots=True)
class DataFiles:
    """The data of a run, read whole."""

    digests: Mapping[str, str]
    """sha256 by path: of a file all its bytes, of a folder the names and bytes of all files in it."""
    size: int
    changed: tuple[str, ...]
    """What is no longer as it was, a line each."""


def read_data(run: Run) -> DataFiles:
    """Read all data of a run, and compare them with what it was trained on and with what the last proof read.

    A fingerprint reads parts of large files only, so a change between them is seen by the next proof, not by the first.

    Raises:
        DataError: They are not there, or can't be read.
    """
    config = stored_config(run)
    source = config.experiment.data.source
    before: Mapping[str, str] = run.read_json("data.json").get("fingerprints", {})
    hashed_before = _hashed_before(run)
    digests: dict[str, str] = {}
    changed: list[str] = []
    size = 0
    for part, path in source.files(config.folder).items():
        digest, read = _hash(path)
        place = path.as_posix()
        digests[place], size = digest, size + read
        if source.fingerprint(path) != before.get(source_name(part)):
            changed.append(f"{place} is not what the run was trained on: its fingerprint differs")
        elif hashed_before.get(place, digest) != digest:
            changed.append(f"{place} has changed since the last proof, where its fingerprint does not look: its full hash differs")
    return DataFiles(digests, size, tuple(changed))


def _hashed_before(run: Run) -> Mapping[str, str]:
    """Digests of the last proof; none where there was none, or its record is damaged."""
    try:
        record = json.loads((run.path / RECORD).read_text(encoding="utf-8"))
        return {str(name): str(digest) for name, digest in record["data"]["sha256"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def _hash(path: Path) -> tuple[str, int]:
    """sha256 and size of a file, or of the names and contents of all files of a folder."""
    try:
        if path.is_file():
            with path.open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest(), path.stat().st_size
        digest, size = hashlib.sha256(), 0
        for inner in sorted(each for each in path.rglob("*") if each.is_file()):
            with inner.open("rb") as file:
                content = hashlib.file_digest(file, "sha256").hexdigest()
            digest.update(f"{inner.relative_to(path).as_posix()}\0{content}\n".encode())
            size += inner.stat().st_size
        return digest.hexdigest(), size
    except OSError as error:
        raise DataError(f"{error.filename or path} cannot be read: {error.strerror}") from None


def state_digests(path: Path) -> dict[str, str]:
    """Digests of the files of a checkpoint."""
    meta = read_meta(path)
    return {**{name: entry["sha256"] for name, entry in meta.files.items()}, META: meta.seal}
