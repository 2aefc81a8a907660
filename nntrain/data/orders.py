"""In which order rows come: functions of (seed, epoch)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol, cast

import numpy as np
import torch
from torch import Tensor

from nntrain.data.noise import derive_seed

if TYPE_CHECKING:
    from nntrain.data.batches import TensorData


MANY: Final = (2**32 - 1) // 20
"""Rows from which on torch makes a permutation of draws of 64 bits."""


class Redrawn(Protocol):
    """What of some rows is another in each epoch, as a function of (seed, epoch): pairs of nodes without an edge."""

    def at(self, data: TensorData, *, seed: int, epoch: int) -> TensorData:
        """The rows as an epoch shows them, on their device."""
        ...


def epoch_order(rows: int, *, seed: int, epoch: int) -> Tensor:
    """All positions in the random order of an epoch, int64 `[N]`."""
    return torch.randperm(rows, generator=torch.Generator().manual_seed(derive_seed(seed, "order", epoch)))


def drawn(rows: int, count: int, *, seed: int) -> Tensor:
    """Some positions of all, drawn at random, int64 `[count]`, rising: the first of torch's permutation of all.

    The first places of it are known after as many draws (Durstenfeld 1964), whatever comes later, and no other place is kept.
    """
    if rows >= MANY:
        few = torch.int32 if rows <= torch.iinfo(torch.int32).max else torch.int64  # the same draws, in half the memory
        found = torch.randperm(rows, generator=torch.Generator().manual_seed(seed), dtype=few)
        return found[:count].long().sort().values
    bits = np.frombuffer(np.random.RandomState(seed % 2**32).bytes(4 * count), dtype="<u4")
    moved: dict[int, int] = {}  # what stands at places of the permutation that do not hold their own number any more
    chosen: list[int] = []
    for place, number in enumerate(cast("list[int]", bits.tolist())):
        other = place + number % (rows - place)
        chosen.append(moved.get(other, other))
        moved[other] = moved.get(place, place)
    return torch.tensor(sorted(chosen), dtype=torch.int64)


def shown_order(data: TensorData, *, seed: int, epoch: int) -> Tensor:
    """The positions that an epoch shows in its random order, int64 `[N]`.

    All; of rows that overlap those that lie one behind another, from a place on that is drawn for the epoch.
    """
    order = epoch_order(data.shown, seed=seed, epoch=epoch)
    return order if data.overlap == 1 else order * data.overlap + derive_seed(seed, "first window", epoch) % data.overlap


def turns_of(order: Tensor) -> Tensor:
    """How often each position of an order came before in it, int64 `[N]`."""
    positions, places = order.sort(stable=True)
    turns = torch.empty_like(order)
    turns[places] = torch.arange(len(order)) - torch.searchsorted(positions, positions)
    return turns
