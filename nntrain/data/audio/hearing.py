"""Sounds as a batch shows them: samples that are cut, changed at random and made into features, all rows at once, on their device.

The numbers are those of features that are stored: both come of float32 samples, in float64 (float32 where a device has no float64).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from nntrain.data.audio.augmentation import Frames
from nntrain.data.moving import sent
from nntrain.data.packed import PackedSteps

if TYPE_CHECKING:
    from collections.abc import Callable

    from nntrain.data.audio.augmentation import Change
    from nntrain.data.audio.features import Transform
    from nntrain.data.augmentation.draws import Draws
    from nntrain.data.fields.audio import Audio
    from nntrain.data.fields.field import State

    DrawsAt = Callable[[int], Draws]
    """The random numbers of the rows for the augmentation at a place of the list."""

CUT: int = -1
"""The place of the cut, among those of the augmentations."""


@dataclass(frozen=True, slots=True)
class Hearing:
    """How the stored rows of a field become what the network reads."""

    field: Audio
    """Its sample rate is known."""
    transform: Transform | None
    """Samples to steps; `None` where the rows are scaled steps already."""
    offset: Tensor
    """Of each feature, float64 `[F]`."""
    scale: Tensor
    """Of each feature, float64 `[F]`."""
    changes: tuple[tuple[int, bool, Change], ...]
    """The augmentations: place in the list, whether it changes samples, the function."""

    @classmethod
    def of(cls, field: Audio, state: State) -> Hearing:
        """Of a field and what it learned."""
        rate = field.rate
        changes = tuple((place, each.of_samples, each.build(rate)) for place, each in enumerate(field.augment))
        return cls(field, field.features.build(rate) if field.keeps_samples else None, state["offset"], state["scale"], changes)

    def to(self, device: torch.device | str) -> Hearing:
        """The same with its numbers on a device."""
        dtype = torch.float32 if torch.device(device).type == "mps" else torch.float64  # Apple's GPUs have no float64
        return replace(self, offset=self.offset.to(device, dtype), scale=self.scale.to(device, dtype))

    @property
    def is_even(self) -> bool:
        """Whether all rows have one length."""
        return self.field.length is not None

    def steps(self, rows: PackedSteps) -> Tensor:
        """Steps of each row as the network reads them, int64 `[N]` on the CPU."""
        if self.transform is None:
            return rows.lengths
        rate, samples = self.field.rate, self.field.samples(self.field.rate)
        if samples is not None:
            return torch.full_like(rows.lengths, self.field.features.steps(samples, rate))
        return torch.tensor([self.field.features.steps(int(length), rate) for length in rows.lengths], dtype=torch.int64)

    @torch.no_grad()
    def heard(self, rows: PackedSteps, draws: DrawsAt | None = None) -> tuple[Tensor, Tensor]:
        """Float32 steps `[B, T, F]` of the rows of a batch, 0 behind their ends, and their lengths int64 `[B]`, both on their device.

        Args:
            rows: Samples `[S]`, or steps `[S, F]`, one row after another.
            draws: The random numbers of training; `None` where rows are measured, which changes none of them.
        """
        lengths = sent(self.steps(rows), rows.values.device)
        if self.transform is None:
            values, _ = rows.pad()
        else:
            values = self._features(self.transform, self._changed(self._framed(rows, draws), draws, of_samples=True), lengths)
        return self._changed(Frames(values, lengths, lengths), draws, of_samples=False).values, lengths

    def _framed(self, rows: PackedSteps, draws: DrawsAt | None) -> Frames:
        """Samples `[B, S]`: each row as long as it is, or the part of it that is heard, with silence where it is shorter."""
        device = rows.values.device
        own = sent(rows.lengths, device)
        size = self.field.samples(self.field.rate)
        if size is None:
            values, _ = rows.pad()
            return Frames(values.to(self.offset.dtype), own, own)
        spare = own - size
        if self.field.crop == "random" and draws is not None:
            cut = (draws(CUT).uniform("cut").double() * (spare + 1)).long().clamp(max=spare)
        else:
            cut = torch.zeros_like(spare) if self.field.crop == "start" else spare // 2
        before = torch.zeros_like(spare) if self.field.pad == "end" else -(-spare // 2)
        place = torch.where(spare > 0, cut, before)[:, None] + torch.arange(size, device=device)
        is_silent = (place < 0) | (place >= own[:, None])
        starts = sent(rows.offsets[:-1], device)[:, None]
        values = rows.values[(starts + place).masked_fill(is_silent, 0)].masked_fill(is_silent, 0.0).to(self.offset.dtype)
        return Frames(values, torch.full_like(own, size), own.clamp(max=size))

    def _changed(self, frames: Frames, draws: DrawsAt | None, *, of_samples: bool) -> Frames:
        if draws is None:
            return frames
        for place, is_of_samples, change in self.changes:
            if is_of_samples == of_samples:
                frames = replace(frames, values=change(frames, draws(place)))
        return frames

    def _features(self, transform: Transform, frames: Frames, lengths: Tensor) -> Tensor:
        """Scaled float32 features `[B, T, F]` of samples `[B, S]`, with 0 behind the end of each row."""
        found = ((transform(frames.values).float() - self.offset) / self.scale).float()
        if self.is_even:
            return found
        is_behind = torch.arange(found.shape[1], device=found.device) >= lengths[:, None]
        return found.masked_fill(is_behind[:, :, None], 0.0)
