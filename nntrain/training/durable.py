"""Files that are on the disk when a call returns: written piece by piece from where the tensors lie, hashed beside, synced."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any, Final

import torch
from torch import Tensor

BUFFER_BYTES: Final = 2**16
"""Smaller pieces are gathered; a larger one goes to the system as it lies."""
_HASHED_BESIDE: Final = 2**18
"""Bytes of a piece from which a second thread is worth waking for its digest."""

_WORDS: Final = {
    torch.float64: "F64",
    torch.float32: "F32",
    torch.float16: "F16",
    torch.bfloat16: "BF16",
    torch.complex64: "C64",
    torch.int64: "I64",
    torch.int32: "I32",
    torch.int16: "I16",
    torch.int8: "I8",
    torch.uint64: "U64",
    torch.uint32: "U32",
    torch.uint16: "U16",
    torch.uint8: "U8",
    torch.bool: "BOOL",
}
"""What safetensors calls the types that a state may have."""

Pieces = Iterable[bytes | memoryview]


def tensor_pieces(tensors: Mapping[str, Tensor]) -> Iterator[bytes | memoryview]:
    """Content of a safetensors file: eight bytes that tell the length of the header, the header in JSON, the tensors in a row.

    A tensor that lies contiguous on the CPU is not copied; any other is, when its turn comes. safetensors' own writer gives
    the same file, but its digest would take a second reading, and its error does not tell what the system said.
    """
    ordered = sorted(tensors.items(), key=lambda item: -item[1].element_size())  # so that each lies at a multiple of its size
    header: dict[str, Any] = {}
    end = 0
    for name, tensor in ordered:
        start, end = end, end + tensor.nbytes
        header[name] = {"dtype": _WORDS[tensor.dtype], "shape": list(tensor.shape), "data_offsets": [start, end]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    yield len(text).to_bytes(8, "little") + text
    for _, tensor in ordered:
        yield tensor.detach().to("cpu").contiguous().reshape(-1).view(torch.uint8).numpy().data


def write_files(folder: Path, files: Mapping[str, Pieces]) -> dict[str, dict[str, Any]]:
    """Write new files, and bring them to the disk.

    Returns:
        By name: `bytes` and `sha256` of what was to be written; hashing takes no second look at the disk,
        and of large pieces a second thread.

    Raises:
        OSError: The disk is full, or can't be written. Files that were begun are left.
    """
    digests = {name: hashlib.sha256() for name in files}
    sizes = dict.fromkeys(files, 0)
    with ThreadPoolExecutor(1) as hasher, ExitStack() as opened:
        written: list[IO[bytes]] = []
        hashed: list[Future[None]] = []
        for name, pieces in files.items():
            file = opened.enter_context((folder / name).open("wb", buffering=BUFFER_BYTES))
            written.append(file)
            is_beside = False
            for piece in pieces:
                is_beside |= len(piece) >= _HASHED_BESIDE  # from there on all of the file, whose pieces must come in their order
                if is_beside:
                    hashed.append(hasher.submit(digests[name].update, piece))
                else:
                    digests[name].update(piece)
                file.write(piece)
                sizes[name] += len(piece)
            file.flush()
        for file in written:  # when all are written: the first then waits for most of what the others would wait for
            os.fsync(file.fileno())
        for future in hashed:
            future.result()
    return {name: {"bytes": sizes[name], "sha256": digests[name].hexdigest()} for name in files}


def write_file(path: Path, content: bytes) -> None:
    """Write one small file, and bring it to the disk. Raises `OSError`."""
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def sync_folder(path: Path) -> None:
    """Bring the names in a folder to the disk. Raises `OSError`."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except PermissionError:  # as on Windows, which opens no folders
        return
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
