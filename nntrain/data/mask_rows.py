"""Masks of all rows of a split, a byte a pixel, and the tensors that a batch has of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import torch
from torch import Tensor

from nntrain.data.moving import sent
from nntrain.data.packed import Crossed, StoredTarget

if TYPE_CHECKING:
    from nntrain.data.augmentation.draws import Augment
    from nntrain.data.batches import TensorData

UNCOUNTED: Final = 255
"""The byte of a pixel that doesn't count."""


@dataclass(frozen=True, slots=True)
class MaskRows(StoredTarget):
    """Masks, a byte a pixel."""

    values: Tensor
    """Class indices uint8 `[N, H, W]`, 255 where nothing counts."""

    def __len__(self) -> int:
        return len(self.values)

    def take(self, index: Tensor) -> MaskRows:
        """Some rows, by position `[M]`."""
        return MaskRows(self.values.index_select(0, sent(index, self.values.device)))

    def narrow(self, start: int, end: int) -> MaskRows:
        """The rows from `start` to before `end`, without a copy."""
        return MaskRows(self.values[start:end])

    def to(self, device: torch.device | str) -> MaskRows:
        """The same rows on a device."""
        return replace(self, values=self.values.to(device))

    def tensors(self, name: str) -> Mapping[str, Tensor]:
        """Class indices int64 `[N, H, W]`, -1 where nothing counts."""
        wide = self.values.long()
        return {name: wide.masked_fill_(wide == UNCOUNTED, -1)}

    def moved(self, name: str, augment: Augment, rows: Tensor) -> Tensor:
        """The same as the image beside it is moved; what comes in from outside counts nothing."""
        shifted = (self.tensors(name)[name] + 1).float().unsqueeze(1)
        return augment(name, shifted, rows).squeeze(1).long() - 1

    def counts(self, classes: int, weights: Tensor | None) -> Tensor:
        """Pixels of each class, each as its row counts, float64 `[K]`, on the CPU; some rows at a time, as pixels are many."""
        found = torch.zeros(classes, dtype=torch.float64)
        for row in range(len(self)):
            own = self.values[row].flatten().long().bincount(minlength=256)[:classes].cpu().double()
            found += own if weights is None else own * weights[row]
        return found

    def told(self, classes: int, weights: Tensor | None) -> tuple[Tensor, Tensor | None] | None:
        """Each class once, with its pixels as weight."""
        return torch.arange(classes), self.counts(classes, weights)

    def crossed(self, taken: Tensor, classes: int) -> Crossed | None:
        """The pixels of each row by their class and the one they are taken for, uint8 `[N, H, W]`."""
        counts = torch.zeros(len(self), classes * classes, dtype=torch.float64)
        for row in range(len(self)):
            truth, found = self.values[row].cpu().flatten().long(), taken[row].flatten().long()
            counts[row] = (truth * classes + found)[truth < classes].bincount(minlength=classes * classes)
        rows, cells = counts.nonzero(as_tuple=True)
        return Crossed(cells // classes, cells % classes, rows, counts[rows, cells])

    @property
    def values_per_row(self) -> int:
        """Pixels."""
        return self.values[:1].numel()

    @property
    def row_bytes(self) -> int:
        """A byte a pixel."""
        return self.values[:1].numel()


def shown_target(data: TensorData, name: str, augment: Augment | None) -> Tensor:
    """A target of some rows as a training batch has it: a mask is moved as its image is."""
    stored = data.stored_targets.get(name)
    moved = None if augment is None or stored is None else stored.moved(name, augment, data.rows)
    return data.target(name) if moved is None else moved
