"""The history of a run: one JSON line a report, only ever appended to."""

from __future__ import annotations

import json
import os
from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, cast

from nntrain.errors import CheckpointError, ResourceError


class History:
    """A JSONL file whose length in bytes is part of the run's state: a resumed run cuts it there and goes on."""

    def __init__(self, path: Path, length: int | None = 0) -> None:
        """Open the file and cut it to `length` bytes: 0 for a new run, `None` leaves what is there.

        Raises:
            CheckpointError: It is shorter than that (lines are missing), or no file.
            ResourceError: It can't be written.
        """
        if path.exists() and not path.is_file():
            raise CheckpointError(f"{path.as_posix()}: is no file")
        found = path.stat().st_size if path.exists() else 0
        length = found if length is None else length
        if found < length:
            raise CheckpointError(f"{path.as_posix()}: lines are missing: the checkpoint was saved at {length} bytes, and it has {found}")
        self._path = path
        with _told(path):
            self._file = path.open("ab", buffering=0)
            if found > length:
                self._file.truncate(length)
        self._length = length

    @property
    def length(self) -> int:
        """Bytes so far."""
        return self._length

    def append(self, record: Mapping[str, Any]) -> None:
        """Add a line, at once visible to readers.

        Raises:
            ResourceError: The disk is full, or can't be written. The lines before are whole, and no part of this one is left.
        """
        line = (json.dumps(record, allow_nan=False) + "\n").encode()
        rest = line
        with _told(self._path):
            try:
                while rest:
                    rest = rest[self._file.write(rest) :]
            except OSError:
                with suppress(OSError):
                    self._file.truncate(self._length)
                raise
        self._length += len(line)

    def sync(self) -> None:
        """Bring all lines to the disk; before a checkpoint that names the length.

        Raises:
            ResourceError: The disk is full, or can't be written.
        """
        with _told(self._path):
            os.fsync(self._file.fileno())

    def close(self) -> None:
        """Close the file.

        Raises:
            ResourceError: The disk can't be written.
        """
        with _told(self._path):
            self._file.close()


@contextmanager
def _told(path: Path) -> Generator[None]:
    """Tell in words that a file can't be written."""
    try:
        yield
    except OSError as error:
        raise ResourceError(
            f"cannot write {path.as_posix()}: {error.strerror or error}", "its lines up to here are whole, and the run can be resumed"
        ) from None


def read_history(path: Path) -> list[dict[str, Any]]:
    """All records of a history: `epoch`, `step`, `metrics` and more; a last line that was cut off is left out.

    Raises:
        CheckpointError: Missing, or a line is damaged.
    """
    try:
        *lines, _cut_off = path.read_bytes().split(b"\n")
    except OSError as error:
        raise CheckpointError(f"{path.as_posix()}: cannot be read ({error.strerror})") from None
    return [_record(path, number, line) for number, line in enumerate(lines, 1)]


def read_lines(path: Path) -> list[dict[str, Any]]:
    """All records of another file of such lines; none where it is missing, and only those before the first that is damaged.

    For what stands beside the history and may be lost without harm.
    """
    found: list[dict[str, Any]] = []
    if not path.is_file():
        return found
    *lines, _cut_off = path.read_bytes().split(b"\n")
    for line in lines:
        try:
            record = json.loads(line)
        except (ValueError, RecursionError):
            break
        if not isinstance(record, dict):
            break
        found.append(cast("dict[str, Any]", record))
    return found


def _is_figure(value: object) -> bool:
    return value is None or isinstance(value, float) or (isinstance(value, int) and abs(value) < 1 << 1000)


def _record(path: Path, number: int, line: bytes) -> dict[str, Any]:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        record = None
    if isinstance(record, dict):
        found = cast("dict[str, Any]", record)
        metrics = found.get("metrics")
        is_position = isinstance(found.get("epoch"), int) and isinstance(found.get("step"), int)
        if is_position and isinstance(metrics, dict) and all(map(_is_figure, cast("dict[str, object]", metrics).values())):
            return found
    raise CheckpointError(f"{path.as_posix()}:{number}: damaged line")
