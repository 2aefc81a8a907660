"""Rows that are shown several times, changed at random each time: what the changes make of a row belongs together."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import torch
from torch import Tensor

from nntrain.data.augmentation.augmenter import Augmenter
from nntrain.data.augmentation.draws import Augment
from nntrain.data.batches import TURN, TensorData

_MEASURED: Final = -1
"""The epoch that no training has: of its draws are the changes of rows that are measured."""


@dataclass(frozen=True, slots=True)
class Repeated:
    """How often rows are shown."""

    times: int
    changes: Augment
    """The changes of rows that are measured."""

    @classmethod
    def of(cls, times: int, augmenter: Augmenter | None) -> Repeated | None:
        """Of a number and all changes; `None` where rows are shown once."""
        return None if times == 1 or augmenter is None else cls(times, augmenter.at(_MEASURED))

    def in_order(self, order: Tensor, edges: list[int]) -> tuple[Tensor, list[int]]:
        """Positions of an epoch, and where its batches begin: each position several times, one after another."""
        return order.repeat_interleave(self.times), [edge * self.times for edge in edges]

    def measured(self, data: TensorData) -> TensorData:
        """The rows of a split as they are measured: each several times, always with the same changes."""
        index = torch.arange(len(data)).repeat_interleave(self.times)
        turns = torch.arange(self.times, device=data.rows.device).repeat(len(data))
        found = data.take(index)
        return replace(found, numbers=found.rows + TURN * turns, always=self.changes)
