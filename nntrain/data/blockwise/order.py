"""The order of rows that lie in blocks: blocks in a random order, and rows at random within some blocks together.

Both are functions of (seed, epoch), so that any place of any epoch can be entered without what comes before it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import cast

import torch
from torch import Tensor

from nntrain.data.noise import derive_seed
from nntrain.data.row_numbers import RowNumbers

Span = tuple[int, int]
"""First position and the one behind the last of rows that lie in one block."""


@dataclass(frozen=True, slots=True)
class Stretches:
    """An order in stretches, each of the rows of some blocks; no other stretch has rows of them."""

    spans: tuple[tuple[Span, ...], ...]
    """Of each stretch where the rows of its blocks are among those of the split."""
    edges: tuple[int, ...]
    """Where each stretch begins in the order, and the end of the last."""
    seed: tuple[int, int] | None
    """Seed and epoch of a random order; `None` for rows as they are."""

    @classmethod
    def plain(cls, spans: Sequence[Span], rows: int) -> Stretches:
        """Rows as they are, about `rows` in a stretch."""
        return cls._of(_gathered(spans, rows), None)

    @classmethod
    def shuffled(cls, spans: Sequence[Span], rows: int, *, seed: int, epoch: int) -> Stretches:
        """The random order of an epoch, about `rows` rows in a stretch."""
        order = torch.randperm(len(spans), generator=_generator(seed, "order of blocks", epoch))
        found = cast("list[int]", order.tolist())
        return cls._of(_gathered([spans[place] for place in found], rows), (seed, epoch))

    @classmethod
    def _of(cls, groups: Sequence[tuple[Span, ...]], seed: tuple[int, int] | None) -> Stretches:
        sizes = (sum(end - start for start, end in group) for group in groups)
        return cls(tuple(groups), tuple(accumulate(sizes, initial=0)), seed)

    def __len__(self) -> int:
        return len(self.spans)

    def at(self, place: int) -> int:
        """The stretch that has a place of the order."""
        return bisect_right(self.edges, place) - 1

    def positions(self, stretch: int) -> Tensor:
        """The rows of a stretch in their order, by position in the split, int64 `[M]`."""
        found = torch.cat([torch.arange(start, end) for start, end in self.spans[stretch]])
        if self.seed is None:
            return found
        seed, epoch = self.seed
        return found[torch.randperm(len(found), generator=_generator(seed, "order in blocks", epoch, stretch))]


def spans_of(places: Tensor | RowNumbers, starts: Tensor) -> list[Span]:
    """Where the rows of each block are among some rows.

    Args:
        places: Numbers of the rows in the file, int64 `[N]`; those of a block stand together.
        starts: Number of the first row of each block, int64 `[K]`, from 0.
    """
    if not len(places):
        return []
    if isinstance(places, RowNumbers):
        edges = dict.fromkeys([*(places.before(start) for start in cast("list[int]", starts.tolist())), len(places)])
        return list(pairwise(edges))
    if bool((places[1:] > places[:-1]).all()):
        cuts = torch.searchsorted(places, starts.to(places.dtype))
        found = cast("list[int]", torch.cat([cuts, cuts.new_tensor([len(places)])]).unique_consecutive().tolist())
        return list(pairwise(found))
    blocks = torch.bucketize(places, starts, right=True, out_int32=True)
    cuts = (blocks.diff() != 0).nonzero()[:, 0] + 1
    edges = [0, *cast("list[int]", cuts.tolist()), len(places)]
    return list(pairwise(edges))


def _gathered(spans: Sequence[Span], rows: int) -> list[tuple[Span, ...]]:
    """Spans one after another, as many together as have about so many rows; at least one."""
    groups: list[tuple[Span, ...]] = []
    own: list[Span] = []
    count = 0
    for start, end in spans:
        if own and count + (end - start) / 2 > rows:
            groups.append(tuple(own))
            own, count = [], 0
        own.append((start, end))
        count += end - start
    return [*groups, tuple(own)] if own else groups


def _generator(seed: int, *purpose: str | int) -> torch.Generator:
    return torch.Generator().manual_seed(derive_seed(seed, *purpose))
