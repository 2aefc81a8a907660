"""Encoded blocks in the user's cache folder: later epochs, and later runs on the same data, neither parse nor encode a table again.

A folder of the cache belongs to one content of a file, read in one way and cut into the same blocks, and to what the inputs have learned:
nothing in it can be out of date. It may be deleted at any time. `nntrain fit --no-cache`, or an empty NNTRAIN_CACHE, keeps none.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Mapping, Sequence, Set
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from nntrain.data.cache_folder import NotKeptError, cache_root, refused

FORMAT: Final = 2
"""Grows whenever encoded blocks become other bytes."""
DIGEST: Final = 32
"""Bytes of a digest."""
UNUSED_DAYS: Final = 30
"""Blocks of which none was used for so long are deleted when others are begun."""
SPARE: Final = 2
"""Free disk space that is asked for, in parts of what the blocks will take."""


@dataclass(frozen=True, slots=True)
class BlockCache:
    """The encoded blocks of one table."""

    folder: Path

    @classmethod
    def of(cls, content: Mapping[str, Any], fields: Sequence[Mapping[str, Any]], size: int) -> BlockCache | None:
        """The folder of some blocks; `None` where nothing is to be kept.

        Args:
            content: What the rows are made of: the file, how it is read, and how it is cut.
            fields: What the inputs are and have learned.
            size: Bytes that all blocks will take.

        Raises:
            UsageError: The folder that the user has named can't be made or written.
            NotKeptError: Where nobody has named one it can't, or the disk has no room for them.
        """
        root = cache_root()
        if root is None:
            return None
        digest = hashlib.sha256()
        _hash(digest, [FORMAT, content, list(fields)])
        folder = root / digest.hexdigest()[:32]
        try:
            if not folder.is_dir():
                root.mkdir(mode=0o700, parents=True, exist_ok=True)
                _delete_unused(root)
                free = shutil.disk_usage(root).free
                if free < SPARE * size:
                    raise NotKeptError(f"the disk of {root} has {free / 1e6:,.0f} MB left, and they take {size / 1e6:,.0f} MB")
                folder.mkdir(exist_ok=True)
            os.utime(folder)
            with tempfile.TemporaryFile(dir=folder):
                pass
        except OSError as error:
            raise refused(f"{root} can't be written: {error.strerror or error}") from None
        return cls(folder)

    def read(self, block: int) -> dict[str, Tensor] | None:
        """A block; `None` where it is not there, or is not what was written."""
        with suppress(OSError, SafetensorError):
            content = self._path(block).read_bytes()
            if content[:DIGEST] == self._digest(block, memoryview(content)[DIGEST:]):
                return load(content[DIGEST:])
        return None

    def write(self, block: int, tensors: Mapping[str, Tensor]) -> None:
        """Keep a block; where the disk has no room for it, it is encoded again when it is needed."""
        path = self._path(block)
        beside = path.with_suffix(f".{os.getpid()}")
        try:
            content = save({name: tensor.contiguous() for name, tensor in tensors.items()})
            with beside.open("wb") as file:
                file.write(self._digest(block, content))
                file.write(content)
            beside.replace(path)
        except OSError:
            with suppress(OSError):
                beside.unlink(missing_ok=True)

    def _path(self, block: int) -> Path:
        return self.folder / f"{block:06d}.block"

    def _digest(self, block: int, content: bytes | memoryview) -> bytes:
        """What stands before a block in its file: of its content, and of which block of which data it is."""
        digest = hashlib.sha256(f"{self.folder.name}/{block}\0".encode())
        digest.update(content)
        return digest.digest()


def _delete_unused(root: Path) -> None:
    for folder in root.iterdir():
        if folder.is_dir() and folder.stat().st_mtime < time.time() - UNUSED_DAYS * 86_400:
            shutil.rmtree(folder, ignore_errors=True)


def _hash(digest: Any, value: Any) -> None:
    """Add plain values and tensors to a digest."""
    if isinstance(value, Mapping):
        for key in sorted(value, key=str):  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
            digest.update(f"{{{key}".encode())
            _hash(digest, value[key])
    elif isinstance(value, Set):
        _hash(digest, sorted(map(repr, value)))  # pyright: ignore[reportUnknownArgumentType]
    elif isinstance(value, list | tuple):
        digest.update(f"[{len(value)}".encode())  # pyright: ignore[reportUnknownArgumentType]
        for each in value:  # pyright: ignore[reportUnknownVariableType]
            _hash(digest, each)
    elif isinstance(value, Tensor):
        digest.update(f"{value.dtype}{list(value.shape)}".encode() + value.contiguous().numpy().tobytes())
    else:
        digest.update(f"{type(value).__name__}:{value!r}\0".encode())
