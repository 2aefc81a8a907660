"""Limits on what a packed file may unpack to: a few megabytes must not become all the memory there is."""

from __future__ import annotations

import io
import zipfile
from typing import IO, Any, Final

from nntrain.errors import DataError

MAX_RATIO: Final = 100
"""Packed text and images become at most about twenty times as large; a thousand times is what zeros become."""
MAX_TEXT: Final = 100 * 2**20
"""Bytes of text, or of one image, up to which any ratio will do."""
MAX_ARRAY: Final = 2**30
"""Bytes of an array up to which any ratio will do: masks and counts may be almost all zeros."""


def refuse_bomb(info: zipfile.ZipInfo, name: str, free: int = MAX_TEXT) -> None:
    """Refuse a member of a .zip file that says of itself that it explodes; no more than it says is ever unpacked.

    Args:
        info: The member.
        name: The file, for messages.
        free: Bytes up to which any ratio will do.

    Raises:
        DataError: It does.
    """
    if info.file_size > free and info.file_size > MAX_RATIO * max(info.compress_size, 1):
        raise _bomb(f"{name}: {info.filename}", info.file_size, info.compress_size)


def _bomb(what: str, size: int, packed: int) -> DataError:
    message = f"{what} unpacks from {packed:,} to {size:,} bytes or more, over {MAX_RATIO} times as many"
    return DataError(message, "if it is meant to be so, unpack it yourself, and name what is in it")


class Unpacked(io.RawIOBase):
    """What a `.gz` file unpacks to; ends in an error where it explodes."""

    def __init__(self, packed: IO[bytes], file: IO[bytes], name: str) -> None:
        """Take the unpacking stream, the file below it, and the file's name for messages."""
        super().__init__()
        self._packed: Any = packed
        self._file = file
        self._name = name
        self._size = 0

    def readable(self) -> bool:
        """Always."""
        return True

    def readinto(self, buffer: Any) -> int:
        """The next bytes. Raises `DataError` where there are far more of them than the file has."""
        count: int = self._packed.readinto(buffer)
        self._size += count
        if self._size > MAX_TEXT and self._size > MAX_RATIO * self._file.tell():
            raise _bomb(self._name, self._size, self._file.tell())
        return count
