"""Weights of any file that people share, read lazily and without running anything: `read_weights(path)`.

`.safetensors`, and torch's `.pt`, `.pth`, `.bin` in their present (zip) and older form. What a file is, its first bytes tell, not its
ending. Names, shapes and formats cost no import of torch; `Weights.tensor(name)` reads the numbers of one tensor.
"""

from __future__ import annotations

import hashlib
import os
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final

from nntrain.errors import CheckpointError
from nntrain.weights.legacy import read_legacy
from nntrain.weights.safetensors_header import header_length, read_header
from nntrain.weights.state_dict import find_state_dict
from nntrain.weights.stored import ITEM_BYTES, Storage, StoredTensor, damaged, refused
from nntrain.weights.zip_archive import read_zip

if TYPE_CHECKING:
    from torch import Tensor

FOREIGN: Final = {
    b"\x89HDF": "an HDF5 file (Keras)",
    b"GGUF": "a GGUF file",
    b"\x93NUM": "an array of numpy",
    b"versi": "a pointer of Git LFS, not the file itself: git lfs pull",
    b"<": "a page of the web, not the file itself",
}
"""Beginnings of other files that are taken for weights."""

TAR_PLACE: Final = 257
"""Byte at which tar archives have their mark; torch wrote them before 0.2."""


@dataclass(frozen=True)
class Weights:
    """The tensors of a file by name. Nothing but the header is read until `tensor` is asked."""

    path: Path
    stored: Mapping[str, StoredTensor]
    """Where each tensor lies; tensors may share numbers."""
    notes: tuple[str, ...] = ()
    """What is to be told of how they were found: `the weights are those under state_dict`."""

    @cached_property
    def shapes(self) -> Mapping[str, tuple[int, ...]]:
        """Shapes by name."""
        return {name: tensor.shape for name, tensor in self.stored.items()}

    @cached_property
    def dtypes(self) -> Mapping[str, str]:
        """Formats by name, as torch calls them: `float32`."""
        return {name: tensor.dtype for name, tensor in self.stored.items()}

    def tensor(self, name: str) -> Tensor:
        """Read one tensor, with the strides that it was saved with.

        Raises:
            CheckpointError: The file changed since, or its numbers differ from their checksum.
        """
        return self.tensors([name])[name]

    def tensors(self, names: Iterable[str] | None = None) -> dict[str, Tensor]:
        """Read several tensors, all of them without `names`. Those that share numbers in the file share them in memory.

        Raises:
            CheckpointError: The file changed since, or its numbers differ from their checksum.
        """
        import torch

        wanted = list(self.stored if names is None else names)
        numbers: dict[Storage, Tensor] = {}
        for name in wanted:
            storage = self.stored[name].storage
            if storage not in numbers:
                numbers[storage] = self._numbers(storage)
        found = {name: (self.stored[name], numbers[self.stored[name].storage]) for name in wanted}
        return {name: torch.as_strided(held, told.shape, told.stride, told.offset) for name, (told, held) in found.items()}

    def digest(self) -> str:
        """SHA-256 of the file."""
        with self.path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def _numbers(self, storage: Storage) -> Tensor:
        import torch

        dtypes = {
            "float64": torch.float64,
            "float32": torch.float32,
            "float16": torch.float16,
            "bfloat16": torch.bfloat16,
            "int64": torch.int64,
            "int32": torch.int32,
            "int16": torch.int16,
            "int8": torch.int8,
            "uint8": torch.uint8,
            "bool": torch.bool,
            "complex64": torch.complex64,
            "complex128": torch.complex128,
        }
        assert dtypes.keys() == ITEM_BYTES.keys()
        if storage.length == 0:
            return torch.empty(0, dtype=dtypes[storage.dtype])
        raw = bytearray(storage.num_bytes)
        with self.path.open("rb") as file:
            file.seek(storage.start)
            if file.readinto(raw) != len(raw):
                raise damaged(self.path, f"it ends within the numbers of {storage.key[:200]}")
        if storage.checksum is not None and zlib.crc32(raw) != storage.checksum:
            raise damaged(self.path, f"the numbers of {storage.key[:200]} differ from their checksum")
        if storage.dtype == "bool" and max(raw) > 1:
            raise damaged(self.path, f"{storage.key[:200]} has truth values that are neither 0 nor 1")
        return torch.frombuffer(raw, dtype=dtypes[storage.dtype])


def read_weights(path: Path) -> Weights:
    """Read names, shapes and formats of the tensors in a file.

    Raises:
        CheckpointError: There is no such file, it is cut off, or it holds anything but tensors and plain values: with what was found.
    """
    placed: Mapping[str, Storage] = {}
    try:
        if path.exists() and not path.is_file():
            raise CheckpointError(f"{path.as_posix()} is no file", "name a file of weights")
        with path.open("rb") as file:
            start = file.read(TAR_PLACE + 8)
            size = os.fstat(file.fileno()).st_size
            length = header_length(start)
            if start.startswith(b"PK\x03\x04"):
                value = read_zip(file, path)
            elif length is not None:
                value = read_header(file, path)
            elif start.startswith(b"\x80"):
                value, placed = read_legacy(file, path)
            else:
                raise _foreign(path, start, size)
    except OSError as error:
        raise CheckpointError(f"{path.as_posix()} can't be read: {error.strerror or error}", "name a file of weights") from None
    found = find_state_dict(value, path)
    stored = {name: replace(tensor, storage=placed.get(tensor.storage.key, tensor.storage)) for name, tensor in found.tensors.items()}
    return Weights(path, stored, found.notes)


def _foreign(path: Path, start: bytes, size: int) -> CheckpointError:
    if size == 0:
        return damaged(path, "it is empty")
    if start[TAR_PLACE : TAR_PLACE + 5] == b"ustar":
        return refused(path, "it is a tar archive, which torch wrote before 0.2")
    kind = next((name for mark, name in FOREIGN.items() if start.startswith(mark)), None)
    if kind is None:
        what = f"it begins with {start[:8]!r}, as neither safetensors nor torch's files do"
        return damaged(path, what)
    return refused(path, f"it is {kind}")
