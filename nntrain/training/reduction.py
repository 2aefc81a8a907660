"""Sums the gradients of several processes, in buckets that are sent while the backward pass still runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, cast

import torch
import torch.distributed as c10d
from torch import Tensor

from nntrain.training.peers import told_as_lost

BUCKET_BYTES: Final = 25 * 2**20
"""Gradients that are sent at once; what torch's DistributedDataParallel takes."""
FIRST_BYTES: Final = 2**20
"""The same of the first bucket, as there: it is sent early, while most of the backward pass is still to come."""


@dataclass(slots=True)
class _Bucket:
    """Some parameters, and one piece of memory into which their gradients are added."""

    parameters: list[Tensor]
    views: list[Tensor]
    """Of each parameter its place in the memory, with the strides of the parameter."""
    buffer: Tensor
    """The gradients; behind them the marks, and in the last bucket what else is summed."""
    marks: Tensor
    """Whether this process has a gradient of each parameter, 0 or 1; after the sum how many have one."""
    has: list[bool]
    """The same, on the CPU."""
    waiting: int = 0
    """Parameters whose gradient is still to come in the last backward pass of the step."""
    work: c10d.Work | None = None


class Reducer:
    """The gradients of the parameters that an optimizer moves. All processes make it of the same parameters, in the same order."""

    def __init__(self, parameters: Sequence[Tensor], extras: int) -> None:
        """Take the memory; `extras` are numbers that are summed beside the gradients."""
        self._extras = extras
        self._buckets = [_bucket(part, parameters[0].device, 0) for part in _parts(parameters)]
        self._places = {parameter: (bucket, place) for bucket in self._buckets for place, parameter in enumerate(bucket.parameters)}
        last = self._buckets[-1]
        if last.buffer.dtype == torch.float32:
            self._buckets[-1] = _bucket(last.parameters, last.buffer.device, extras)
            self._places |= {parameter: (self._buckets[-1], place) for place, parameter in enumerate(last.parameters)}
        else:
            self._buckets.append(_bucket([], parameters[0].device, extras))
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
        if not self._is_last:
            return
        bucket.waiting -= 1
        while self._next < len(self._buckets) - 1 and self._buckets[self._next].waiting == 0:  # the last one waits for the extras
            self._send(self._buckets[self._next])
            self._next += 1

    def _send(self, bucket: _Bucket) -> None:
        """Begin to sum; all processes send their buckets in the same order."""
        if all(bucket.has):
            bucket.marks.fill_(1.0)
        else:
            bucket.marks.copy_(torch.tensor(bucket.has))
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
        with told_as_lost():
            for bucket in self._buckets[self._next :]:
                self._send(bucket)
            for bucket in self._buckets:
                assert bucket.work is not None
                bucket.work.wait()
                bucket.work = None
        for bucket in self._buckets:
            if not all(bucket.has):
                _drop_missing(bucket)
        return last.buffer[len(last.buffer) - self._extras :].clone()


def _drop_missing(bucket: _Bucket) -> None:
    """Take the gradient from parameters that no process has one of: an optimizer leaves these as they are."""
    doubtful = [
        (place, parameter)
        for place, (parameter, has) in enumerate(zip(bucket.parameters, bucket.has, strict=True))
        if not has and parameter.requires_grad
    ]
    counts = cast("list[float]", bucket.marks.tolist()) if doubtful else []
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


def _bucket(parameters: list[Tensor], device: torch.device, extras: int) -> _Bucket:
    dtype = parameters[0].dtype if parameters else torch.float32
    total, count = sum(parameter.numel() for parameter in parameters), len(parameters)
    buffer = torch.zeros(total + count + extras, dtype=dtype, device=device)
    views: list[Tensor] = []
    start = 0
    for parameter in parameters:
        views.append(buffer.as_strided(parameter.shape, parameter.stride(), start))
        start += parameter.numel()
    return _Bucket(parameters, views, buffer, buffer[total : total + count], [False] * count)
