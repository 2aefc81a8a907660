"""The rows of a step of several members, one member behind another: drawn in one go where batches are nothing but rows in memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import torch
from torch import Tensor

from nntrain.data.batches import CHUNK_BYTES, Batch, TensorData, batch_edges
from nntrain.data.moving import row_bytes
from nntrain.data.orders import shown_order
from nntrain.training.session import Session


def plain_order(session: Session, epoch: int) -> Tensor | None:
    """The positions of an epoch's rows, int64 `[N]`, where each step reads `batch_size` of them as they are; `None` where it does else."""
    train, augment = session.splits.train, None if session.augmenter is None else session.augmenter.at(epoch)
    parts = (session.growing, session.mixer, session.input_noise, session.by_class, session.buckets, session.ranks)
    others = (session.objective.repeated, train.lanes, train.redrawn, train.home)
    if session.accumulate > 1 or not train.is_plain(augment) or any(each is not None for each in (*parts, *others)):
        return None
    return shown_order(train, seed=session.seed, epoch=epoch)


@dataclass(slots=True)
class JointBatch:
    """The rows of a step."""

    members: int
    """M, those included that have taken this step before: others' rows stand in their place."""
    whole: Batch | None
    """The rows of all, `[M * B, …]`; `None` where batches have more to them than rows, or their targets are not equally long."""
    _parts: Sequence[Batch] = field(default=())

    def __len__(self) -> int:
        """Rows of a member, B."""
        return len(self.parts[0]) if self.whole is None else len(self.whole) // self.members

    @property
    def parts(self) -> Sequence[Batch]:
        """The rows of each."""
        if self.whole is not None and not self._parts:
            rows = len(self)
            self._parts = self.whole.cut(range(0, len(self.whole) + 1, rows))
        return self._parts

    @staticmethod
    def of(batches: Sequence[Batch | None]) -> JointBatch:
        """Put batches together, as many rows each; `None` stands for a member that is not there.

        Their parts are pieces of the whole wherever there is one: a recorded step is given the whole, and would take other tensors for
        constants.
        """
        first = next(batch for batch in batches if batch is not None)
        parts = [first if batch is None else batch for batch in batches]
        return JointBatch(len(parts), _behind_each_other(parts)) if _go_together(parts) else JointBatch(len(parts), None, parts)


def _go_together(parts: Sequence[Batch]) -> bool:
    """Whether batches are nothing but rows, with targets of one size: texts are as long as the longest of their batch."""
    shapes = {name: target.shape for name, target in parts[0].targets.items()}
    return all(
        part.partner is None
        and part.choice is None
        and part.goes_on is None
        and all(part.targets[name].shape == shape for name, shape in shapes.items())
        for part in parts
    )


def _behind_each_other(parts: Sequence[Batch]) -> Batch:
    weights = [part.weights for part in parts if part.weights is not None]
    return Batch(
        {name: torch.cat([part.inputs[name] for part in parts]) for name in parts[0].inputs},
        {name: torch.cat([part.targets[name] for part in parts]) for name in parts[0].targets},
        torch.cat(weights) if weights else None,
        torch.cat([part.rows for part in parts]),
    )


def joint_batches(sessions: Sequence[Session], epoch: int, start: int) -> Iterator[JointBatch] | None:
    """The rows of the steps of an epoch from step `start` on, but a last one that has another number of rows for each member.

    `None` where a member's are more than rows in memory.
    """
    orders: list[Tensor] = []
    for session in sessions:
        order = plain_order(session, epoch)
        if order is None:
            return None
        orders.append(order)
    return _gathered([session.splits.train for session in sessions], orders, sessions[0].batch_size, start)


def _gathered(data: Sequence[TensorData], orders: Sequence[Tensor], rows: int, start: int) -> Iterator[JointBatch]:
    """In pieces that begin at fixed steps, see `ordered_batches`."""
    members = len(data)
    own_edges = [batch_edges(len(order), rows) for order in orders]
    steps = min(sum(last - first == rows for first, last in pairwise(edges)) for edges in own_edges)
    piece = max(1, CHUNK_BYTES // max(1, row_bytes(data[0]) * rows * members))
    edges = own_edges[0]
    has_last = steps < len(edges) - 1 and all(others == edges for others in own_edges)
    for first in range(start // piece * piece, steps, piece):
        count = min(piece, steps - first)
        found = _by_step(data, [order[first * rows : (first + count) * rows] for order in orders], count)
        ends = range(max(start - first, 0) * members * rows, count * members * rows + 1, members * rows)
        yield from (JointBatch(members, batch) for batch in found.plain_batches(ends))
    if has_last and start < len(edges) - 1:
        last = _by_step(data, [order[edges[-2] :] for order in orders], 1)
        yield JointBatch(members, last.batch(0, len(last)))


def _by_step(data: Sequence[TensorData], orders: Sequence[Tensor], steps: int) -> TensorData:
    """Rows of members by their positions, those of all for a step behind each other."""

    def joined(tensors: Sequence[Tensor]) -> Tensor:
        return torch.stack([tensor.unflatten(0, (steps, -1)) for tensor in tensors], dim=1).flatten(0, 2)

    if all(_tensors(each) == _tensors(data[0]) for each in data):  # as seeds have them: gathered in their order, nothing is copied twice
        return data[0].take(joined(orders))
    parts = [each.take(order) for each, order in zip(data, orders, strict=True)]
    weights = [part.weights for part in parts if part.weights is not None]
    return TensorData(
        {name: joined([part.inputs[name] for part in parts]) for name in parts[0].inputs},
        {name: joined([part.targets[name] for part in parts]) for name in parts[0].targets},
        joined(weights) if weights else None,
        joined([part.rows for part in parts]),
    )


def _tensors(data: TensorData) -> list[int]:
    """Which tensors plain rows are read of."""
    return [id(each) for each in (*data.inputs.values(), *data.targets.values(), data.weights, data.numbers)]
