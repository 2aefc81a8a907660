"""Opens text files, packed or not, and finds their encoding. Plain Python."""

from __future__ import annotations

import codecs
import gzip
import io
import zipfile
import zlib
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final, Literal, cast

from nntrain.data.unpacking import Unpacked, refuse_bomb
from nntrain.errors import DataError

PEEK_BYTES: Final = 65_536
MAX_LINE: Final = 64 * 2**20
"""Longest first line, in bytes: what has none by then is no table, and would be read whole."""
BUFFER_BYTES: Final = 2**18

_PACKED_FAULTS: Final = (zipfile.BadZipFile, zlib.error, EOFError, gzip.BadGzipFile, NotImplementedError, RuntimeError)
_TEXT_SUFFIXES: Final = (".csv", ".tsv", ".txt", ".tab", ".data", ".jsonl", ".ndjson")


@contextmanager
def opened(path: Path, name: str) -> Generator[IO[bytes]]:
    """The bytes of a file, unpacked where it ends in `.gz`, or in `.zip` and holds one text file.

    Raises:
        DataError: It is damaged, or not what its name says; or the system does not give it.
    """
    suffix = path.suffix.lower()
    try:
        with path.open("rb") as file:
            if suffix == ".gz":
                with gzip.GzipFile(fileobj=file) as packed:
                    yield cast("IO[bytes]", io.BufferedReader(Unpacked(cast("IO[bytes]", packed), file, name), BUFFER_BYTES))
            elif suffix == ".zip":
                with zipfile.ZipFile(file) as archive:
                    text = _only_text(archive, name)
                    refuse_bomb(archive.getinfo(text), name)
                    with archive.open(text) as member:
                        yield member
            else:
                yield file
    except _PACKED_FAULTS as error:
        if suffix not in (".gz", ".zip"):
            raise
        raise DataError(f"{name} is no {suffix[1:]} file, or is damaged: {error}", "pack the table again, or give it unpacked") from None
    except (DataError, UnicodeDecodeError):
        raise
    except OSError as error:
        raise unreadable_file(name, error) from None


def head_of(path: Path, name: str) -> tuple[bytes, bool]:
    """The first bytes of a file, and whether it has more; enough of them for two whole lines. Raises `DataError`."""
    size = PEEK_BYTES
    with opened(path, name) as file:
        content = file.read(size)
        while len(content) == size and content.count(b"\n") < 2:
            content += file.read(size)
            size *= 2
            if size > MAX_LINE:
                raise DataError(f"{name} has no two lines in its first {MAX_LINE // 2**20} MiB", "a table or JSON lines: a record a line")
        return content, bool(file.read(1))


@contextmanager
def opened_text(path: Path, encoding: str, name: str, *, is_fixed: bool = False, ends: Literal["", "\n"] = "") -> Generator[IO[str]]:
    """A file as text with its own line ends; `is_fixed` says that its source reads no other encoding.

    A line ends with a line feed, a carriage return or both, as in tables; with `ends` a line feed alone ends it.

    Raises:
        DataError: It can't be read; for bytes that are no text it names their line.
    """
    try:
        with opened(path, name) as file:
            yield io.TextIOWrapper(file, encoding, newline=ends)
    except UnicodeDecodeError:
        with opened(path, name) as file:
            content = file.read()
        raise _no_text(content, encoding, name, is_fixed=is_fixed) from None


def cut_lines(text: str) -> list[str]:
    """The lines of a text, cut at line feeds alone: `str.splitlines` cuts at others too, which a value may hold (U+2028, U+0085)."""
    return text.split("\n")


