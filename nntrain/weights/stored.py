"""What is known of a tensor before its numbers are read: where they lie, in which format and order. Torch-free."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from nntrain.errors import CheckpointError

ITEM_BYTES: Final = {
    "float64": 8,
    "float32": 4,
    "float16": 2,
    "bfloat16": 2,
    "int64": 8,
    "int32": 4,
    "int16": 2,
    "int8": 1,
    "uint8": 1,
    "bool": 1,
    "complex64": 8,
    "complex128": 16,
}
"""Formats of numbers that are read, with the bytes of one."""

TRUST: Final = "a file that you trust can be saved anew with torch: torch.save(model.state_dict(), FILE), or as safetensors"
"""What to do with a file that holds more than tensors."""


@dataclass(frozen=True, slots=True)
class Storage:
    """Numbers in a row, which one or several tensors show."""

    dtype: str
    key: str
    """Its name in the file."""
    length: int
    """How many numbers."""
    start: int = -1
    """Byte of the file at which they begin; -1 while it is not known."""
    checksum: int | None = None
    """CRC-32 of its bytes, where the file has one."""

    @property
    def num_bytes(self) -> int:
        """Bytes that its numbers take."""
        return self.length * ITEM_BYTES[self.dtype]

    def at(self, start: int, checksum: int | None = None) -> Storage:
        """The same storage, once it is found in the file."""
        return replace(self, start=start, checksum=checksum)


@dataclass(frozen=True, slots=True)
class StoredTensor:
    """A tensor as a view of a storage; every number that it shows lies in it."""

    storage: Storage
    offset: int
    """Place of its first number in the storage."""
    shape: tuple[int, ...]
    stride: tuple[int, ...]

    @property
    def dtype(self) -> str:
        """Format of its numbers, as torch calls it: `float32`."""
        return self.storage.dtype

    @property
    def size(self) -> int:
        """How many numbers it has."""
        return math.prod(self.shape)


def contiguous_strides(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Strides of a tensor whose last axis runs fastest, without gaps."""
    strides: list[int] = []
    step = 1
    for size in reversed(shape):
        strides.append(step)
        step *= max(size, 1)
    return tuple(reversed(strides))


def shown(text: str) -> str:
    """A text from a file as a screen may show it: what would move the cursor, or clear the screen, is spelled out."""
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)


def damaged(path: Path, what: str) -> CheckpointError:
    """The error of a file that is cut off, or whose parts don't fit each other."""
    return CheckpointError(
        f"{path.as_posix()} is damaged or cut off: {shown(what)}", "get the file again, and compare its size with its source's"
    )


def refused(path: Path, what: str) -> CheckpointError:
    """The error of a file that holds something else than tensors."""
    return CheckpointError(f"{path.as_posix()} is refused: {shown(what)}; only tensors are read, and nothing of it was run", TRUST)
