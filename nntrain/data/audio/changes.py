"""What the augmentations of sounds do, all rows of a batch at once: a row's numbers depend on nothing but (seed, epoch, row)."""

from __future__ import annotations

import torch
from torch import Tensor

from nntrain.data.audio.augmentation import Frames
from nntrain.data.augmentation.draws import Draws


def shift(frames: Frames, draws: Draws, *, most: int) -> Tensor:
    """Move samples `[B, S]` by up to `most` places to either side."""
    moved = (draws.uniform("shift") * (2 * most + 1)).floor().long() - most
    place = _places(frames)
    came_from = place - moved[:, None]
    is_there = (came_from >= 0) & (came_from < frames.ends[:, None]) & (place < frames.ends[:, None])
    return frames.values.gather(1, came_from.clamp(0, place.shape[1] - 1)).masked_fill(~is_there, 0.0)


def add_noise(frames: Frames, draws: Draws, *, low: float, high: float, p: float) -> Tensor:
    """Add white noise to a share `p` of samples `[B, S]`: its power is that of the sound, less a ratio from `low` to `high` decibels."""
    values = frames.values
    power = values.square().sum(dim=1) / frames.sounding
    ratio = draws.uniform("snr", low, high).to(values.dtype)
    level = torch.sqrt(power * 10 ** (-ratio / 10)) * draws.chance("noise", p)
    noise = draws.white("white", values.shape[1]).to(values.dtype)
    return (values + level[:, None] * noise).masked_fill(_places(frames) >= frames.ends[:, None], 0.0)


def gain(frames: Frames, draws: Draws, *, low: float, high: float) -> Tensor:
    """Multiply samples `[B, S]` by a factor of `low` to `high` decibels."""
    return frames.values * 10 ** (draws.uniform("gain", low, high).to(frames.values.dtype) / 20)[:, None]


def cover(frames: Frames, draws: Draws, *, masks: tuple[int, int], widths: tuple[int, int], share: float) -> Tensor:
    """Put 0 into some steps and some bands of features `[B, T, F]`; `masks` and `widths` are those of steps and of bands."""
    values = frames.values
    time_width = torch.minimum((frames.ends * share).floor(), torch.full_like(frames.ends, widths[0], dtype=torch.float32))
    bands = torch.full_like(frames.ends, values.shape[2])
    covered = _masks(draws, "time", masks[0], time_width, frames.ends, values.shape[1])[:, :, None]
    covered = covered | _masks(draws, "band", masks[1], torch.full_like(time_width, widths[1]), bands, values.shape[2])[:, None]
    return values.masked_fill(covered, 0.0)


def _masks(draws: Draws, what: str, count: int, widest: Tensor, sizes: Tensor, length: int) -> Tensor:
    """Places that `count` masks cover, bool `[B, length]`: of up to `widest` places each, among the first `sizes` of a row."""
    place = torch.arange(length, device=sizes.device)
    covered = torch.zeros(len(sizes), length, dtype=torch.bool, device=sizes.device)
    for number in range(count):
        width = (draws.uniform(f"{what} width {number}") * (widest + 1)).floor()
        start = (draws.uniform(f"{what} start {number}") * (sizes - width + 1)).floor()
        covered |= (place >= start[:, None]) & (place < (start + width)[:, None])
    return covered


def _places(frames: Frames) -> Tensor:
    return torch.arange(frames.values.shape[1], device=frames.values.device).expand(frames.values.shape[:2])
