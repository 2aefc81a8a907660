"""Rows that are kept in a file of the system's folder for such files: it has no name, and is gone with whoever made it."""

from __future__ import annotations

import math
import tempfile
import weakref
from collections.abc import Iterator
from typing import Any, Final, NamedTuple, cast

import torch
from torch import Tensor

PREFIX: Final = "nntrain-"


class _Kept(NamedTuple):
    """Where a tensor `[N]` or `[N, K]` is kept, column by column."""

    start: int
    shape: torch.Size
    dtype: torch.dtype

    @property
    def column(self) -> int:
        """Bytes of a column."""
        return self.shape[0] * self.dtype.itemsize


Pair = tuple[Tensor, Tensor]
"""Predictions and targets of the same rows."""


class RowFile:
    """Predictions and targets, of which single columns can be read."""

    def __init__(self) -> None:
        """Make the file. Raises `OSError`."""
        # Without a buffer: what a full disk did not take would be tried again by whatever comes next.
        self._file = tempfile.TemporaryFile(prefix=PREFIX, buffering=0)  # noqa: SIM115 (it lasts as long as this)
        weakref.finalize(self, self._file.close)
        self._end = 0
        self._parts: list[tuple[_Kept, _Kept]] = []

    def add(self, rows: Pair) -> None:
        """Add some rows. Raises `OSError` where they can't be written: then they are not added."""
        self._file.seek(self._end)
        kept: list[_Kept] = []
        for tensor in rows:
            kept.append(_Kept(self._file.tell(), tensor.shape, tensor.dtype))
            left = memoryview(cast("Any", tensor.detach().cpu().movedim(0, -1).contiguous().view(-1).view(torch.uint8).numpy()))
            while left:
                left = left[self._file.write(left) :]
        self._end = self._file.tell()
        self._parts.append((kept[0], kept[1]))

    @property
    def shapes(self) -> tuple[torch.Size, torch.Size]:
        """Those of the first rows that were added."""
        prediction, target = self._parts[0]
        return prediction.shape, target.shape

    def columns(self, place: int) -> Iterator[Pair]:
        """One column `[N]` of the predictions and of the targets, the only one of what has one: of as many rows at a time as were added."""
        for parts in self._parts:
            one, other = (self._read(kept, place if len(kept.shape) > 1 else 0) for kept in parts)
            yield one, other

    def __iter__(self) -> Iterator[Pair]:
        """All that was added, as it was."""
        for parts in self._parts:
            one, other = (self._read(kept, None) for kept in parts)
            yield one, other

    def __len__(self) -> int:
        return sum(prediction.shape[0] for prediction, _ in self._parts)

    def _read(self, kept: _Kept, column: int | None) -> Tensor:
        content = bytearray(kept.column * (math.prod(kept.shape[1:]) if column is None else 1))
        self._file.seek(kept.start + kept.column * (column or 0))
        left = memoryview(content)
        while left:
            if not (count := self._file.readinto(left)):
                raise OSError("a temporary file has lost what was written to it")
            left = left[count:]
        found = torch.frombuffer(content, dtype=kept.dtype)
        return found.view(*kept.shape[1:], kept.shape[0]).movedim(-1, 0) if column is None else found
