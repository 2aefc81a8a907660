"""Batches of rows that lie in blocks: a stretch of them is read at a time, and each block once."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Final, cast

import torch

from nntrain.data.batches import Batch, TensorData, batch_edges
from nntrain.data.blockwise.order import Span, Stretches, spans_of
from nntrain.data.blockwise.store import BlockStore, joined
from nntrain.modules.narrow import wide

if TYPE_CHECKING:
    from nntrain.data.augmentation.draws import Augment
    from nntrain.data.augmentation.views import Views
    from nntrain.data.bucketing import LaterBuckets
    from nntrain.data.streaming import Request, Streamed

TRIMMED: Final = 2
"""Stretches after which the heap gives back what is free in it: each is read and encoded in pieces of several sizes."""


def shuffled_batches(  # noqa: PLR0913 (rows, their order and how they are cut)
    data: TensorData,
    rows: int,
    *,
    seed: int,
    epoch: int,
    start: int = 0,
    augment: Augment | None = None,
    buckets: LaterBuckets | None = None,
) -> Iterator[Batch]:
    """The batches of an epoch in its own random order, from batch `start` on, which costs no more than batch 0.

    Args:
        data: The training rows, in blocks.
        rows: Rows of a batch; a last batch of one row is merged into the one before.
        seed: Seed of the experiment.
        epoch: The epoch.
        start: Batches that are left out.
        augment: Changes images, each as its row says.
        buckets: Puts rows of similar length together within a stretch.
    """
    streamed, store = _in_blocks(data)
    stretches = Stretches.shuffled(_spans(streamed, store), store.stretch_rows, seed=seed, epoch=epoch)

    def by_length(chunk: TensorData, first: int, number: int) -> TensorData:
        assert buckets is not None
        return chunk.take(buckets.order(chunk, first, seed=seed, epoch=epoch, number=number))

    sorting = None if buckets is None else by_length
    return _batches(data, stretches, batch_edges(len(data), rows), start, augment, sorting=sorting)


def rows_as_they_are(data: TensorData, rows: int, views: Views | None) -> Iterator[Batch]:
    """The batches of all rows in their order, for evaluation."""
    streamed, store = _in_blocks(data)
    stretches = Stretches.plain(_spans(streamed, store), store.read_rows)
    return _batches(data, stretches, [*range(0, len(data), rows), len(data)], views=views)


def targets_alone(data: TensorData, rows: int) -> Iterator[Batch]:
    """The same for who looks at targets alone: no block is read."""
    for start in range(0, len(data), rows):
        end = min(start + rows, len(data))
        targets = {name: wide(values[start:end]) for name, values in data.targets.items()}
        yield Batch({}, targets, None if data.weights is None else data.weights[start:end], data.numbers[start:end].long())


Sorted = Callable[["TensorData", int, int], "TensorData"]
"""Puts the rows of a stretch in another order, from the first on that begins a batch; its number is the last argument."""


def _batches(  # noqa: PLR0913 (rows, their order and how they are cut)
    data: TensorData,
    stretches: Stretches,
    edges: Sequence[int],
    start: int = 0,
    augment: Augment | None = None,
    views: Views | None = None,
    sorting: Sorted | None = None,
) -> Iterator[Batch]:
    """Batches that begin at `edges` of the order, from number `start` on."""
    if start >= len(edges) - 1:
        return
    streamed, store = _in_blocks(data)
    first, batch = stretches.at(edges[start]), start

    def wanted(place: int) -> Request:
        return store.request(streamed.places.index_select(0, stretches.positions(first + place)))

    found = streamed.reading.read(wanted, len(stretches) - first, TRIMMED)
    begun: list[TensorData] = []
    for stretch, inputs in enumerate(found, first):
        begin, end = stretches.edges[stretch], stretches.edges[stretch + 1]
        # A stretch is used from its beginning, wherever the epoch is entered: memory alignment, on which the last bit of a sum may
        # depend, is then the same for a resumed run.
        chunk = store.filled(data.take(stretches.positions(stretch)), inputs)
        if sorting is not None:
            chunk = sorting(chunk, min(edges[bisect_left(edges, begin)], end) - begin, stretch)
        while batch < len(edges) - 1 and edges[batch + 1] <= end:
            if begun:
                part = joined([*begun, chunk.narrow(0, edges[batch + 1] - begin)])
                begun = []
                yield part.batch(0, len(part), augment, views=views)
            else:
                yield chunk.batch(edges[batch] - begin, edges[batch + 1] - begin, augment, views=views)
            batch += 1
        if batch < len(edges) - 1 and edges[batch] < end:
            begun.append(chunk.take(torch.arange(max(edges[batch] - begin, 0), end - begin)))


def _in_blocks(data: TensorData) -> tuple[Streamed, BlockStore]:
    assert data.streamed is not None
    return data.streamed, cast("BlockStore", data.streamed.store)


def _spans(streamed: Streamed, store: BlockStore) -> list[Span]:
    return spans_of(streamed.places, store.starts)
