"""The rows of a step that one of several processes computes: the same step, whatever the number of processes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import torch
from torch import Tensor

from nntrain.data.augmentation.draws import Augment
from nntrain.data.batches import Batch, TensorData, batch_edges, ordered_batches


@dataclass(frozen=True, slots=True)
class Share:
    """The share of one process."""

    rank: int
    """From 0."""
    size: int
    """Processes."""
    least: int = 1
    """Fewest rows of a forward pass: batch norms need two."""

    def part(self, rows: int) -> tuple[int, int]:
        """Which of the rows of a step are its own, from one to before another; as many as the others', give or take one, or none."""
        sharing = max(1, min(self.size, rows // self.least))
        if self.rank >= sharing:
            return 0, 0
        length, longer = divmod(rows, sharing)
        start = self.rank * length + min(self.rank, longer)
        return start, start + length + (self.rank < longer)

    def shown(self, rows: int) -> tuple[int, int]:
        """The same, of what it computes: one without rows of its own computes some that don't count, as all take part in each step."""
        start, end = self.part(rows)
        return (start, end) if end > start else (0, min(self.least, rows))

    def of_batch(self, batch: Batch) -> Batch:
        """Its share of a step that has been made as a whole."""
        start, end = self.shown(len(batch))
        edges = sorted({0, start, end, len(batch)})
        return self.counted(batch.cut(edges)[edges.index(start)], len(batch))

    def counted(self, batch: Batch, rows: int) -> Batch:
        """Rows that it shows of a step of so many, with the weight 0 where they are not its own."""
        start, end = self.part(rows)
        return batch if end > start else replace(batch, weights=torch.zeros(len(batch), device=batch.rows.device))

    def portion(self, rows: int) -> int:
        """Rows of its micro-batches, where one process has `rows`."""
        return max(self.least, -(-rows // self.size))


def shared_batches(  # noqa: PLR0913 (rows, their order and how they are cut)
    data: TensorData,
    rows: int,
    order: Tensor,
    share: Share,
    *,
    start: int = 0,
    augment: Augment | None = None,
    turns: Tensor | None = None,
) -> Iterator[Batch]:
    """One share of the steps of `ordered_batches`; only its rows are gathered."""
    steps = list(pairwise(batch_edges(len(order), rows)))
    parts = [(first, *share.shown(last - first)) for first, last in steps]
    kept = torch.cat([torch.arange(first + begin, first + end) for first, begin, end in parts])
    edges = _edges([end - begin for _, begin, end in parts])
    own = None if turns is None else turns[kept]
    found = ordered_batches(data, share.portion(rows), order[kept], start=start, augment=augment, turns=own, edges=edges)
    for step, batch in enumerate(found, start):
        yield share.counted(batch, steps[step][1] - steps[step][0])


def _edges(lengths: Sequence[int]) -> list[int]:
    edges = [0]
    for length in lengths:
        edges.append(edges[-1] + length)
    return edges
