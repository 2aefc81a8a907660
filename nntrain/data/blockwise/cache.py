"""Encoded blocks in the user's cache folder: later epochs, and later runs on the same data, neither parse nor encode a table again.

A folder of the cache belongs to one content of a file, read in one way and cut into the same blocks, and to what the inputs have learned:
nothing in it can be out of date. It may be deleted at any time. `nntrain fit --no-cache`, or an empty NNTRAIN_CACHE, keeps none.
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import tempfile
import time
import uuid
from collections.abc import Mapping, Sequence, Set
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import torch
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
"""All blocks together take at most one of so many parts of what they take and the disk has free: the others are left to the disk."""
IN_USE: Final = 3600.0
"""Seconds since their last use in which blocks are not deleted for others: a run may be at work on them."""
BEGUN: Final = ".partial"
"""How the names of files end that are being written."""


def _no_failure() -> Tensor:
    found = torch.zeros(1, dtype=torch.int32)
    with suppress(RuntimeError):  # without shared memory no other process reads, and so none writes
        found.share_memory_()
    return found


@dataclass(frozen=True, slots=True)
class BlockCache:
    """The encoded blocks of one table."""

    folder: Path
    failed: Tensor = field(default_factory=_no_failure, compare=False)
    """The system's number of why a block could not be written last, 0 where all were, int32 `[1]`; processes that read share it."""

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
                _make_room(root, size)
                folder.mkdir(exist_ok=True)
            _delete_begun(folder)
            os.utime(folder)
            with tempfile.TemporaryFile(dir=folder):
                pass
        except OSError as error:
            raise refused(f"{root} can't be written: {error.strerror or error}") from None
        return cls(folder)

    def read(self, block: int) -> dict[str, Tensor] | None:
        """A block; `None` where it is not there, or is not what was written."""
        with suppress(OSError):
            os.utime(self.folder)
        with suppress(OSError, SafetensorError):
            content = self._path(block).read_bytes()
            if content[:DIGEST] == self._digest(block, memoryview(content)[DIGEST:]):
                return load(content[DIGEST:])
        return None

    def write(self, block: int, tensors: Mapping[str, Tensor]) -> None:
        """Keep a block; where it can't be written, it is encoded again when it is needed, and `lost` says why."""
        path = self._path(block)
        beside = path.with_suffix(f".{uuid.uuid4().hex}{BEGUN}")
        try:
            content = save({name: tensor.contiguous() for name, tensor in tensors.items()})
            with beside.open("wb") as file:
                file.write(self._digest(block, content))
                file.write(content)
            beside.replace(path)
        except BaseException as error:
            with suppress(OSError):
                beside.unlink(missing_ok=True)
            if not isinstance(error, OSError):
                raise
            self.failed.fill_(error.errno or errno.EIO)

    @property
    def lost(self) -> str | None:
        """Why a block could not be written, in words; `None` where all could, by whatever process."""
        number = int(self.failed)
        return f"{self.folder.parent} can't be written: {os.strerror(number)}" if number else None

    def _path(self, block: int) -> Path:
        return self.folder / f"{block:06d}.block"

    def _digest(self, block: int, content: bytes | memoryview) -> bytes:
        """What stands before a block in its file: of its content, and of which block of which data it is."""
        digest = hashlib.sha256(f"{self.folder.name}/{block}\0".encode())
        digest.update(content)
        return digest.digest()


def _make_room(root: Path, size: int) -> None:
    """Delete what nobody has used for long, and for so many new bytes what was used least lately. Raises `NotKeptError`, `OSError`."""
    now, free = time.time(), shutil.disk_usage(root).free
    used: dict[Path, float] = {}
    sizes: dict[Path, int] = {}
    for folder in root.iterdir():
        with suppress(FileNotFoundError, NotADirectoryError):  # another run deletes it just now
            sizes[folder] = sum(file.stat().st_size for file in folder.iterdir())
            used[folder] = folder.stat().st_mtime
    kept = sum(sizes[folder] for folder in used)
    most = (free + kept) // SPARE
    old = [folder for folder in used if used[folder] < now - UNUSED_DAYS * 86_400]
    gone = list(old)
    kept -= sum(sizes[folder] for folder in old)
    for folder in sorted(used.keys() - old, key=used.__getitem__):
        if kept + size > most and used[folder] < now - IN_USE:
            gone.append(folder)
            kept -= sizes[folder]
    fits = kept + size <= most
    for folder in gone if fits else old:
        shutil.rmtree(folder, ignore_errors=True)
    if not fits:
        others = f", {kept / 1e6:,.0f} MB hold others that are in use" if kept else ""
        raise NotKeptError(f"the disk of {root} has {free / 1e6:,.0f} MB left{others}, and they take {size / 1e6:,.0f} MB")


def _delete_begun(folder: Path) -> None:
    """Delete what runs that were killed have left half written."""
    for file in folder.glob(f"*{BEGUN}"):
        with suppress(FileNotFoundError):  # it was finished just now
            if file.stat().st_mtime < time.time() - IN_USE:
                file.unlink()


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
