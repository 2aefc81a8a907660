"""Files of checkpoints beside their digests: `bytes` and `sha256` of each, as `meta.json` has them."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from nntrain.errors import CheckpointError


def verify(path: Path, entry: Mapping[str, Any]) -> None:
    """Compare a file with its digest, without holding it. Raises `CheckpointError`."""
    with _told_unread(path), path.open("rb") as file:
        _compare(path, entry, os.fstat(file.fileno()).st_size, lambda: hashlib.file_digest(file, "sha256"))


def read_verified(path: Path, entry: Mapping[str, Any]) -> bytes:
    """Read a file and compare it with its digest. Raises `CheckpointError`."""
    content = read(path)
    _compare(path, entry, len(content), lambda: hashlib.sha256(content))
    return content


def _compare(path: Path, entry: Mapping[str, Any], size: int, digest: Callable[[], Any]) -> None:
    if size != entry["bytes"]:
        raise CheckpointError(f"{path.as_posix()}: damaged (has {size} bytes, was written with {entry['bytes']})")
    if digest().hexdigest() != entry["sha256"]:
        raise CheckpointError(f"{path.as_posix()}: damaged (its content is not what was written)")


def read(path: Path) -> bytes:
    """Read a file of a checkpoint. Raises `CheckpointError`."""
    with _told_unread(path):
        return path.read_bytes()


@contextmanager
def _told_unread(path: Path) -> Generator[None]:
    try:
        yield
    except FileNotFoundError:
        raise CheckpointError(f"{path.as_posix()}: is missing") from None
    except OSError as error:
        raise CheckpointError(f"{path.as_posix()}: cannot be read ({error.strerror})") from None