def encoding_of(content: bytes, like: str | None = None) -> str:
    """The encoding that the first bytes of a file show: a byte order mark, zero bytes, else `like` or UTF-8."""
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if content.startswith(codecs.BOM_UTF8) or like is None or like.startswith("utf-8"):
        odd, even = content[1:2_000:2].count(0), content[0:2_000:2].count(0)
        pairs = min(len(content), 2_000) // 2
        return (
            "utf-16-le" if pairs and odd > pairs // 2 and not even else "utf-16-be" if pairs and even > pairs // 2 and not odd else "utf-8"
        )
    try:
        codecs.getincrementaldecoder("utf-8")().decode(content)
    except UnicodeDecodeError:
        return like
    return like if content.isascii() else "utf-8"


def decode(content: bytes, encoding: str, name: str, *, is_cut: bool, is_fixed: bool = False) -> str:
    """The text of the first bytes; `is_fixed` as in `opened_text`.

    Raises:
        DataError: It is no text, naming the line and what it may be.
    """
    if content.startswith(b"PAR1"):
        raise DataError(f"{name} is a Parquet file", "fix:  data.source.type: parquet")
    if not encoding.startswith("utf-16") and b"\0" in content:
        if content.startswith(b"PK"):
            is_excel = b"xl/" in content or b"[Content_Types].xml" in content
            hint = "fix:  data.source.type: excel" if is_excel else "give it a name that ends in .zip"
            raise DataError(f"{name} is {'an Excel' if is_excel else 'a zip'} file: it holds zero bytes", hint)
        raise DataError(f"{name} is no text: it holds zero bytes", "save it as csv; nntrain reads tables as text")
    try:
        return codecs.getincrementaldecoder(encoding)().decode(content, final=not is_cut)
    except UnicodeDecodeError as error:
        if content.startswith(b"\x1f\x8b"):
            raise DataError(f"{name} is packed with gzip", "give it a name that ends in .gz") from None
        raise no_text(name, content, error, is_fixed=is_fixed) from None


def no_text(name: str, content: bytes, error: UnicodeDecodeError, *, is_fixed: bool = False, first: int = 1) -> DataError:
    """What to say of bytes that are no text in the encoding, with the line as the likeliest other encoding reads it.

    `first` is the number of the line that the bytes begin with.
    """
    line = content.count(b"\n", 0, error.start) + first
    message = f"{name}: line {line} is not {error.encoding.removesuffix('-sig')}: byte 0x{content[error.start]:02x}"
    start = content.rfind(b"\n", 0, error.start) + 1
    word = content[start:].split(b"\n", 1)[0].strip()[:60].decode("latin-1")
    shown = f"   latin-1 reads {word!r}" if word.isprintable() else ""
    others = "" if is_fixed else ", or say data.source.encoding: latin-1 (or cp1252, utf-16)"
    return DataError(message, f"save the file as UTF-8{others}{shown}")


def known_encoding(value: str) -> str:
    """An encoding that Python knows. Raises `ValueError` for another."""
    try:
        codecs.lookup(value)
    except LookupError:
        raise ValueError(f"{value!r} is no encoding; utf-8, latin-1 and cp1252 are") from None
    return value


def unreadable_file(name: str, error: OSError) -> DataError:
    """What to say of a file that the system does not give."""
    return DataError(f"{name} cannot be read: {error.strerror or error}")


def _only_text(archive: zipfile.ZipFile, name: str) -> str:
    members = [
        member
        for member in archive.namelist()
        if not member.endswith("/") and not member.startswith("__MACOSX/") and not member.rpartition("/")[2].startswith(".")
    ]
    texts = [member for member in members if member.lower().endswith(_TEXT_SUFFIXES)] or members
    if len(texts) != 1:
        found = "no file" if not texts else f"{len(texts)} files: {', '.join(texts[:5])}"
        raise DataError(f"{name} holds {found}; a table is one file", "unpack it, and name the one that is meant")
    return texts[0]


def _no_text(content: bytes, encoding: str, name: str, *, is_fixed: bool) -> DataError:
    try:
        content.decode(encoding)
    except UnicodeDecodeError as error:
        return no_text(name, content, error, is_fixed=is_fixed)
    raise AssertionError(name)
