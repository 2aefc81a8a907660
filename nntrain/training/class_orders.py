"""Orders of rows that look at their classes: functions of (seed, epoch), as every order is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import cast

import torch
from torch import Tensor

from nntrain.data.noise import derive_seed
from nntrain.errors import SpecError


@dataclass(frozen=True, slots=True)
class ClassOrder:
    """In which order rows of classes come."""

    classes: Tensor
    """Class of each training row, int64 `[N]` on the CPU."""
    several: tuple[int, int] | None = None
    """Classes of a batch, and rows of each; `None` where every class comes equally often."""
    positive: float | None = None
    """Of classes 0 and 1, the share of rows that are 1."""
    in_triplets: bool = False
    """Whether three rows come at a time: a row, another one of its class, and one of another class."""

    def __post_init__(self) -> None:
        """Raise `SpecError` where the rows are of too few classes, or are too few for a share; its options are those of the sampler."""
        if self.positive is not None:
            self._check_shares(self.positive)
        if self.in_triplets and (not _members(self.classes) or bool((self.classes == self.classes[0]).all())):
            what = "takes two training rows of one class and one of another, and there are none such"
            raise SpecError(f"triplets {what}", "leave sampler out")
        if self.several is not None and len(_members(self.classes)) < self.several[0]:
            shown = len(_members(self.classes))
            has = f"{shown:,} {'has' if shown == 1 else 'have'} two training rows or more"
            message = f"pk takes {self.several[0]:,} classes for a batch, and {has}"
            raise SpecError(message, f"fix:  classes: {shown}" if shown > 1 else "leave sampler out", ("classes",))

    def _check_shares(self, positive: float) -> None:
        """Refuse a share of a class that no row has, or that is no row of an epoch. Raises `SpecError`."""
        number = len(self.classes)
        lost = next((word for value, word in enumerate(("no", "yes")) if not bool((self.classes == value).any())), None)
        if lost is not None:
            message = f"pairs takes training rows that are yes and others that are no, and none is {lost}"
            raise SpecError(message, "another split, or leave sampler out")
        if 0 in share_counts(number, (1 - positive, positive)):
            least = float(f"{1 / number:.3g}")
            part, word, nearest = (positive, "yes", least) if positive < 0.5 else (1 - positive, "no", 1 - least)
            message = f"{positive:g} of {number:,} training rows are {part * number:.2g} rows that are {word}"
            raise SpecError(message, f"fix:  positive_fraction: {nearest:.12g}", ("positive_fraction",))

    def positions(self, batches: int, rows: int, *, seed: int, epoch: int) -> Tensor:
        """Positions of the rows of an epoch, int64 `[M]` on the CPU.

        Args:
            batches: Batches of the epoch.
            rows: Rows of each.
            seed: Seed of the experiment.
            epoch: Number of the epoch.
        """
        if self.in_triplets:
            return triplet_order(self.classes, batches * rows // 3, seed=seed, epoch=epoch)
        if self.several is None:
            shares = None if self.positive is None else (1 - self.positive, self.positive)
            return balanced_order(self.classes, shares, seed=seed, epoch=epoch)
        return pk_order(self.classes, *self.several, batches * rows, seed=seed, epoch=epoch)


def balanced_order(classes: Tensor, shares: Sequence[float] | None = None, *, seed: int, epoch: int) -> Tensor:
    """Positions in which every class occurs equally often, to a row: as many as there are rows, in random order, int64 `[N]`.

    A class with fewer rows than its share has each of them in turn before one of them again; of a class with more, other rows are left
    out each epoch.

    Args:
        classes: Class of each row, int64 `[N]` on the CPU.
        shares: How often each class occurs instead, in the order of its number; they add up to 1, and each is a row or more.
        seed: Seed of the experiment.
        epoch: Number of the epoch.
    """
    generator = torch.Generator().manual_seed(derive_seed(seed, "balanced order", epoch))
    values = cast("list[int]", classes.unique().tolist())
    members = [torch.nonzero(classes == value).flatten() for value in values]
    counts = [len(classes) // len(members) + (place < len(classes) % len(members)) for place in range(len(members))]
    if shares is not None:
        counts = share_counts(len(classes), shares)
    chosen: list[Tensor] = []
    for rows, share in zip(members, counts, strict=True):
        rounds = -(-share // len(rows))
        chosen.append(torch.cat([rows[torch.randperm(len(rows), generator=generator)] for _ in range(rounds)])[:share])
    positions = torch.cat(chosen)
    return positions[torch.randperm(len(positions), generator=generator)]


def share_counts(rows: int, shares: Sequence[float]) -> list[int]:
    """Rows of each share, all of them together."""
    ends = [round(rows * end) for end in accumulate(shares, initial=0.0)]
    return [end - start for start, end in pairwise(ends)]


def pk_order(classes: Tensor, per_batch: int, per_class: int, rows: int, *, seed: int, epoch: int) -> Tensor:
    """Positions of `rows` rows, of which each `per_batch * per_class` have `per_batch` classes, drawn anew, and as many rows of each.

    Classes are drawn alike, however many rows they have, among those with two or more (Hermans et al. 2017, section 2). The rows of a class
    come in turn: all of them once, in random order, before one of them again. The rows that a batch has of a class differ, where the class
    has as many.
    """
    generator = torch.Generator().manual_seed(derive_seed(seed, "pk order", epoch))
    members = _members(classes)
    waiting = [members[0][:0] for _ in members]
    found: list[Tensor] = []
    for _ in range(rows // (per_batch * per_class)):
        for place in cast("list[int]", torch.randperm(len(members), generator=generator)[:per_batch].tolist()):
            while len(waiting[place]) < per_class:
                again = members[place][torch.randperm(len(members[place]), generator=generator)]
                is_waiting = torch.isin(again, waiting[place])
                waiting[place] = torch.cat([waiting[place], again[~is_waiting], again[is_waiting]])
            found.append(waiting[place][:per_class])
            waiting[place] = waiting[place][per_class:]
    return torch.cat(found)


def triplet_order(classes: Tensor, count: int, *, seed: int, epoch: int) -> Tensor:
    """Positions of `count` times three rows: a row, another one of its class, and one of another class, int64 `[3 * count]`.

    First rows come in turn: all whose class has two rows or more once, in random order, before one of them again.
    """
    generator = torch.Generator().manual_seed(derive_seed(seed, "triplet order", epoch))
    order = classes.argsort(stable=True)
    sizes: Tensor = cast("tuple[Tensor, Tensor]", classes[order].unique_consecutive(return_counts=True))[1]
    starts = (sizes.cumsum(0) - sizes).repeat_interleave(sizes)
    sizes = sizes.repeat_interleave(sizes)
    able = (sizes > 1).nonzero().flatten()
    rounds = -(-count // len(able))
    first = torch.cat([able[torch.randperm(len(able), generator=generator)] for _ in range(rounds)])[:count]
    start, size = starts[first], sizes[first]
    drawn = torch.rand(2, count, generator=generator, dtype=torch.float64)
    second = start + (first - start + 1 + (drawn[0] * (size - 1)).long()) % size
    third = (drawn[1] * (len(classes) - size)).long()
    third = third + size * (third >= start)
    return order[torch.stack([first, second, third], dim=1).flatten()]


def _members(classes: Tensor) -> list[Tensor]:
    """The positions of the rows of each class that has two or more."""
    order = classes.argsort(stable=True)
    counts = cast("list[int]", classes[order].unique_consecutive(return_counts=True)[1].tolist())
    return [rows for rows in cast("tuple[Tensor, ...]", order.split(counts)) if len(rows) > 1]
