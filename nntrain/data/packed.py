"""Rows that are no slices of one tensor: kept in another form, and made into the tensors of a batch when it comes.

Rows of different lengths are kept one after another and padded batch by batch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple, Protocol, Self

import torch
from torch import Tensor

from nntrain.data.moving import sent

if TYPE_CHECKING:
    from nntrain.data.augmentation.draws import Augment

LENGTHS = "{}.lengths"
"""Key of the lengths beside a padded input, int64 `[B]`."""


class Stored(Protocol):
    """An input or a target of all rows in a form of its own."""

    def __len__(self) -> int:
        """Number of rows."""
        ...

    def take(self, index: Tensor) -> Self:
        """Some rows, by position `[M]`."""
        ...

    def narrow(self, start: int, end: int) -> Self:
        """The rows from `start` to before `end`."""
        ...

    def to(self, device: torch.device | str) -> Self:
        """The same rows with their values on a device."""
        ...

    def tensors(self, name: str) -> Mapping[str, Tensor]:
        """What a batch of all these rows has of them: a tensor under the name, and what belongs to it under keys that begin with it."""
        ...

    @property
    def values_per_row(self) -> int:
        """Values of a row in a batch; of the longest where rows differ in length."""
        ...

    @property
    def row_bytes(self) -> int:
        """Bytes that a row takes on average where it is gathered for a batch; 0 for rows that stay where they are."""
        ...


class Crossed(NamedTuple):
    """Units of rows: those of a row that are of one class and are taken for one are together."""

    truth: Tensor
    """Their class, int64 `[S]`."""
    taken: Tensor
    """What they are taken for, int64 `[S]`."""
    rows: Tensor
    """Their row, int64 `[S]`."""
    counts: Tensor
    """How many they are, float64 `[S]`."""


class StoredTarget(Stored, Protocol):
    """A target of all rows in a form of its own. What is said of units holds for targets that have them."""

    __slots__ = ()

    def told(self, classes: int, weights: Tensor | None) -> tuple[Tensor, Tensor | None] | None:
        """What a trivial prediction is fitted to, where that is not the tensor of a batch of all rows.

        Args:
            classes: How many there are; 0 for values.
            weights: How much each row counts, `[N]`; `None` where all count once.

        Returns:
            Values `[S, …]`, which may hold some that count nothing, and how much each counts, `[S]` (`None`: once), on the CPU.
        """
        return None

    def crossed(self, taken: Tensor, classes: int) -> Crossed | None:
        """The units with what is predicted of them, `[N, …]`, where they are too many to be kept one by one."""
        return None

    def moved(self, name: str, augment: Augment, rows: Tensor) -> Tensor | None:
        """The tensor of a training batch, where it changes with an input.

        Args:
            name: The field.
            augment: Moves maps of numbers `[B, 1, H, W]`, with 0 outside.
            rows: Numbers of the rows, int64 `[B]`.
        """
        return None


@dataclass(frozen=True, slots=True)
class PackedSteps(StoredTarget):
    """Rows of different lengths: their memory is that of their steps, whatever the longest row has."""

    values: Tensor
    """`[sum of lengths, …]`, one row after another: `[S, F]` of numbers, `[S]` of indices."""
    offsets: Tensor
    """Int64 `[N + 1]` on the CPU: where each row begins, and the end of the last."""
    fill: float = 0.0
    """What stands behind the end of a row. Targets have -1 or NaN there, which count nothing."""

    @classmethod
    def of(cls, values: Tensor, lengths: Tensor, fill: float = 0.0) -> PackedSteps:
        """Values `[sum of lengths, …]` of rows with these lengths, int64 `[N]`."""
        return cls(values, torch.nn.functional.pad(lengths.cpu().cumsum(0), (1, 0)), fill)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def lengths(self) -> Tensor:
        """Int64 `[N]` on the CPU."""
        return self.offsets.diff()

    @property
    def longest(self) -> int:
        """Steps of the longest row, at least 1."""
        return max(int(self.lengths.max()), 1) if len(self) else 1

    def take(self, index: Tensor) -> PackedSteps:
        """Some rows, by position `[M]`."""
        index = index.cpu()
        lengths = self.lengths[index]
        found = PackedSteps.of(self.values, lengths)
        position = torch.arange(int(found.offsets[-1])) + (self.offsets[index] - found.offsets[:-1]).repeat_interleave(lengths)
        return replace(self, values=self.values.index_select(0, sent(position, self.values.device)), offsets=found.offsets)

    def narrow(self, start: int, end: int) -> PackedSteps:
        """The rows from `start` to before `end`, without a copy of their values."""
        offsets = self.offsets[start : end + 1]
        return replace(self, values=self.values[int(offsets[0]) : int(offsets[-1])], offsets=offsets - offsets[0])

    def to(self, device: torch.device | str) -> PackedSteps:
        """The same rows with their values on a device."""
        return replace(self, values=self.values.to(device))

    def told(self, classes: int, weights: Tensor | None) -> tuple[Tensor, Tensor | None] | None:
        """The steps of all rows, which are not padded for it."""
        return self.values.cpu(), None if weights is None else weights.repeat_interleave(self.lengths)

    @property
    def values_per_row(self) -> int:
        """Values of the longest row."""
        return self.longest * self.values[:1].numel()

    @property
    def row_bytes(self) -> int:
        """Of the average row."""
        return self.values.numel() * self.values.element_size() // max(1, len(self))

    def tensors(self, name: str) -> Mapping[str, Tensor]:
        """The rows padded to the longest of them, `[N, T, …]`, and their lengths `[N]`."""
        values, lengths = self.pad()
        return {name: values, LENGTHS.format(name): lengths}

    def pad(self) -> tuple[Tensor, Tensor]:
        """All rows as `[N, T, …]`, T being the longest of them, with `fill` after the end of each, and their lengths `[N]`."""
        lengths = sent(self.lengths, self.values.device)
        step = torch.arange(self.longest, device=self.values.device)
        is_padding = step >= lengths[:, None]
        if not len(self.values):
            return self.values.new_full((*is_padding.shape, *self.values.shape[1:]), self.fill), lengths
        position = (sent(self.offsets[:-1], self.values.device)[:, None] + step).masked_fill(is_padding, 0)
        return self.values[position].masked_fill(is_padding.reshape(*is_padding.shape, *[1] * (self.values.ndim - 1)), self.fill), lengths


def cut(inputs: dict[str, Tensor]) -> dict[str, Tensor]:
    """Padded inputs `[B, T, F]` without the steps that none of the rows has."""
    found = dict(inputs)
    for name, tensor in inputs.items():
        lengths = inputs.get(LENGTHS.format(name))
        if lengths is not None:
            found[name] = tensor[:, : max(int(lengths.max()), 1)]
    return found
