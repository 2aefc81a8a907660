"""Numbers of many rows of a file, rising, kept as a bit for each of its rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import torch
from torch import Tensor

if TYPE_CHECKING:
    Array = np.ndarray[Any, Any]

GROUP: Final = 2**16
"""Rows of the file whose bits are unpacked at once; a multiple of 8."""


@dataclass(frozen=True, slots=True)
class RowNumbers:
    """Which rows of a file are meant. It is asked as a tensor of their numbers, int64 `[N]`, would be, and makes of it what is asked."""

    bits: Array
    """A bit for each row of the file, packed, uint8."""
    counts: Array
    """How many rows are meant before each group of `GROUP` rows of the file, and of all, int64 `[G + 1]`."""
    total: int
    """Rows of the file."""
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    """Where the numbers that are asked for are to be."""

    @classmethod
    def of(cls, rows: Array, total: int) -> RowNumbers:
        """Of numbers `[N]`, rising, of a file of so many rows."""
        edges = np.searchsorted(rows, np.arange(0, total + GROUP, GROUP, dtype=rows.dtype))
        return cls._packed((rows[start:end] - place * GROUP for place, (start, end) in enumerate(pairwise(edges))), total)

    @classmethod
    def where(cls, keep: Array) -> RowNumbers:
        """The rows of a file that are kept, of what is said of all its rows, bool `[R]`."""
        return cls._packed((np.flatnonzero(keep[start : start + GROUP]) for start in range(0, len(keep), GROUP)), len(keep))

    @classmethod
    def _packed(cls, groups: Iterator[Array], total: int) -> RowNumbers:
        """Of the places in each group."""
        bits: list[Array] = []
        counts = [0]
        for places in groups:
            marks = np.zeros(GROUP, dtype=np.uint8)
            marks[places] = 1
            bits.append(np.packbits(marks))
            counts.append(counts[-1] + len(places))
        return cls(np.concatenate(bits) if bits else np.zeros(0, dtype=np.uint8), np.array(counts, dtype=np.int64), total)

    def chosen(self, marks: Array, mark: int) -> RowNumbers:
        """Those that have a mark, of the marks of all of them `[N]`."""
        edges = pairwise(self.counts.tolist())
        groups = (self._of_group(place)[marks[start:end] == mark] - place * GROUP for place, (start, end) in enumerate(edges))
        return self._packed(groups, self.total)

    def __len__(self) -> int:
        return int(self.counts[-1])

    def _of_group(self, group: int) -> Array:
        """The numbers of a group, int64, rising."""
        size = GROUP // 8
        return np.flatnonzero(np.unpackbits(self.bits[group * size : (group + 1) * size])) + group * GROUP

    def before(self, row: int) -> int:
        """How many rows are meant that lie before a row of the file."""
        group = row // GROUP
        if group >= len(self.counts) - 1:
            return len(self)
        return int(self.counts[group]) + int(np.searchsorted(self._of_group(group), row))

    def within(self, first: int, last: int) -> Array:
        """Those from a row of the file to before another, int64, rising."""
        if last <= first or not len(self):
            return np.zeros(0, dtype=np.int64)
        groups = range(first // GROUP, min((last - 1) // GROUP + 1, len(self.counts) - 1))
        found = np.concatenate([self._of_group(group) for group in groups] or [np.zeros(0, dtype=np.int64)])
        return found[np.searchsorted(found, first) : np.searchsorted(found, last)]

    def index_select(self, _axis: int, positions: Tensor) -> Tensor:
        """Those at some positions, int64 `[M]`."""
        asked = positions.cpu().numpy()
        groups = np.searchsorted(self.counts, asked, side="right") - 1
        found = np.empty(len(asked), dtype=np.int64)
        for group in np.unique(groups):
            where = groups == group
            found[where] = self._of_group(int(group))[asked[where] - self.counts[group]]
        return torch.from_numpy(found).to(self.device)

    def __getitem__(self, positions: slice) -> Tensor:
        """Those from a position to before another: int32 where that holds them."""
        start, end, _ = positions.indices(len(self))
        kind = np.int32 if (len(self.counts) - 1) * GROUP <= np.iinfo(np.int32).max else np.int64
        found = np.empty(max(0, end - start), dtype=kind)
        group, done = int(np.searchsorted(self.counts, start, side="right")) - 1, 0
        while done < len(found):
            skipped = start + done - int(self.counts[group])
            own = self._of_group(group)[skipped : skipped + len(found) - done]
            found[done : done + len(own)] = own
            done, group = done + len(own), group + 1
        return torch.from_numpy(found).to(self.device)

    def to(self, device: torch.device | str) -> RowNumbers:
        """The same, whose numbers are asked for on a device."""
        return replace(self, device=torch.device(device))
