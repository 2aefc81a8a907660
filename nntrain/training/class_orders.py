"""Orders of rows that look at their classes: functions of (seed, epoch), as every order is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor

from nntrain.data.batches import balanced_order
from nntrain.data.noise import derive_seed
from nntrain.errors import DataError


@dataclass(frozen=True, slots=True)
class ClassOrder:
    """In which order rows of classes come."""

    classes: Tensor
    """Class of each training row, int64 `[N]` on the CPU."""
    several: tuple[int, int] | None = None
    """Classes of a batch, and rows of each; `None` where every class comes equally often."""

    def __post_init__(self) -> None:
        """Raise `DataError` where the rows are of too few classes."""
        if self.several is not None and len(_members(self.classes)) < self.several[0]:
            shown = len(_members(self.classes))
            raise DataError(
                f"data.batch.sampler: pk takes {self.several[0]:,} classes for a batch, and {shown:,} have two training rows or more",
                f"fix:  data.batch.sampler.classes: {shown}" if shown > 1 else "leave sampler out",
            )

    def positions(self, batches: int, rows: int, *, seed: int, epoch: int) -> Tensor:
        """Positions of the rows of an epoch, int64 `[M]` on the CPU.

        Args:
            batches: Batches of the epoch.
            rows: Rows of each.
            seed: Seed of the experiment.
            epoch: Number of the epoch.
        """
        if self.several is None:
            return balanced_order(self.classes, seed=seed, epoch=epoch)
        return pk_order(self.classes, *self.several, batches * rows, seed=seed, epoch=epoch)


def pk_order(classes: Tensor, per_batch: int, per_class: int, rows: int, *, seed: int, epoch: int) -> Tensor:
    """Positions of `rows` rows, of which each `per_batch * per_class` have `per_batch` classes, drawn anew, and as many rows of each.

    Classes are drawn alike, however many rows they have, among those with two or more (Hermans et al. 2017, section 2). The rows of a class
    come in turn: all of them once, in random order, before one of them again.
    """
    generator = torch.Generator().manual_seed(derive_seed(seed, "pk order", epoch))
    members = _members(classes)
    waiting = [members[0][:0] for _ in members]
    found: list[Tensor] = []
    for _ in range(rows // (per_batch * per_class)):
        for place in cast("list[int]", torch.randperm(len(members), generator=generator)[:per_batch].tolist()):
            while len(waiting[place]) < per_class:
                again = members[place][torch.randperm(len(members[place]), generator=generator)]
                waiting[place] = torch.cat([waiting[place], again])
            found.append(waiting[place][:per_class])
            waiting[place] = waiting[place][per_class:]
    return torch.cat(found)


def _members(classes: Tensor) -> list[Tensor]:
    """The positions of the rows of each class that has two or more."""
    order = classes.argsort(stable=True)
    counts = cast("list[int]", classes[order].unique_consecutive(return_counts=True)[1].tolist())
    return [rows for rows in cast("tuple[Tensor, ...]", order.split(counts)) if len(rows) > 1]
