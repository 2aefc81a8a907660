"""Sums the gradients of several processes: in memory that they share, or in buckets that are sent while the backward pass still runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, cast

import torch
import torch.distributed as c10d
from torch import Tensor

from nntrain.training.peers import told_as_lost
from nntrain.training.shared_memory import Machine, SharedSums

BUCKET_BYTES: Final = 25 * 2**20
"""Gradients that are sent at once; what torch's DistributedDataParallel takes."""
FIRST_BYTES: Final = 2**20
"""The same of the first bucket, as there: it is sent early, while most of the backward pass is still to come."""
MOST_SHARED: Final = 256 * 2**20
"""Bytes of gradients up to which processes share memory for them: it takes as much again of each, and for the sums, and for what is done
with these. Larger networks compute longer than they send. The order in which more than two are summed hangs on it: part of a run's bits."""


@dataclass(slots=True)
class _Bucket:
    """Some parameters, and one piece of memory into which their gradients are added."""

    parameters: list[Tensor]
    views: list[Tensor]
    """Of each parameter its place in the memory, with the strides of the parameter."""
    buffer: Tensor
    """The gradients; behind them the marks, and in the last bucket what else is summed."""
    marks: Tensor
    """Whether this process has a gradient of each parameter, 0 or 1."""
    sums: Tensor
    """The sums of the buffers of all processes; the buffer itself where it is sent."""
    summed: list[Tensor]
    """As `views`, of the sums."""
    has: list[bool]
    """The marks, on the CPU."""
    waiting: int = 0
    """Parameters whose gradient is still to come in the last backward pass of the step."""
    work: c10d.Work | None = None


class Reducer:
    """The gradients of the parameters that an optimizer moves. All processes make it of the same parameters, in the same order."""

    def __init__(self, parameters: Sequence[Tensor], extras: int, machine: Machine | None = None) -> None:
        """Take the memory.

        Args:
            parameters: Those that are trained.
            extras: How many numbers are summed beside the gradients.
            machine: The processes, where they can share memory; `None`: they send each other what is summed, as they do that of large
                networks.
        """
        self._extras = extras
        parts = _parts(parameters)
        if parts[-1][0].dtype != torch.float32:
            parts.append([])
        sizes = [(_size(part) + (extras if part is parts[-1] else 0), part[0].dtype if part else torch.float32) for part in parts]
        is_shared = sum(size * dtype.itemsize for size, dtype in sizes) <= MOST_SHARED
        self._shared = SharedSums(machine, sizes) if machine is not None and is_shared else None
        sums = [torch.zeros(size, dtype=dtype, device=parameters[0].device) for size, dtype in sizes]
        buffers = sums if self._shared is None else self._shared.own
        self._buckets = [_bucket(*each) for each in zip(parts, buffers, sums, strict=True)]
        self._places = {parameter: (bucket, place) for bucket in self._buckets for place, parameter in enumerate(bucket.parameters)}
        self._hooked: set[Tensor] = set()
        self._next = 0
        self._is_last = False

    def begin(self) -> None:
        """Before the first backward pass of a step: no parameter has a gradient."""
        for bucket in self._buckets:
            bucket.buffer.zero_()
            bucket.has = [False] * len(bucket.parameters)
            for parameter, view in zip(bucket.parameters, bucket.views, strict=True):
                if parameter.requires_grad:
                    parameter.grad = view
                    if parameter not in self._hooked:  # one that was frozen until now has none
                        parameter.register_post_accumulate_grad_hook(self._arrived)
                        self._hooked.add(parameter)
        self._is_last = False

    def begin_last(self) -> None:
        """Before the last backward pass of a step: gradients are sent as soon as they are whole."""
        self._next, self._is_last = 0, True
        for bucket in self._buckets:
            bucket.waiting = sum(parameter.requires_grad for parameter in bucket.parameters)

    def _arrived(self, parameter: Tensor) -> None:
        bucket, place = self._places[parameter]
        bucket.has[place] = True
        if not self._is_last or self._shared is not None:
            return
        bucket.waiting -= 1
        while self._next < len(self._buckets) - 1 and self._buckets[self._next].waiting == 0:  # the last one waits for the extras
            self._send(self._buckets[self._next])
            self._next += 1

    def _send(self, bucket: _Bucket) -> None:
        """Begin to sum; all processes send their buckets in the same order."""
        _mark(bucket)
        bucket.work = c10d.all_reduce(bucket.buffer, async_op=True)

    def finish(self, extras: Tensor) -> Tensor:
        """After the last backward pass: the sums of the extras, `[E]`; each parameter has the sum of its gradients.

        One that no process has a gradient of has none.

        Raises:
            PeerLostError: Another process is gone.
        """
        self._is_last = False
        last = self._buckets[-1]
        last.buffer[len(last.buffer) - self._extras :] = extras
        if self._shared is None:
            self._wait()
        else:
            self._add_up(self._shared)
        for bucket in self._buckets:
            if not all(bucket.has):
                _drop_missing(bucket)
        return last.sums[len(last.sums) - self._extras :].clone()

    def _wait(self) -> None:
        """Send what is left, and wait for the sums."""
        with told_as_lost():
            for bucket in self._buckets[self._next :]:
                self._send(bucket)
            for bucket in self._buckets:
                assert bucket.work is not None
                bucket.work.wait()
                bucket.work = None

    def _add_up(self, shared: SharedSums) -> None:
        """Sum in shared memory; gradients lie outside of it then, as what shapes them changes them in place."""
        for bucket in self._buckets:
            _mark(bucket)
        shared.add_up([bucket.sums for bucket in self._buckets])
        for bucket in self._buckets:
            for parameter, gradient in zip(bucket.parameters, bucket.summed, strict=True):
                if parameter.requires_grad:
                    parameter.grad = gradient


