"""Rows that go on where others end, walked side by side: what a network remembers of one row is carried over to the next.

The rows are cut into stretches of one length, the lanes. Each batch has the next row of every lane, so that the row at some place of a
batch goes on where the one at the same place of the batch before has ended.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from nntrain.data.augmentation.views import Views
from nntrain.data.batches import Batch, TensorData, batch_edges, ordered_batches, plain_batches
from nntrain.data.bucketing import longest_first
from nntrain.data.moving import sent
from nntrain.data.noise import derive_seed


@runtime_checkable
class Following(Protocol):
    """Rows of which some begin where others end, such as windows over a text without overlap."""

    def follows(self) -> Tensor:
        """Whether each row begins where the one before it ends, bool `[N]`; the first does not."""
        ...

    def chained(self) -> Tensor:
        """Positions of the rows in an order in which those that go on from others stand right behind them, int64 `[N]`."""
        ...

    def take(self, index: Tensor) -> Following:
        """Some rows, by position."""
        ...


def lane_order(rows: int, lanes: int) -> Tensor:
    """Positions in the order in which lanes are walked, int64 `[N]`: the first row of each lane, then the second of each.

    Where the rows can't be shared out evenly the first lanes have one more, and the last batch has these alone.
    """
    lanes = min(lanes, rows)
    length, longer = divmod(rows, lanes)
    starts = torch.arange(lanes) * length + torch.arange(lanes).clamp(max=longer)
    order = (starts + torch.arange(length)[:, None]).flatten()
    return torch.cat([order, starts[:longer] + length])


def num_lane_batches(rows: int, lanes: int) -> int:
    """Batches in which lanes are walked."""
    return -(-rows // min(lanes, rows))


def lane_batches(data: TensorData, lanes: int, *, start: int = 0) -> Iterator[Batch]:
    """All rows in lanes, from batch `start` on."""
    chain, order = _chain(data), lane_order(len(data), lanes)
    lanes = min(lanes, len(data))
    follows = _follows(data, chain)[order]
    order = chain[order]
    follows[:lanes] = False
    edges = [*range(0, len(data), lanes), len(data)]
    for step, batch in enumerate(ordered_batches(data, lanes, order, start=start, edges=edges), start):
        yield replace(batch, goes_on=sent(follows[step * lanes : (step + 1) * lanes], data.device))


def shown_once(data: TensorData, *, seed: int, epoch: int) -> TensorData:
    """The rows that an epoch shows, one behind another: of rows that overlap those from a place on that is drawn for the epoch."""
    if data.overlap == 1:
        return data
    first = derive_seed(seed, "first window", epoch) % data.overlap
    return data.take(torch.arange(first, data.shown * data.overlap, data.overlap))


def read_batches(data: TensorData, rows: int, views: Views | None = None) -> Iterator[Batch]:
    """Batches of at most `rows` rows for a network to read: in lanes where what it remembers is carried, else in the order of the data.

    Rows of different lengths are read by length, as less of them is padding then, where there are no further views of their images.
    """
    if data.lanes is None:
        order = longest_first(data) if views is None else None
        if order is None:
            yield from plain_batches(data, rows, views)
        else:
            yield from ordered_batches(data, rows, order, edges=[*range(0, len(data), rows), len(data)])
        return
    for batch in lane_batches(data, data.lanes):
        yield from batch.split(rows)


def drawn_batches(data: TensorData, rows: int, views: Views | None = None, *, times: int = 1) -> Iterator[Batch]:
    """Batches for losses that compare the rows of a batch: in one drawn order, which is a function of the number of rows alone.

    In the order of a file all rows of a batch may be of one class. A last batch of one row is merged into the one before, as in training.
    Where rows go on from others they come in lanes, as for any loss.

    Args:
        data: The rows, of which each stands there `times` times, one after another.
        rows: Different rows of a batch.
        views: Further views of the rows.
        times: How often each stands there; all of these are in one batch.
    """
    if data.lanes is not None:
        yield from read_batches(data, rows * times, views)
        return
    count = len(data) // times
    order = torch.randperm(count, generator=torch.Generator().manual_seed(derive_seed(0, "compared rows", count)))
    order = (order.unsqueeze(1) * times + torch.arange(times)).flatten()
    edges = [edge * times for edge in batch_edges(count, rows)]
    yield from ordered_batches(data, rows * times, order, edges=edges, views=views)


def places(data: TensorData, views: Views | None = None) -> Tensor | None:
    """Where the rows of the data are among those that `read_batches` gives, int64 `[N]`; `None` where they are in order."""
    if data.lanes is not None:
        return _chain(data)[lane_order(len(data), data.lanes)].argsort()
    order = longest_first(data) if views is None else None
    return None if order is None else order.argsort()


def goes_on(data: TensorData) -> bool:
    """Whether any row goes on from another."""
    return bool(_follows(data, _chain(data))[1:].any())


def _chain(data: TensorData) -> Tensor:
    """Positions of the rows series by series: in the data those of several series may take turns, as they do in time."""
    first = next((rows for rows in data.stored.values() if isinstance(rows, Following)), None)
    return torch.arange(len(data)) if first is None else first.chained().cpu()


def _follows(data: TensorData, chain: Tensor) -> Tensor:
    """Whether each row goes on from the one before it, in some order."""
    found = [rows.take(chain.to(data.rows.device)).follows().cpu() for rows in data.stored.values() if isinstance(rows, Following)]
    return torch.stack(found).all(0) if found else torch.zeros(len(data), dtype=torch.bool)
