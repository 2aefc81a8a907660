"""Rows that lie on the host while a CUDA device computes: gathered into pinned memory and moved, the next piece while one is used."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor

if TYPE_CHECKING:
    from nntrain.data.batches import TensorData


def resting(data: TensorData, home: torch.device) -> TensorData:
    """Rows that stay on the host, and whose batches are on a device."""
    pixels, target_pixels = ({name: each.to(home) for name, each in table.items()} for table in (data.pixels, data.target_pixels))
    return replace(data, pixels=pixels, target_pixels=target_pixels, home=home)


def laid(data: TensorData, device: torch.device, *, on_device: bool) -> TensorData:
    """Rows whose batches are on a device, where they lie too or from where they are moved."""
    return data.to(device) if on_device else resting(data, device)


def arrived(data: TensorData) -> TensorData:
    """Some rows where their batches are: themselves, if they lie there."""
    return data if data.home is None else next(arriving([data], data.home))


def arriving(pieces: Iterable[TensorData], home: torch.device | None) -> Iterator[TensorData]:
    """Pieces of rows where their batches are, in their order.

    Each is begun to be moved before the one before it is handed out, so that a device computes with that one meanwhile.

    Args:
        pieces: Rows on the host.
        home: Where they are used; `None` where they lie there: nothing is moved, nor asked for early.
    """
    if home is None:
        yield from pieces
        return
    way = _Way(home)
    coming: tuple[TensorData, Any] | None = None
    for piece in pieces:
        following = way.begin(piece)
        if coming is not None:
            yield way.end(*coming)
        coming = following
    if coming is not None:
        yield way.end(*coming)


class _Way:
    """From the host to a device; on CUDA beside what it computes, in a stream of its own."""

    def __init__(self, home: torch.device) -> None:
        self._home = home
        self._stream = torch.cuda.Stream(home) if home.type == "cuda" else None

    def begin(self, data: TensorData) -> tuple[TensorData, Any]:
        """Begin to move; what comes, and the event of its arrival."""
        stored = {name: rows.to(self._home) for name, rows in data.stored.items()}  # which are of many kinds, and moved at once
        stored_targets = {name: rows.to(self._home) for name, rows in data.stored_targets.items()}
        with nullcontext() if self._stream is None else torch.cuda.stream(self._stream):
            coming = replace(
                data,
                inputs={name: sent(tensor, self._home) for name, tensor in data.inputs.items()},
                targets={name: sent(tensor, self._home) for name, tensor in data.targets.items()},
                weights=None if data.weights is None else sent(data.weights, self._home),
                numbers=sent(data.rows, self._home),
                stored=stored,
                stored_targets=stored_targets,
                home=None,
            )
        return coming, None if self._stream is None else cast("Any", self._stream).record_event()

    def end(self, data: TensorData, event: Any) -> TensorData:
        """What was begun, for the stream that computes: the device waits for it, the host does not."""
        if event is not None:
            current = torch.cuda.current_stream(self._home)
            cast("Any", current).wait_event(event)
            weights = () if data.weights is None else (data.weights,)
            for tensor in (*data.inputs.values(), *data.targets.values(), *weights, data.rows):
                tensor.record_stream(current)
        return data


def sent(tensor: Tensor, device: torch.device) -> Tensor:
    """A tensor on a device. Of one that comes from the host to CUDA the host waits for nothing: it leaves from pinned memory.

    That memory is not used again before the copy is done: torch's allocator of it looks after that.
    """
    if device.type != "cuda" or tensor.device.type != "cpu":
        return tensor.to(device)
    return tensor.pin_memory().to(device, non_blocking=True)


def row_bytes(data: TensorData) -> int:
    """Bytes of a row; of the mean one where rows differ in length."""
    tensors = [*data.inputs.values(), *data.targets.values(), data.numbers[:1]]
    stored = sum(rows.row_bytes for rows in (*data.stored.values(), *data.stored_targets.values()))
    return sum(tensor[:1].numel() * tensor.element_size() for tensor in tensors) + stored
