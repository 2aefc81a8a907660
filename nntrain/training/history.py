"""The history of a run: one JSON line a report, only ever appended to."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from nntrain.errors import CheckpointError


class History:
    """A JSONL file whose length in bytes is part of the run's state: a resumed run cuts it there and goes on."""

    def __init__(self, path: Path, length: int | None = 0) -> None:
        """Open the file and cut it to `length` bytes: 0 for a new run, `None` leaves what is there.

        Raises:
            CheckpointError: It is shorter than that: lines are missing.
        """
        found = path.stat().st_size if path.exists() else 0
        length = found if length is None else length
        if found < length:
            raise CheckpointError(f"{path.as_posix()}: lines are missing: the checkpoint was saved at {length} bytes, and it has {found}")
        self._file = path.open("ab")
        self._file.truncate(length)
        self._length = length

    @property
    def length(self) -> int:
        """Bytes so far."""
        return self._length

    def append(self, record: Mapping[str, Any]) -> None:
        """Add a line, at once visible to readers."""
        line = (json.dumps(record, allow_nan=False) + "\n").encode()
        self._file.write(line)
        self._file.flush()
        self._length += len(line)

    def sync(self) -> None:
        """Bring all lines to the disk; before a checkpoint that names the length."""
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def read_history(path: Path) -> list[dict[str, Any]]:
    """All records of a history; a last line that was cut off is left out.

    Raises:
        CheckpointError: Missing, or a line is damaged.
    """
    try:
        *lines, _cut_off = path.read_bytes().split(b"\n")
    except OSError as error:
        raise CheckpointError(f"{path.as_posix()}: cannot be read ({error.strerror})") from None
    return [_record(path, number, line) for number, line in enumerate(lines, 1)]


def _record(path: Path, number: int, line: bytes) -> dict[str, Any]:
    try:
        return cast("dict[str, Any]", json.loads(line))
    except ValueError:
        raise CheckpointError(f"{path.as_posix()}:{number}: damaged line") from None
