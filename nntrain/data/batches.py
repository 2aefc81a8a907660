"""Rows as tensors, and the order in which they are used: a function of (seed, epoch), so that any step can be reached at once.

Inputs elsewhere than in memory (`TensorData.streamed`) are read when their batch comes; for rows in blocks see `nntrain.data.blockwise`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise, repeat
from typing import Final

import torch
from torch import Tensor

from nntrain.data.augmentation.draws import Augment
from nntrain.data.augmentation.views import Views
from nntrain.data.mask_rows import shown_target
from nntrain.data.moving import arrived, arriving, row_bytes, sent
from nntrain.data.orders import Redrawn, shown_order
from nntrain.data.packed import LENGTHS, Stored, StoredTarget, cut
from nntrain.data.packed_graphs import part_of_graphs
from nntrain.data.packed_sounds import stored_tensors
from nntrain.data.pixels import PixelScaling, are_kept
from nntrain.data.row_numbers import RowNumbers
from nntrain.data.scored_units import Units
from nntrain.data.streaming import Streamed
from nntrain.modules.narrow import wide
from nntrain.specs import GRAPH

CHUNK_BYTES: Final = 2**20
"""Rows are gathered in pieces of about this size and then cut into batches, which is cheaper than one gather a batch."""

TURN: Final = 2**40
"""More rows than any source has: what is added to the number of a row each time that an epoch shows it again."""


@dataclass(frozen=True, slots=True)
class Partner:
    """The rows that the rows of a batch were mixed with."""

    targets: Mapping[str, Tensor]
    """Their targets, `[B, …]`, where these cannot be averaged."""
    share: float
    """How much a row counts; its partner counts the rest."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows of one step, or of a part of it."""

    inputs: Mapping[str, Tensor]
    """By field `[B, …]`; `@number` float32 `[B, F]`, `@category` int64 `[B, C]`. Rows of different lengths are padded to the longest of the
    batch, `[B, T, F]`, with `<field>.lengths` int64 `[B]` beside them. Where rows are graphs, all are of their nodes, `[S, …]`, and
    `@graph.edges` int64 `[2, E]`, `@graph.weights` float32 `[E]` and `@graph.lengths` int64 `[B]` say how these belong together, and
    `@graph.pairs` int64 `[2, P]` which two nodes are asked for, where edges are predicted."""
    targets: Mapping[str, Tensor]
    """By field: int64 `[B]` classes, float32 `[B]` 0 or 1, float32 `[B]`, `[B, F]` or `[B, C, H, W]` scaled values. Of rows with a value of
    each step, `[B, T]` or `[B, T, F]`, or of each node, `[S]` or `[S, F]`, or of each pair, `[P]`: what is -1 (a class) or NaN (a
    value) counts nothing, as what is padded behind a row's end."""
    weights: Tensor | None
    """Float32 `[B]`."""
    rows: Tensor
    """Int64 `[B]`, of which the random draws of a row are a function: row numbers in the source, from 0. Where an epoch shows a row again,
    it has another number each time."""
    partner: Partner | None = None
    """What the rows were mixed with, where they were."""
    choice: Tensor | None = None
    """Int64 `[B]`, where outputs `[B, K]` hold a value of each of K choices: the one that the target of a row is the value of, as the
    others were not made and nobody knows theirs. `None`: targets are of the whole output."""
    goes_on: Tensor | None = None
    """Whether each row goes on where the one at the same place of the batch before has ended, bool `[B]`; `None` where rows stand alone."""
    lane: int = 0
    """Place of the first row among those of its step, where rows go on from others."""
    views: tuple[Mapping[str, Tensor], ...] = ()
    """Of each further view of the rows the inputs that it shows otherwise."""

    def __len__(self) -> int:
        return self.rows.shape[0]

    def cut(self, edges: Sequence[int]) -> tuple[Batch, ...]:
        """Cut into parts that begin at these rows, of which the first is 0 and the last the end."""
        return (self,) if len(edges) == 2 else tuple(self._part(start, end) for start, end in pairwise(edges))

    def split(self, rows: int) -> tuple[Batch, ...]:
        """Cut into parts of `rows` rows; a last part of one row is merged into the one before, unless all have one."""
        return self.cut(batch_edges(len(self), rows))

    def _part(self, start: int, end: int) -> Batch:
        nodes = self.inputs.get(LENGTHS.format(GRAPH))
        if nodes is None:
            inputs = cut({name: tensor[start:end] for name, tensor in self.inputs.items()})
            targets = {name: tensor[start:end] for name, tensor in self.targets.items()}
        else:
            inputs = part_of_graphs(self.inputs, nodes, start, end)
            whole = {name: tensor[start:end] for name, tensor in self.targets.items() if len(tensor) == len(self)}
            targets = part_of_graphs({name: self.targets[name] for name in self.targets if name not in whole}, nodes, start, end) | whole
        return Batch(
            inputs,
            targets,
            None if self.weights is None else self.weights[start:end],
            self.rows[start:end],
            None
            if self.partner is None
            else Partner({name: tensor[start:end] for name, tensor in self.partner.targets.items()}, self.partner.share),
            None if self.choice is None else self.choice[start:end],
            goes_on=None if self.goes_on is None else self.goes_on[start:end],
            lane=self.lane + start,
        )


