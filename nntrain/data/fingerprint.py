"""Tells data apart: files at once, rows by what is in them."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from nntrain.data.batches import TensorData

EDGE_BYTES: Final = 2**20


def fingerprint_file(path: Path) -> str:
    """Name, size, first and last MiB of a file, hashed: milliseconds for any size."""
    size = path.stat().st_size
    digest = hashlib.sha256(f"{path.name}\0{size}\0".encode())
    with path.open("rb") as file:
        digest.update(file.read(EDGE_BYTES))
        file.seek(max(EDGE_BYTES, size - EDGE_BYTES))
        digest.update(file.read(EDGE_BYTES))
    return digest.hexdigest()


def fingerprint_rows(data: TensorData) -> str:
    """Content of rows, hashed: names, shapes and values of inputs, targets and weights, in their order."""
    digest = hashlib.sha256()
    weights = {} if data.weights is None else {"": data.weights}
    for kind, tensors in (("input", data.inputs), ("target", data.targets), ("weight", weights)):
        for name, tensor in sorted(tensors.items()):
            digest.update(f"{kind}\0{name}\0{tensor.dtype}\0{tuple(tensor.shape)}\0".encode())
            digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()
