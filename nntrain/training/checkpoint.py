"""Checkpoints: immutable folders, whole or not there at all, each file with its digest. No pickle."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Newest:
    """The newest checkpoint that is whole, and the newer ones that are not."""

    path: Path | None
    damaged: tuple[str, ...]
    """One line each: what is wrong with which file."""


def save(checkpoints: Path, step: int, parts: Mapping[str, Any], *, points: Sequence[str] = ()) -> Path:
    """Write a checkpoint: beside, synced to the disk, then renamed. Whoever looks sees the old or the new, never a part.

    Args:
        checkpoints: The folder of all checkpoints; made where it is missing.
        step: Steps that are complete; names the folder.
        parts: Trees as `training.state` takes them, by name: `weights`, `optimizer`, `state`.
        points: Pointers that are to name it: `last`, `best`. They become valid together with it.

    Raises:
        ResourceError: The disk is full, or can't be written. What was there before is whole.
    """
    raise NotImplementedError


def load(path: Path) -> dict[str, Any]:
    """Read a checkpoint after its digests were compared.

    Raises:
        CheckpointError: Missing, damaged or of a newer format; names the file.
    """
    raise NotImplementedError


def newest(checkpoints: Path) -> Newest:
    """Find the newest whole checkpoint."""
    raise NotImplementedError


def point(checkpoints: Path, name: str, step: int) -> None:
    """Make a pointer (`best`, `last`) name the checkpoint of a step, atomically."""
    raise NotImplementedError


def pointed(checkpoints: Path, name: str) -> Path | None:
    """The checkpoint that a pointer names; `None` where there is no such pointer.

    Raises:
        CheckpointError: It names one that is not there.
    """
    raise NotImplementedError


def prune(checkpoints: Path, keep: int) -> None:
    """Remove all but the newest `keep` checkpoints, and never one that a pointer names."""
    raise NotImplementedError