@dataclass(frozen=True, slots=True)
class TensorData:
    """All rows of a split; the fields are those of a batch, but for inputs whose rows differ in length or are not in memory."""

    inputs: Mapping[str, Tensor]
    targets: Mapping[str, Tensor]
    """By field; classes of rows that are streamed in blocks may be narrower than those of a batch."""
    weights: Tensor | None
    numbers: Tensor | RowNumbers
    """Of the rows in the source, int64 or int32 `[N]`; a bit for each row of the source where they are streamed in blocks."""
    stored: Mapping[str, Stored] = field(default_factory=dict[str, Stored])
    """Inputs that are kept in another form, by field: rows of different lengths, windows over rows."""
    pixels: Mapping[str, PixelScaling] = field(default_factory=dict[str, PixelScaling])
    """How image inputs, uint8 or in [0, 1], become what the network reads, by field."""
    stored_targets: Mapping[str, StoredTarget] = field(default_factory=dict[str, StoredTarget])
    """The same of targets."""
    target_pixels: Mapping[str, PixelScaling] = field(default_factory=dict[str, PixelScaling])
    """The same as `pixels`, of targets that are images."""
    streamed: Streamed | None = None
    """Inputs that are read when their batch comes."""
    overlap: int = 1
    """Rows in a row that overlap, as windows over a text do that begin a token apart: an epoch shows one of so many."""
    lanes: int | None = None
    """Stretches in which the rows are walked side by side, where what a network remembers of a row is carried over to the next."""
    units: Units | None = None
    """What is scored of a whole split whose rows have several values; `None`: its rows."""
    always: Augment | None = None
    """Changes that every batch shows for which no others are given: those of views that are measured."""
    redrawn: Redrawn | None = None
    """What of the rows is drawn anew for each epoch; `None` for rows that stay as they are."""
    home: torch.device | None = None
    """Where batches are, which are moved there; `None`: where the rows lie."""

    @property
    def device(self) -> torch.device:
        """Where batches are."""
        return self.numbers.device if self.home is None else self.home

    @property
    def rows(self) -> Tensor:
        """Numbers of the rows in the source, int64 or int32 `[N]`."""
        return self.numbers if isinstance(self.numbers, Tensor) else self.numbers[:]

    def in_epoch(self, *, seed: int, epoch: int) -> TensorData:
        """The rows as an epoch shows them."""
        return self if self.redrawn is None else self.redrawn.at(self, seed=seed, epoch=epoch)

    @property
    def scored(self) -> Tensor:
        """The numbers in the source of what is scored, int64: of units, else of the rows."""
        return self.rows if self.units is None else self.units.scored

    @property
    def predicted(self) -> Tensor:
        """The numbers in the source of what is predicted, in the order of predictions, int64: of units, else of the rows."""
        return self.rows if self.units is None else self.units.predicted

    def __len__(self) -> int:
        return len(self.numbers)

    def take(self, index: Tensor) -> TensorData:
        """Some rows, by position `[M]`."""
        there = sent(index, self.numbers.device)  # those that know where rows begin, or read them, know it here
        return TensorData(
            {name: tensor.index_select(0, there) for name, tensor in self.inputs.items()},
            {name: tensor.index_select(0, there) for name, tensor in self.targets.items()},
            None if self.weights is None else self.weights.index_select(0, there),
            self.numbers.index_select(0, there if isinstance(self.numbers, Tensor) else index),
            {name: rows.take(index) for name, rows in self.stored.items()},
            self.pixels,
            {name: rows.take(index) for name, rows in self.stored_targets.items()},
            target_pixels=self.target_pixels,
            streamed=None if self.streamed is None else self.streamed.take(index),
            lanes=self.lanes,
            always=self.always,
            home=self.home,
        )

    def to(self, device: torch.device | str) -> TensorData:
        """The same rows on a device."""
        return TensorData(
            {name: tensor.to(device) for name, tensor in self.inputs.items()},
            {name: tensor.to(device) for name, tensor in self.targets.items()},
            None if self.weights is None else self.weights.to(device),
            self.numbers.to(device),
            {name: rows.to(device) for name, rows in self.stored.items()},
            {name: scaling.to(device) for name, scaling in self.pixels.items()},
            {name: rows.to(device) for name, rows in self.stored_targets.items()},
            target_pixels={name: scaling.to(device) for name, scaling in self.target_pixels.items()},
            streamed=self.streamed,
            overlap=self.overlap,
            lanes=self.lanes,
            units=self.units,
            always=self.always,
            redrawn=self.redrawn,
        )

    @property
    def shown(self) -> int:
        """Rows that an epoch shows."""
        return len(self) // self.overlap

    def once(self) -> TensorData:
        """The rows without those that overlap others: all there is, once."""
        return self if self.overlap == 1 else self.take(torch.arange(0, len(self), self.overlap))

    def loaded(self) -> TensorData:
        """The same rows with all inputs in memory. Raises `DataError` where a row can't be read."""
        if self.streamed is None:
            return self
        return self.streamed.store.filled(self, self.streamed.load())

    @property
    def in_blocks(self) -> bool:
        """Whether inputs are read a block of rows at a time."""
        return self.streamed is not None and self.streamed.store.in_blocks

    def head(self, rows: int) -> TensorData:
        """The first rows."""
        return self.narrow(0, min(rows, len(self)))

    def narrow(self, start: int, end: int) -> TensorData:
        """The rows from `start` to before `end`, without a copy."""
        return TensorData(
            {name: tensor[start:end] for name, tensor in self.inputs.items()},
            {name: tensor[start:end] for name, tensor in self.targets.items()},
            None if self.weights is None else self.weights[start:end],
            self.numbers[start:end],
            {name: rows.narrow(start, end) for name, rows in self.stored.items()},
            self.pixels,
            {name: rows.narrow(start, end) for name, rows in self.stored_targets.items()},
            target_pixels=self.target_pixels,
            streamed=None if self.streamed is None else self.streamed.narrow(start, end),
            lanes=self.lanes,
            always=self.always,
            home=self.home,
        )

    def batch(
        self, start: int, end: int, augment: Augment | None = None, read: Mapping[str, Tensor] | None = None, views: Views | None = None
    ) -> Batch:
        """The rows from `start` to before `end` as a batch.

        Args:
            start: The first row, by position.
            end: The row after the last.
            augment: Changes images before they are normalised.
            read: Inputs of the batch that are not in memory, `[B, …]`; they are read now where they are not given.
            views: Further views that the batch is to have.
        """
        part, augment = arrived(self.narrow(start, end)), self.always if augment is None else augment
        if part.streamed is not None:
            part = part.loaded() if read is None else part.streamed.store.filled(part, read)
        inputs = dict(part.inputs)
        unit = {name: scaling.unit(inputs[name]) for name, scaling in part.pixels.items()}
        for name, images in unit.items():
            inputs[name] = part.pixels[name].normalize(images if augment is None else augment(name, images, part.rows))
        for name, rows in part.stored.items():
            inputs |= stored_tensors(name, rows, part.rows, augment)
        is_changed = part.target_pixels or part.stored_targets
        targets = {name: shown_target(part, name, augment) for name in part.target_names} if is_changed else part.targets
        return Batch(inputs, targets, part.weights, part.rows, views=() if views is None else views.shown(unit, part.pixels))

    def is_plain(self, augment: Augment | None = None) -> bool:
        """Whether a batch with these changes is nothing but slices of the tensors here."""
        if self.streamed is not None or self.stored or self.stored_targets or self.target_pixels:
            return False
        return not self.pixels or (augment is None and self.always is None and are_kept(self.pixels, self.inputs))

    def plain_batches(self, edges: Sequence[int], before: int = 0) -> Iterator[Batch]:
        """Batches of plain rows that begin at `edges`, in which the first row here has the number `before`: slices made in one call."""
        if len(edges) < 2:
            return
        sizes = [end - start for start, end in pairwise(edges)]
        start, count = edges[0] - before, edges[-1] - edges[0]

        def sliced(tensor: Tensor) -> Sequence[Tensor]:
            return torch.split(tensor.narrow(0, start, count), sizes)

        inputs, targets = ({name: sliced(tensor) for name, tensor in table.items()} for table in (self.inputs, self.targets))
        weights = repeat(None) if self.weights is None else sliced(self.weights)
        for place, (own, rows) in enumerate(zip(weights, sliced(self.rows), strict=False)):
            read = {name: parts[place] for name, parts in inputs.items()}
            yield Batch(read, {name: parts[place] for name, parts in targets.items()}, own, rows)

    @property
    def target_names(self) -> tuple[str, ...]:
        """All targets."""
        return (*self.targets, *self.stored_targets)

    def target(self, name: str) -> Tensor:
        """A target of all rows as the losses read it, `[N, …]`, padded where rows differ in length."""
        if name in self.stored_targets:
            return self.stored_targets[name].tensors(name)[name]
        scaling, values = self.target_pixels.get(name), wide(self.targets[name])
        return values if scaling is None else scaling.normalize(scaling.unit(values))

    @property
    def values_per_row(self) -> int:
        """Input values of a row in a batch; of the longest where rows differ in length."""
        single = sum(tensor[:1].numel() for tensor in self.inputs.values())
        single += 0 if self.streamed is None else self.streamed.store.values_per_row
        return single + sum(rows.values_per_row for rows in self.stored.values())


