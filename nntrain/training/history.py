"""The history of a run: one JSON line a report, only ever appended to."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any


class History:
    """A JSONL file whose length in bytes is part of the run's state: a resumed run cuts it there and goes on."""

    def __init__(self, path: Path, length: int = 0) -> None:
        """Open the file and cut it to `length` bytes: 0 for a new run.

        Raises:
            CheckpointError: It is shorter than that: lines are missing.
        """
        raise NotImplementedError

    @property
    def length(self) -> int:
        """Bytes so far."""
        raise NotImplementedError

    def append(self, record: Mapping[str, Any]) -> None:
        """Add a line, at once visible to readers."""
        raise NotImplementedError

    def sync(self) -> None:
        """Bring all lines to the disk; before a checkpoint that names the length."""
        raise NotImplementedError

    def close(self) -> None:
        """Close the file."""
        raise NotImplementedError


def read_history(path: Path) -> list[dict[str, Any]]:
    """All records of a history; a last line that was cut off is left out."""
    raise NotImplementedError