def _mark(bucket: _Bucket) -> None:
    if all(bucket.has):
        bucket.marks.fill_(1.0)
    else:
        bucket.marks.copy_(torch.tensor(bucket.has))


def _drop_missing(bucket: _Bucket) -> None:
    """Take the gradient from parameters that no process has one of: an optimizer leaves these as they are."""
    doubtful = [
        (place, parameter)
        for place, (parameter, has) in enumerate(zip(bucket.parameters, bucket.has, strict=True))
        if not has and parameter.requires_grad
    ]
    total = sum(parameter.numel() for parameter in bucket.parameters)
    counts = cast("list[float]", bucket.sums[total : total + len(bucket.parameters)].tolist()) if doubtful else []
    for place, parameter in doubtful:
        if not counts[place]:
            parameter.grad = None


def _parts(parameters: Sequence[Tensor]) -> list[list[Tensor]]:
    """The parameters in the order in which gradients arrive, about the reverse of theirs, cut into buckets of one type."""
    parts: list[list[Tensor]] = []
    size = 0
    for parameter in reversed(parameters):
        if not parts or parts[-1][0].dtype != parameter.dtype or size >= (FIRST_BYTES if len(parts) == 1 else BUCKET_BYTES):
            parts.append([])
            size = 0
        parts[-1].append(parameter)
        size += parameter.nbytes
    return parts


def _size(parameters: Sequence[Tensor]) -> int:
    """Numbers of a bucket: of its gradients, and a mark for each parameter."""
    return sum(parameter.numel() for parameter in parameters) + len(parameters)


def _bucket(parameters: list[Tensor], buffer: Tensor, sums: Tensor) -> _Bucket:
    total = sum(parameter.numel() for parameter in parameters)
    marks = buffer[total : total + len(parameters)]
    views, summed = _views(buffer, parameters), _views(sums, parameters)
    return _Bucket(parameters, views, buffer, marks, sums, summed, [False] * len(parameters))


def _views(buffer: Tensor, parameters: Sequence[Tensor]) -> list[Tensor]:
    """The places of parameters in the memory of their bucket."""
    views: list[Tensor] = []
    start = buffer.storage_offset()
    for parameter in parameters:
        views.append(buffer.as_strided(parameter.shape, parameter.stride(), start))
        start += parameter.numel()
    return views