def num_batches(total: int, rows: int) -> int:
    """Batches of an epoch of `total` rows; a last batch of one row is merged into the one before, unless all have one."""
    return len(batch_edges(total, rows)) - 1


def ordered_batches(  # noqa: PLR0913 (rows, their order and how they are cut)
    data: TensorData,
    rows: int,
    order: Tensor,
    *,
    start: int = 0,
    augment: Augment | None = None,
    turns: Tensor | None = None,
    edges: Sequence[int] | None = None,
    views: Views | None = None,
) -> Iterator[Batch]:
    """Batches in some order.

    Args:
        data: The training rows.
        rows: Rows of a batch; about so many where `edges` say how many.
        order: Positions in `data`, int64 `[N]` on the CPU.
        start: Batches to be left out at the beginning; costs no more for many than for few.
        augment: Changes images, each as its row says.
        turns: How often each position came before, int64 `[N]` on the CPU; `None` for an order without repetitions.
        edges: Where batches begin, and the end; `None` for `rows` rows each, where a last batch of one row is merged into the one before.
        views: Further views that the batches are to have.
    """
    edges = batch_edges(len(order), rows) if edges is None else edges
    reads = _reads(data, len(edges) - 1 - start, lambda batch: order[edges[start + batch] : edges[start + batch + 1]])
    # Chunks begin at fixed batches, wherever the epoch is entered: memory alignment, on which the last bit of a sum may
    # depend, is then the same for a resumed run.
    per_chunk = max(1, CHUNK_BYTES // max(1, row_bytes(data) * rows))
    firsts = range(start // per_chunk * per_chunk, len(edges) - 1, per_chunk)
    spans = (slice(edges[first], edges[min(first + per_chunk, len(edges) - 1)]) for first in firsts)
    chunks = arriving((_gathered(data, order[span], None if turns is None else turns[span]) for span in spans), data.home)
    for first, chunk in zip(firsts, chunks, strict=True):
        if chunk.is_plain(augment) and views is None:
            yield from chunk.plain_batches(edges[max(first, start) : first + per_chunk + 1], edges[first])
            continue
        for batch in range(max(first, start), min(first + per_chunk, len(edges) - 1)):
            yield chunk.batch(edges[batch] - edges[first], edges[batch + 1] - edges[first], augment, next(reads), views)


def _gathered(data: TensorData, order: Tensor, turns: Tensor | None) -> TensorData:
    chunk = data.take(order)
    return chunk if turns is None else replace(chunk, numbers=chunk.rows + TURN * sent(turns, chunk.rows.device))


def epoch_batches(data: TensorData, rows: int, *, seed: int, epoch: int, start: int = 0) -> Iterator[Batch]:
    """The batches of an epoch in its own random order, from batch `start` on."""
    if data.in_blocks:
        from nntrain.data.blockwise.batches import shuffled_batches

        return shuffled_batches(data, rows, seed=seed, epoch=epoch, start=start)
    return ordered_batches(data, rows, shown_order(data, seed=seed, epoch=epoch), start=start)


def plain_batches(data: TensorData, rows: int, views: Views | None = None) -> Iterator[Batch]:
    """Batches in the order of the data, for evaluation."""
    if data.in_blocks:
        from nntrain.data.blockwise.batches import rows_as_they_are

        yield from rows_as_they_are(data, rows, views)
    elif data.home is None and views is None and data.is_plain():
        yield from data.plain_batches([*range(0, len(data), rows), len(data)])
    else:
        starts = range(0, len(data), rows)
        reads = _reads(data, len(starts), lambda batch: torch.arange(starts[batch], min(starts[batch] + rows, len(data))))
        for part in arriving((data.narrow(start, min(start + rows, len(data))) for start in starts), data.home):
            yield part.batch(0, len(part), read=next(reads), views=views)


def _reads(data: TensorData, count: int, positions: Callable[[int], Tensor]) -> Iterator[Mapping[str, Tensor] | None]:
    """Of each batch the inputs that are not in memory; `positions` says which rows it has."""
    return repeat(None) if data.streamed is None else data.streamed.batches(positions, count)


def batch_edges(total: int, rows: int) -> list[int]:
    """Where batches begin, and the end of the last."""
    edges = [*range(0, total, rows), total]
    if rows > 1 and len(edges) > 2 and edges[-1] - edges[-2] == 1:
        del edges[-2]
    return edges
