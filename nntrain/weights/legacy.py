"""torch's files before 1.6: four pickles (a magic number, a version, the machine, the tensors), the keys of the storages, their numbers.

Torch-free. Source: `torch.serialization._legacy_save`.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO, Final, cast

from nntrain.weights.opcodes import LARGEST, unpickle
from nntrain.weights.rebuilding import UnfitError, load_storage
from nntrain.weights.stored import Storage, damaged, refused

MAGIC: Final = 0x1950A86A20F9469CFC6C
"""The first value of the file."""

VERSION: Final = 1001
"""The second."""


def read_legacy(file: BinaryIO, path: Path) -> tuple[object, Mapping[str, Storage]]:
    """What an older file of torch holds, and its storages by key, with their places: these stand behind the tensors.

    Raises:
        CheckpointError: It is cut off or holds other things than tensors.
    """
    size = file.seek(0, 2)
    file.seek(0)
    data = file.read(2 * LARGEST)
    magic = unpickle(data, path, persistent=_no_storage)
    if magic.value != MAGIC:
        raise refused(path, "it is a pickle that torch did not write")
    version = unpickle(data, path, magic.end, persistent=_no_storage)
    if version.value != VERSION:
        raise refused(path, "it is of a version of torch's older format that is not 1001")
    machine = unpickle(data, path, version.end, persistent=_no_storage)
    facts = cast("dict[object, object]", machine.value) if isinstance(machine.value, dict) else {}
    if facts.get("little_endian") is not True:
        raise refused(path, "its numbers are not stored in little-endian order")
    told: dict[str, Storage] = {}

    def find(value: object) -> Storage:
        storage = load_storage(value)
        known = told.setdefault(storage.key, storage)
        if known != storage:
            raise UnfitError(f"the storage {storage.key[:50]} in two formats or lengths")
        return storage

    content = unpickle(data, path, machine.end, persistent=find)
    keys = unpickle(data, path, content.end, persistent=_no_storage)
    listed = cast("list[object]", keys.value) if isinstance(keys.value, list) else []
    if len(told) != len(listed) or {*told} != {key for key in listed if type(key) is str}:
        raise damaged(path, "the list of its storages is not that of its tensors")
    return content.value, dict(_located(file, path, keys.end, [told[cast("str", key)] for key in listed], size))


def _located(file: BinaryIO, path: Path, start: int, storages: list[Storage], size: int) -> Iterator[tuple[str, Storage]]:
    """Each storage with its place: its length, int64, then its numbers."""
    for storage in storages:
        file.seek(start)
        raw = file.read(8)
        if len(raw) < 8:
            raise damaged(path, f"it ends before the storage {storage.key[:50]}")
        length = struct.unpack("<q", raw)[0]
        if length != storage.length:
            raise damaged(path, f"the storage {storage.key[:50]} has {length:,} numbers, not {storage.length:,}")
        start += 8
        end = start + storage.num_bytes
        if end > size:
            raise damaged(path, f"the storage {storage.key[:50]} needs {storage.num_bytes:,} bytes, and {size - start:,} are left")
        yield storage.key, storage.at(start)
        start = end


def _no_storage(_: object) -> Storage:
    raise UnfitError("numbers where torch has none")
