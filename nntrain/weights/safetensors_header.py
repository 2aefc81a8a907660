"""The header of a `.safetensors` file: JSON of names, formats, shapes and places. Torch-free.

Source: https://huggingface.co/docs/safetensors, section Format.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO, Final, cast

from nntrain.weights.stored import Storage, StoredTensor, contiguous_strides, damaged, refused

DTYPES: Final = {
    "F64": "float64",
    "F32": "float32",
    "F16": "float16",
    "BF16": "bfloat16",
    "I64": "int64",
    "I32": "int32",
    "I16": "int16",
    "I8": "int8",
    "U8": "uint8",
    "BOOL": "bool",
    "C64": "complex64",
}
"""The format's names of formats of numbers."""

LARGEST_HEADER: Final = 100_000_000
"""Bytes of a header, as the format has it."""


def header_length(start: bytes) -> int | None:
    """Length of the header by the first nine bytes of a file; `None` where they are no beginning of the format."""
    if len(start) < 9 or start[8:9] != b"{":
        return None
    return int(struct.unpack("<Q", start[:8])[0])


def read_header(file: BinaryIO, path: Path) -> dict[str, StoredTensor]:
    """The tensors of a file by name, and where their numbers lie.

    Raises:
        CheckpointError: The header is no such header, or its places don't fill the file without gap or overlap.
    """
    size = file.seek(0, 2)
    file.seek(0)
    length = header_length(file.read(9)) or 0
    if length > min(LARGEST_HEADER, size - 8):
        raise damaged(path, f"its header is to have {length:,} bytes, and the file has {size:,}")
    file.seek(8)
    try:
        listed: object = json.loads(file.read(length).decode("utf-8"), object_pairs_hook=_once, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise damaged(path, f"its header can't be read ({str(error)[:200]})") from None
    tensors = {
        name: _tensor(path, name, told, 8 + length)
        for name, told in cast("Mapping[str, Any]", listed if isinstance(listed, dict) else {}).items()
        if name != "__metadata__"
    }
    end = 8 + length
    for name, tensor in sorted(tensors.items(), key=lambda item: (item[1].storage.start, item[1].size)):
        if tensor.storage.start != end:
            raise damaged(path, f"the numbers of {name[:200]} begin at byte {tensor.storage.start:,}, not behind those before ({end:,})")
        end += tensor.storage.num_bytes
    if end != size:
        what = f"{end - size:,} bytes are missing" if end > size else f"{size - end:,} bytes belong to nothing"
        raise damaged(path, f"its header tells of {end:,} bytes, and the file has {size:,}: {what}")
    return tensors


def _tensor(path: Path, name: str, told: object, begin: int) -> StoredTensor:
    facts = cast("Mapping[str, object]", told if isinstance(told, dict) else {})
    if {*facts} != {"dtype", "shape", "data_offsets"}:
        raise damaged(path, f"{name[:200]} has no dtype, shape and data_offsets in the header")
    dtype, shape, places = facts["dtype"], _sizes(facts["shape"]), _sizes(facts["data_offsets"])
    if not isinstance(dtype, str) or dtype not in DTYPES:
        raise refused(path, f"{name[:200]} has numbers of the format {str(dtype)[:20]}, which is not among {', '.join(DTYPES)}")
    if shape is None or places is None or len(places) != 2:
        raise damaged(path, f"{name[:200]} has a shape or data_offsets that are no sizes")
    tensor = StoredTensor(Storage(DTYPES[dtype], name, 0, begin + places[0]), 0, shape, contiguous_strides(shape))
    storage = Storage(DTYPES[dtype], name, tensor.size, begin + places[0])
    if storage.num_bytes != places[1] - places[0]:
        raise damaged(path, f"{name[:200]} of the shape {list(shape)} needs {storage.num_bytes:,} bytes, not {places[1] - places[0]:,}")
    return StoredTensor(storage, 0, shape, tensor.stride)


def _sizes(value: object) -> tuple[int, ...] | None:
    sizes = cast("list[object]", value) if isinstance(value, list) else [None]
    if len(sizes) > 64 or not all(type(size) is int and 0 <= size < 2**63 for size in sizes):
        return None
    return tuple(cast("list[int]", sizes))


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object whose names are all different."""
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("a name stands in it twice")
    return made


def _no_number(text: str) -> float:
    raise ValueError(f"{text} is no size")
