"""Rows of different lengths as tensors: kept one after another, padded batch by batch."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

LENGTHS = "{}.lengths"
"""Key of the lengths beside a padded input, int64 `[B]`."""


@dataclass(frozen=True, slots=True)
class PackedSteps:
    """Rows of different lengths: their memory is that of their steps, whatever the longest row has."""

    values: Tensor
    """`[sum of lengths, F]`, one row after another."""
    offsets: Tensor
    """Int64 `[N + 1]` on the CPU: where each row begins, and the end of the last."""

    @classmethod
    def of(cls, values: Tensor, lengths: Tensor) -> PackedSteps:
        """Values `[sum of lengths, F]` of rows with these lengths, int64 `[N]`."""
        return cls(values, torch.nn.functional.pad(lengths.cpu().cumsum(0), (1, 0)))

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
        return PackedSteps(self.values.index_select(0, position.to(self.values.device)), found.offsets)

    def narrow(self, start: int, end: int) -> PackedSteps:
        """The rows from `start` to before `end`, without a copy of their values."""
        offsets = self.offsets[start : end + 1]
        return PackedSteps(self.values[int(offsets[0]) : int(offsets[-1])], offsets - offsets[0])

    def to(self, device: torch.device | str) -> PackedSteps:
        """The same rows with their values on a device."""
        return PackedSteps(self.values.to(device), self.offsets)

    def pad(self) -> tuple[Tensor, Tensor]:
        """All rows as `[N, T, F]`, T being the longest of them, with zeros after the end of each, and their lengths `[N]`."""
        lengths = self.lengths.to(self.values.device)
        step = torch.arange(self.longest, device=self.values.device)
        is_padding = step >= lengths[:, None]
        if not len(self.values):
            return self.values.new_zeros(*is_padding.shape, self.values.shape[1]), lengths
        position = (self.offsets[:-1].to(self.values.device)[:, None] + step).masked_fill(is_padding, 0)
        return self.values[position].masked_fill(is_padding[:, :, None], 0.0), lengths


def cut(inputs: dict[str, Tensor]) -> dict[str, Tensor]:
    """Padded inputs `[B, T, F]` without the steps that none of the rows has."""
    found = dict(inputs)
    for name, tensor in inputs.items():
        lengths = inputs.get(LENGTHS.format(name))
        if lengths is not None:
            found[name] = tensor[:, : max(int(lengths.max()), 1)]
    return found
