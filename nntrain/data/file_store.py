"""Files of a folder or of a .zip file: their names in one order on every system, and their bytes. Plain Python."""

from __future__ import annotations

import hashlib
import os
import threading
import zipfile
import zlib
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Final

from nntrain.data.unpacking import refuse_bomb
from nntrain.errors import DataError

WHOLE_BYTES: Final = 64 * 2**20
"""Contents of more than this are hashed in part."""
SAMPLED_FILES: Final = 256
"""Files whose contents are hashed where all would take too long."""
_FAULTS: Final = (zipfile.BadZipFile, zlib.error, OSError, EOFError, RuntimeError, NotImplementedError, ValueError)
"""What reading a damaged or encrypted .zip file may raise."""


@dataclass(frozen=True, slots=True)
class FileStore:
    """A folder or a .zip file. Names count from it and have `/`; hidden files and folders are never among them."""

    root: Path
    _archive: list[zipfile.ZipFile] = field(default_factory=list[zipfile.ZipFile], repr=False, compare=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    def __reduce__(self) -> tuple[type[FileStore], tuple[Path]]:
        """Sent to another process, it opens its file anew there."""
        return FileStore, (self.root,)

    @property
    def is_zip(self) -> bool:
        """Whether it is a .zip file."""
        return not self.root.is_dir()

    def names(self, prefix: str = "", depth: int | None = None) -> tuple[list[str], int]:
        """Names of the files below a folder in it, sorted, and how many hidden ones there are.

        Args:
            prefix: The folder, `""` for all.
            depth: Most parts of a name below it; `None` for any number.

        Raises:
            DataError: It is no .zip file, or the system does not give it.
        """
        start = f"{prefix}/" if prefix else ""
        with self._told():
            found = self._members() if self.is_zip else _walk(self.root, prefix, depth)
        names = [name for name in found if name.startswith(start)] if start else found
        kept = [name for name in names if "/." not in f"/{name[len(start) :]}" and not name.startswith("__MACOSX/")]
        hidden = len(names) - len(kept)
        if depth is not None:
            kept = [name for name in kept if name.count("/", len(start)) < depth]
        return sorted(kept), hidden

    def read(self, name: str, most: int = -1) -> bytes:
        """The first `most` bytes of a file; all by default.

        Raises:
            DataError: There is no such file, or it cannot be read.
        """
        with self._told(name):
            if self.is_zip:
                refuse_bomb(self._open().getinfo(name), self.root.name)
                with self._lock, self._open().open(name) as member:
                    return member.read(most)
            path = self.root / name
            if not path.is_file() and path.exists():
                raise DataError(f"{self.root.name}/{name} is no file")
            with path.open("rb") as file:
                return file.read(most)

    def size(self, name: str) -> int:
        """Bytes of a file. Raises `DataError`."""
        with self._told(name):
            return self._open().getinfo(name).file_size if self.is_zip else (self.root / name).stat().st_size

    def fingerprint(self, names: list[str]) -> str:
        """Names and sizes of some files, hashed with their contents; with those of 256 of them where all have more than 64 MiB.

        Raises:
            DataError: A file cannot be read.
        """
        digest, total = hashlib.sha256(), 0
        for place, name in enumerate(names):
            size = self.size(name)
            total += size
            digest.update(f"{chr(0) if place else ''}{name}\0{size}".encode())
        step = 1 if total <= WHOLE_BYTES else max(1, len(names) // SAMPLED_FILES)
        for name in names[::step]:
            digest.update(self.read(name, WHOLE_BYTES))
        return digest.hexdigest()

    def _open(self) -> zipfile.ZipFile:
        if not self._archive:
            self._archive.append(zipfile.ZipFile(self.root))
        return self._archive[0]

    def _members(self) -> list[str]:
        return [info.filename for info in self._open().infolist() if info.filename and not info.is_dir()]

    @contextmanager
    def _told(self, name: str | None = None) -> Generator[None]:
        what = self.root.name if name is None else (PurePosixPath(self.root.name) / name).as_posix()
        try:
            yield
        except (FileNotFoundError, KeyError):
            raise DataError(f"no file {what}") from None
        except _FAULTS as error:
            why = "is no .zip file, or is damaged" if self.is_zip else "cannot be read"
            raise DataError(f"{what} {why}: {getattr(error, 'strerror', None) or error}") from None


def _walk(root: Path, prefix: str, depth: int | None) -> list[str]:
    """Names of the files below `root/prefix`; links to folders are followed, each folder once."""
    found: list[str] = []
    start = root / prefix
    seen: set[tuple[int, int]] = set()
    for folder, folders, files in os.walk(start, followlinks=True):
        status = Path(folder).stat()
        here = Path(folder).relative_to(root).as_posix()
        level = len(PurePosixPath(folder).relative_to(start.as_posix()).parts)
        if (status.st_dev, status.st_ino) in seen or (depth is not None and level >= depth - 1):
            folders.clear()
        seen.add((status.st_dev, status.st_ino))
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += [name if here == "." else f"{here}/{name}" for name in files]
    return found
