"""Memory that does not suffice: told in facts, or met by smaller micro-batches from that step on."""

from __future__ import annotations

import ctypes
import os
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import torch
from torch import Tensor

from nntrain.data.batches import Batch
from nntrain.errors import ResourceError
from nntrain.training.device import draws, restore_draws

Where = Literal["step", "update", "evaluation"]

LARGEST_KEPT: Final = 32 * 2**20
"""Bytes of a piece up to which it is kept; glibc takes no more."""
MOST_KEPT: Final = 512 * 2**20
"""Bytes that are kept in all, at the end of the heap."""

_MALLOC: Final = ("MALLOC_", "GLIBC_TUNABLES")
_M_TRIM_THRESHOLD: Final = -1
_M_MMAP_THRESHOLD: Final = -3
"""What <malloc.h> calls them."""

_REQUEST: Final = re.compile(r"[Tt]ried to allocate ([\d.]+) ?(bytes|KiB|MiB|GiB|TiB)")
_UNITS: Final = {"bytes": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40}


class ExhaustedError(ResourceError):
    """Memory ran out while a batch was computed; whoever knows the config says what to change."""

    def __init__(self, where: Where, rows: int, request: int | None, step: int | None) -> None:
        """Facts.

        Args:
            where: `step`: forward and backward pass; `update`: the optimizer, which does not depend on the batch; `evaluation`.
            rows: Rows of the batch.
            request: Bytes that could not be had, where torch says so.
            step: The step, from 0; `None` in an evaluation.
        """
        super().__init__(f"out of memory with {rows:,} rows at once", "a smaller data.batch_size")
        self.where, self.rows, self.request, self.step = where, rows, request, step


def settle_malloc() -> None:
    """Give the system back what preparing data has left free, and from then on keep what a step frees for the next one.

    glibc's malloc hands large tensors back to the system as soon as they are free, so that each step pays for its pages anew: a quarter
    of the time of a CNN with activations of 19 MB. With another C library, or where the environment says how malloc is to be, nothing is
    done.
    """
    library = ctypes.CDLL(None) if sys.platform == "linux" else None
    if not hasattr(library, "malloc_trim") or not hasattr(library, "mallopt") or any(name.startswith(_MALLOC) for name in os.environ):
        return
    asked: Any = library
    asked.malloc_trim(0)
    asked.mallopt(_M_MMAP_THRESHOLD, LARGEST_KEPT)
    asked.mallopt(_M_TRIM_THRESHOLD, MOST_KEPT)


@dataclass(slots=True)
class Portions:
    """How many rows are computed at once where `data.batch_size` does not fit. Decided once, when memory runs out, and saved."""

    halves: bool = False
    """Whether a smaller portion is tried at all."""
    least: int = 1
    """Fewest rows of a forward pass in training: batch norms need two."""
    rows: int | None = None
    """Rows of a forward pass in training; `None`: as the protocol cuts them."""
    evaluation_rows: int | None = None
    """Most rows of a forward pass in an evaluation; `None`: no limit of its own."""

    def cut(self, batches: tuple[Batch, ...]) -> tuple[Batch, ...]:
        """The batches of a step in parts that fit."""
        if self.rows is None:
            return batches
        rows = self.rows
        return tuple(part for batch in batches for part in batch.split(rows))

    def shrink(self, batches: Sequence[Batch]) -> bool:
        """Take half as many rows as these batches have from now on; whether there is a half."""
        rows = max(len(batch) for batch in batches)
        half = -(-rows // 2)
        if not self.halves or half == rows or half < self.least:
            return False
        self.rows = half
        return True

    def state(self) -> dict[str, Any]:
        """What was decided, as a plain tree."""
        return {"rows": self.rows, "evaluation_rows": self.evaluation_rows}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take back what `state` gave. Raises `LookupError`, or `ValueError` where it is something else."""
        for name in ("rows", "evaluation_rows"):
            value = state[name]
            if value is not None and (type(value) is not int or value < 1):
                raise ValueError(f"{name}: {value!r} is no count of rows")
            setattr(self, name, value)


@dataclass(slots=True)
class Before:
    """What a forward pass changes beside gradients: running statistics and the random numbers of dropout."""

    network: torch.nn.Module
    device: torch.device
    buffers: list[Tensor] = field(default_factory=list[Tensor])
    random: list[Tensor] = field(default_factory=list[Tensor])

    @classmethod
    def of(cls, network: torch.nn.Module, device: torch.device) -> Before:
        """Keep the present state: a copy of the buffers, and a few kilobytes."""
        return cls(network, device, [buffer.clone() for buffer in network.buffers()], draws(device))

    @torch.no_grad()
    def restore(self) -> None:
        """Put it back, bit for bit."""
        for buffer, value in zip(self.network.buffers(), self.buffers, strict=True):
            buffer.copy_(value)
        restore_draws(self.random, self.device)


def requested(text: str) -> int | None:
    """Bytes that torch's message says could not be had."""
    found = _REQUEST.search(text)
    return None if found is None else int(float(found[1]) * _UNITS[found[2]])


def release(network: torch.nn.Module, device: torch.device) -> None:
    """Give back what a failed step holds."""
    network.zero_grad(set_to_none=True)
    if device.type == "cuda":
        torch.cuda.empty_cache()
