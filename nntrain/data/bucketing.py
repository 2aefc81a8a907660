"""Rows of similar length in one batch: less is padded. Composition and order of the batches are a function of (seed, epoch).

As in torchtext's BucketIterator and fairseq's `max_tokens`; every row is shown once an epoch, and rows of one length change their batches
from epoch to epoch. Of rows that lie in blocks the lengths are known once they are read: each stretch of them has buckets of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, cast

import torch
from torch import Tensor

from nntrain.data.batches import TensorData
from nntrain.data.noise import derive_seed
from nntrain.data.packed_sounds import ragged_lengths
from nntrain.errors import DataError

POOL: Final = 100
"""Batches whose rows are sorted by length together: the larger, the less is padded, and the less a batch is drawn at random."""


@dataclass(frozen=True, slots=True)
class Cut:
    """An order of rows, and where micro-batches of different numbers of rows begin in it."""

    order: Tensor
    """Positions, int64 `[N]` on the CPU."""
    edges: Sequence[int]
    """First row of each micro-batch, and the end of the last."""

    def steps(self, accumulate: int) -> list[int]:
        """First row of each step of so many micro-batches, and the end of the last."""
        return [*self.edges[:-1:accumulate], self.edges[-1]]

    def parts(self, step: int, accumulate: int) -> list[int]:
        """Where the micro-batches of a step begin in it, and its end."""
        own = self.edges[step * accumulate : (step + 1) * accumulate + 1]
        return [edge - own[0] for edge in own]


@dataclass(frozen=True, slots=True)
class Buckets:
    """How rows are put together by their lengths."""

    lengths: Tensor
    """Steps of each row in each field whose rows differ in length, int64 `[N, K]` on the CPU."""
    tokens: int | None = None
    """Most steps of a micro-batch, padding included; `None` where it has a number of rows."""

    @classmethod
    def of(cls, data: TensorData, told: Iterable[str], tokens: int | None) -> Buckets:
        """Of the inputs, and of the targets that the network is told.

        Raises:
            DataError: A row has more than `tokens` steps by itself.
        """
        ragged = _ragged(data, told)
        found = cls(torch.stack(list(ragged.values()), dim=1), tokens)
        if tokens is not None and found.longest > tokens:
            raise DataError(
                f"{', '.join(ragged)}: a training row has {found.longest:,} steps, and a batch at most {tokens:,} (data.batch.tokens)",
                f"fix:  data.batch.tokens: {found.longest} or more, or max_length for {next(iter(ragged))}",
            )
        return found

    @property
    def longest(self) -> int:
        """Steps of the longest row, of all fields together."""
        return max(int(self.lengths.sum(1).max()), 1)

    def num_batches(self, tokens: int) -> int:
        """Micro-batches of at most so many steps in an epoch."""
        return len(_edges(self.lengths[self._sorted(torch.arange(len(self.lengths)))], tokens)) - 1

    def order(self, order: Tensor, rows: int, *, seed: int, epoch: int) -> Tensor:
        """Positions of which each `rows` in a row are of similar length, in a random order of such batches, int64 `[N]`.

        Pools of `POOL` batches of the random order `[N]` of an epoch are sorted each; the rows that are left over stay the last.
        """
        whole = len(order) // rows * rows
        if not whole:
            return order
        pools = cast("tuple[Tensor, ...]", order[:whole].split(POOL * rows))
        batches = torch.cat([self._sorted(pool) for pool in pools]).view(-1, rows)
        shuffled = batches[torch.randperm(len(batches), generator=_generator(seed, epoch))]
        return torch.cat([shuffled.flatten(), order[whole:]])

    def cut(self, order: Tensor, tokens: int, *, seed: int, epoch: int) -> Cut:
        """Micro-batches of at most so many steps, in a random order; all rows are sorted, so that all epochs have the same number."""
        found = self._sorted(order)
        batches = [found[start:end] for start, end in pairwise(_edges(self.lengths[found], tokens))]
        places = cast("list[int]", torch.randperm(len(batches), generator=_generator(seed, epoch)).tolist())
        shuffled = [batches[place] for place in places]
        ends = torch.tensor([len(batch) for batch in shuffled]).cumsum(0)
        return Cut(torch.cat(shuffled), [0, *cast("list[int]", ends.tolist())])

    def _sorted(self, order: Tensor) -> Tensor:
        """The rows by their steps in all fields together, then by those in each; rows that are alike stay in their order."""
        for steps in (*self.lengths.unbind(1), self.lengths.sum(1)):
            order = order[steps[order].sort(stable=True).indices]
        return order


@dataclass(frozen=True, slots=True)
class LaterBuckets:
    """How rows are put together that lie in blocks: by the lengths that a stretch of them shows once it is read."""

    rows: int
    """Of a micro-batch."""

    def order(self, stretch: TensorData, start: int, *, seed: int, epoch: int, number: int) -> Tensor:
        """In which order the rows of a stretch come, by position in it, int64 `[N]`: a function of it, (seed, epoch) and its number.

        Args:
            stretch: Rows that were read, in their random order.
            start: The first that begins a micro-batch: those before are of one that has begun in the stretch before, and stay.
            seed: Seed of the experiment.
            epoch: The epoch.
            number: Of the stretch in the epoch.
        """
        buckets = Buckets(torch.stack(list(_ragged(stretch, ()).values()), dim=1))
        rest = torch.arange(start, len(stretch))
        found = buckets.order(rest, self.rows, seed=derive_seed(seed, "buckets of a stretch", number), epoch=epoch)
        return torch.cat([torch.arange(start), found])


def _ragged(data: TensorData, told: Iterable[str]) -> dict[str, Tensor]:
    """Steps of each row by field whose rows differ in length, of inputs and of the targets that the network is told, int64 `[N]`."""
    stored = [*data.stored.items(), *((name, data.stored_targets[name]) for name in told if name in data.stored_targets)]
    return {name: lengths for name, rows in stored if (lengths := ragged_lengths(rows)) is not None}


def longest_first(data: TensorData) -> Tensor | None:
    """Positions of the rows by their steps, int64 `[N]` on the CPU: what fills the memory comes first; `None` where all have as many."""
    found = [lengths for rows in data.stored.values() if (lengths := ragged_lengths(rows)) is not None]
    if not found:
        return None
    steps = torch.stack(found).sum(0)
    return steps.sort(descending=True, stable=True).indices if bool((steps != steps[:1]).any()) else None


def _generator(seed: int, epoch: int) -> torch.Generator:
    return torch.Generator().manual_seed(derive_seed(seed, "order of buckets", epoch))


def _edges(lengths: Tensor, tokens: int) -> list[int]:
    """Where batches begin, and the end of the last: as many rows `[N, K]` each as have `tokens` steps with their padding."""
    edges, longest = [0], [0] * lengths.shape[1]
    for place, row in enumerate(cast("list[list[int]]", lengths.tolist())):
        longest = [max(pair) for pair in zip(longest, row, strict=True)]
        if (place + 1 - edges[-1]) * sum(longest) > tokens and place > edges[-1]:
            edges.append(place)
            longest = row
    return [*edges, len(lengths)]
