"""Rows of sounds that become what the network reads when their batch comes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from torch import Tensor

from nntrain.data.packed import LENGTHS, PackedSteps, Stored

if TYPE_CHECKING:
    import torch

    from nntrain.data.audio.hearing import Hearing
    from nntrain.data.augmentation.draws import Augment


@dataclass(frozen=True, slots=True)
class PackedSounds:
    """Samples, or steps that augmentations change, one row after another."""

    rows: PackedSteps
    """Samples `[S]` or scaled steps `[S, F]`."""
    hearing: Hearing

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def lengths(self) -> Tensor | None:
        """Steps of each row, int64 `[N]` on the CPU; `None` where all have one length."""
        return None if self.hearing.is_even else self.hearing.steps(self.rows)

    def take(self, index: Tensor) -> PackedSounds:
        """Some rows, by position `[M]`."""
        return replace(self, rows=self.rows.take(index))

    def narrow(self, start: int, end: int) -> PackedSounds:
        """The rows from `start` to before `end`, without a copy of their values."""
        return replace(self, rows=self.rows.narrow(start, end))

    def to(self, device: torch.device | str) -> PackedSounds:
        """The same rows with their values on a device."""
        return PackedSounds(self.rows.to(device), self.hearing.to(device))

    @property
    def values_per_row(self) -> int:
        """Features of the longest row."""
        return (int(self.hearing.steps(self.rows).max()) if len(self) else 1) * len(self.hearing.offset)

    @property
    def row_bytes(self) -> int:
        """Of the average row."""
        return self.rows.row_bytes

    def tensors(self, name: str) -> Mapping[str, Tensor]:
        """Steps `[N, T, F]` of all rows, and their lengths `[N]` where they differ."""
        return self._named(name, self.hearing.heard(self.rows))

    def changed(self, name: str, augment: Augment, rows: Tensor) -> Mapping[str, Tensor]:
        """The same as training shows them: changed at random, as the numbers of the rows say, int64 `[N]`."""
        return self._named(name, self.hearing.heard(self.rows, partial(augment.draws, name, rows=rows)))

    def _named(self, name: str, found: tuple[Tensor, Tensor]) -> Mapping[str, Tensor]:
        steps, lengths = found
        return {name: steps} if self.hearing.is_even else {name: steps, LENGTHS.format(name): lengths}


def ragged_lengths(rows: Stored) -> Tensor | None:
    """Steps of each row as the network reads them, int64 `[N]` on the CPU; `None` for rows of one length, and for what has no steps."""
    return rows.lengths if isinstance(rows, PackedSteps | PackedSounds) else None


def stored_tensors(name: str, rows: Stored, numbers: Tensor, augment: Augment | None) -> Mapping[str, Tensor]:
    """What a batch has of stored rows, sounds changed as training changes the rows of these numbers, int64 `[N]`, where it does."""
    return rows.tensors(name) if augment is None or not isinstance(rows, PackedSounds) else rows.changed(name, augment, numbers)
