"""A text file in pieces that end where a line ends, so that none is ever held whole; each can be read again by itself."""

from __future__ import annotations

import codecs
import io
import sys
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO, Any, Final

from nntrain.data.text_file import PEEK_BYTES, no_text, opened
from nntrain.errors import DataError

SKIPPED: Final = 2**20
"""Bytes that are unpacked at once on the way to a place in a packed file."""

_MARKS: Final = {
    "utf-8-sig": {codecs.BOM_UTF8: "utf-8"},
    "utf-16": {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"},
}
"""Byte order marks of encodings that have one, and how the text after it is encoded."""
_UNMARKED: Final = {"utf-8-sig": "utf-8", "utf-16": f"utf-16-{sys.byteorder[0]}e"}


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of a text file, from the start of a line to the end of one."""

    start: int
    """Its first byte, counted in the unpacked file."""
    size: int
    """Bytes."""
    line: int
    """Number of its first line, counted from 1."""


@dataclass(frozen=True, slots=True)
class Coding:
    """How the bytes of a file are read as text."""

    codec: str
    """The encoding of what comes after the byte order mark."""
    mark: int
    """Bytes of that mark."""
    written: str
    """The encoding as messages name it."""
    is_fixed: bool = False
    """Whether the source reads no other."""
    ends: tuple[str, ...] = ("\n", "\r")
    """What ends a line; where the file has the first of them, pieces end there."""

    @classmethod
    def of(cls, head: bytes, encoding: str, *, is_fixed: bool = False, ends: tuple[str, ...] = ("\n", "\r")) -> Coding:
        """Look at the first bytes of a file in an encoding."""
        for mark, codec in _MARKS.get(encoding, {}).items():
            if head.startswith(mark):
                return cls(codec, len(mark), encoding, is_fixed, ends)
        return cls(_UNMARKED.get(encoding, encoding), 0, encoding, is_fixed, ends)

    def decode(self, content: bytes, name: str, line: int) -> str:
        """The text of a piece that begins with a line. Raises `DataError` that names the line of bytes that are no text."""
        try:
            return content.decode(self.codec)
        except UnicodeDecodeError as error:
            error.encoding = self.written
            raise no_text(name, content, error, is_fixed=self.is_fixed, first=line) from None

    def first_lines(self, content: bytes, count: int, name: str) -> int:
        """Bytes of the first lines of a file."""
        lines = io.StringIO(self.decode(content, name, 1), newline="")
        return len("".join(islice(lines, count)).encode(self.codec))

    def last_end(self, content: bytes) -> int:
        """Where the last line ends that ends in some bytes; 0 where none does."""
        unit = 2 if self.codec.startswith("utf-16") else 1
        for end in self.ends:
            mark = end.encode(self.codec)
            place = content.rfind(mark, 0, len(content) if end == "\n" else max(0, len(content) - unit))  # "\r" may be half an end
            while place > 0 and place % unit:
                place = content.rfind(mark, 0, place + unit - 1)
            if place >= 0 and place % unit == 0:
                return place + unit
        return 0


class Pieces:
    """The pieces of an open file, one after another."""

    def __init__(self, file: IO[bytes], coding: Coding, head: bytes) -> None:
        """Take a file of which `head` was read, byte order mark included."""
        self._file, self._coding = file, coding
        self._rest = head[coding.mark :]
        self.start = coding.mark
        """First byte of the next piece."""

    def take(self, size: int) -> bytes:
        """About so many bytes, to the end of a line; more where the line is longer, none at the end of the file."""
        while True:
            if len(self._rest) <= size:  # one byte more than asked for tells whether the file ends here
                self._rest += self._file.read(size + 1 - len(self._rest))
            is_end = len(self._rest) <= size
            cut = len(self._rest) if is_end else self._coding.last_end(self._rest[:size])
            if cut or is_end:
                content, self._rest = self._rest[:cut], self._rest[cut:]
                self.start += cut
                return content
            size += max(size, PEEK_BYTES)

    def put_back(self, content: bytes) -> None:
        """Undo the taking of the end of the last piece."""
        self._rest = content + self._rest
        self.start -= len(content)


@contextmanager
def pieces_of(path: Path, encoding: str, name: str, *, is_fixed: bool = False, ends: tuple[str, ...] = ("\n", "\r")) -> Generator[Any]:
    """The pieces of a file, packed or not, and how it is encoded: `(Pieces, Coding)`. Raises `DataError` for what `opened` refuses."""
    with opened(path, name) as file:
        head = file.read(4)
        coding = Coding.of(head, encoding, is_fixed=is_fixed, ends=ends)
        yield Pieces(file, coding, head), coding


class Places:
    """Reads stretches of a file; of a packed one it goes on from where it was, as nothing else finds a place there."""

    def __init__(self, path: Path, name: str) -> None:
        self._path, self._name = path, name
        self._open: Any = None
        self._file: Any = None
        self._at = 0

    def read(self, stretch: Stretch) -> bytes:
        """The bytes of a stretch. Raises `DataError` where the file is no longer as long, or can't be read."""
        if self._path.suffix.lower() not in (".gz", ".zip"):
            with opened(self._path, self._name) as file:
                file.seek(stretch.start)
                return self._whole(file.read(stretch.size), stretch)
        if self._file is None or stretch.start < self._at:
            self.close()
            self._open = opened(self._path, self._name)
            self._file, self._at = self._open.__enter__(), 0
        while self._at < stretch.start:
            skipped = len(self._file.read(min(SKIPPED, stretch.start - self._at)))
            if not skipped:
                break
            self._at += skipped
        content = self._file.read(stretch.size)
        self._at += len(content)
        return self._whole(content, stretch)

    def close(self) -> None:
        """Close the packed file that it reads."""
        if self._open is not None:
            self._open.__exit__(None, None, None)
        self._open = self._file = None

    def __getstate__(self) -> tuple[Path, str]:
        return self._path, self._name

    def __setstate__(self, state: tuple[Path, str]) -> None:
        self.__init__(*state)

    def _whole(self, content: bytes, stretch: Stretch) -> bytes:
        if len(content) < stretch.size:
            raise DataError(f"{self._name} was cut off while it was read: line {stretch.line} and those after it are gone")
        return content
