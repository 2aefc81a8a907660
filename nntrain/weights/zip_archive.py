"""torch's files since 1.6: a zip archive, uncompressed, of a pickle `data.pkl` and one entry for each storage. Torch-free."""

from __future__ import annotations

import os
import struct
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO, Final

from nntrain.errors import CheckpointError
from nntrain.weights.opcodes import LARGEST, unpickle
from nntrain.weights.rebuilding import load_storage
from nntrain.weights.stored import Storage, damaged, refused

LOCAL_HEADER: Final = struct.Struct("<4s5H3L2H")
"""What stands before each entry: APPNOTE.TXT of PKWARE, section 4.3.7."""

MOST_ENTRIES: Final = 1_000_000
"""Entries of an archive that are listed."""


def read_zip(file: BinaryIO, path: Path) -> object:
    """What a zip archive of torch holds, with every storage found in the file.

    Raises:
        CheckpointError: It is cut off, holds other things than tensors, or an entry is not what it says.
    """
    entries = _entries(file, path)
    root = _root(entries, path)
    order = entries.get(f"{root}/byteorder")
    if order is not None and _content(file, path, order) != b"little":
        raise refused(path, "its numbers are not stored in little-endian order")
    known: dict[str, Storage] = {}

    def find(told: object) -> Storage:
        storage = load_storage(told)
        name = f"{root}/data/{storage.key}"
        if name not in entries:
            raise damaged(path, f"it has no entry {name[:200]}")
        entry = entries[name]
        if entry.file_size != storage.num_bytes:
            raise damaged(
                path, f"{name} has {entry.file_size:,} bytes, not the {storage.num_bytes:,} of {storage.length:,} {storage.dtype}"
            )
        found = known.setdefault(storage.key, storage.at(_start(file, path, entry), entry.CRC))
        if found.dtype != storage.dtype:
            raise refused(path, f"{name} is read as {found.dtype} and as {storage.dtype}")
        return found

    pickle = entries[f"{root}/data.pkl"]
    if pickle.file_size > LARGEST:
        raise refused(path, f"its pickle has {pickle.file_size:,} bytes, more than {LARGEST:,}")
    return unpickle(_content(file, path, pickle), path, persistent=find).value


def _entries(file: BinaryIO, path: Path) -> Mapping[str, zipfile.ZipInfo]:
    """The entries by name. Each lies in the file as it is, uncompressed, and none over another."""
    try:
        with zipfile.ZipFile(file) as archive:
            listed = archive.infolist()
    except (zipfile.BadZipFile, NotImplementedError, ValueError, OverflowError, struct.error, OSError) as error:
        raise damaged(path, f"the list of entries at the end of the archive can't be read ({error})") from None
    if len(listed) > MOST_ENTRIES:
        raise refused(path, f"its archive has {len(listed):,} entries")
    entries: dict[str, zipfile.ZipInfo] = {}
    for entry in listed:
        name = entry.filename
        if name in entries:
            raise refused(path, f"its archive has two entries {name[:200]}")
        if entry.compress_type != zipfile.ZIP_STORED or entry.file_size != entry.compress_size:
            raise refused(path, f"the entry {name[:200]} is compressed, which torch never does")
        if entry.flag_bits & 0x1:
            raise refused(path, f"the entry {name[:200]} is encrypted")
        entries[name] = entry
    _check_apart(file, path, entries)
    return entries


def _check_apart(file: BinaryIO, path: Path, entries: Mapping[str, zipfile.ZipInfo]) -> None:
    """Raise `CheckpointError` where an entry reaches into another or beyond the file."""
    size = file.seek(0, 2)
    spans = sorted((_start(file, path, entry), entry.file_size, name) for name, entry in entries.items())
    for (start, length, name), following in zip(spans, [*spans[1:], (size, 0, "")], strict=True):
        if start + length > following[0]:
            what = f"the entry {following[2][:200]}" if following[2] else "the end of the file"
            raise damaged(path, f"the entry {name[:200]} of {length:,} bytes reaches beyond {what}")


def _start(file: BinaryIO, path: Path, entry: zipfile.ZipInfo) -> int:
    """The byte at which the content of an entry begins."""
    is_inside = 0 <= entry.header_offset < os.fstat(file.fileno()).st_size
    file.seek(entry.header_offset if is_inside else 0)
    raw = file.read(LOCAL_HEADER.size) if is_inside else b""
    if len(raw) < LOCAL_HEADER.size or not raw.startswith(b"PK\x03\x04"):
        raise damaged(path, f"the entry {entry.filename[:200]} has no beginning at byte {entry.header_offset:,}")
    *_, name_length, extra_length = LOCAL_HEADER.unpack(raw)
    return entry.header_offset + LOCAL_HEADER.size + name_length + extra_length


def _content(file: BinaryIO, path: Path, entry: zipfile.ZipInfo) -> bytes:
    """The bytes of a small entry, compared with its checksum."""
    if entry.file_size > LARGEST:
        raise refused(path, f"the entry {entry.filename[:200]} has {entry.file_size:,} bytes")
    file.seek(_start(file, path, entry))
    content = file.read(entry.file_size)
    if len(content) != entry.file_size or zlib.crc32(content) != entry.CRC:
        raise damaged(path, f"the entry {entry.filename[:200]} differs from its checksum")
    return content


def _root(entries: Mapping[str, zipfile.ZipInfo], path: Path) -> str:
    """The folder of the archive that everything is in."""
    roots = {name.partition("/")[0] for name in entries}
    found = [root for root in sorted(roots) if f"{root}/data.pkl" in entries]
    if any(name.endswith("/constants.pkl") or "/code/" in name for name in entries):
        raise refused(path, "it is a TorchScript program, which holds code")
    if len(found) != 1:
        raise _foreign(entries, path)
    return found[0]


def _foreign(entries: Mapping[str, zipfile.ZipInfo], path: Path) -> CheckpointError:
    shown = ", ".join(list(entries)[:3])
    return refused(path, f"it is a zip archive that torch did not write (it holds {shown[:200] or 'nothing'})")
