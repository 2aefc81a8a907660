"""Random numbers for rows: a hash of (key, row, purpose), the same whatever batch a row is in and whatever was drawn before."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, Protocol

import torch
from torch import Tensor

from nntrain.data.noise import derive_seed


def _signed(value: int) -> int:
    return value - 2**64 if value >= 2**63 else value


_GOLDEN: Final = _signed(0x9E3779B97F4A7C15)
_MIX: Final = (_signed(0xBF58476D1CE4E5B9), _signed(0x94D049BB133111EB))


def keys_on_device(seed: int | Tensor, rows: Tensor) -> Tensor:
    """What `nntrain.data.noise.row_keys` gives, bit for bit, as int64 on the device of `rows` (splitmix64).

    Args:
        seed: A number, or one for each row that broadcasts against `rows`.
        rows: Int64 counters.
    """
    state = (rows + 1) * _GOLDEN + seed  # int64 wraps around as uint64 does
    state = (state ^ _shifted(state, 30)) * _MIX[0]
    state = (state ^ _shifted(state, 27)) * _MIX[1]
    return state ^ _shifted(state, 31)


def _shifted(state: Tensor, bits: int) -> Tensor:
    """A shift to the right that brings in zeros."""
    return (state >> bits) & (2 ** (64 - bits) - 1)


@dataclass(frozen=True, slots=True)
class Draws:
    """Draws for the rows of a batch."""

    key: int
    """A function of seed, epoch, field and augmentation."""
    rows: Tensor
    """Row numbers, int64 `[B]`."""

    def uniform(self, purpose: str, low: float = 0.0, high: float = 1.0) -> Tensor:
        """A number in [low, high) for each row, float32 `[B]`."""
        return _unit(keys_on_device(derive_seed(self.key, purpose), self.rows)) * (high - low) + low

    def chance(self, purpose: str, p: float) -> Tensor:
        """Whether something that happens with probability `p` does, bool `[B]`."""
        return self.uniform(purpose) < p

    def normal(self, purpose: str, count: int) -> Tensor:
        """Standard normal numbers, float32 `[B, count]` (Box and Muller, 1958)."""
        keys = keys_on_device(derive_seed(self.key, purpose), self.rows)[:, None]
        half = -(-count // 2)
        pairs = _unit(keys_on_device(keys, torch.arange(2 * half, device=self.rows.device)[None]))
        radius, angle = torch.sqrt(-2 * torch.log1p(-pairs[:, :half])), 2 * math.pi * pairs[:, half:]
        return torch.cat([radius * torch.cos(angle), radius * torch.sin(angle)], dim=1)[:, :count]

    def white(self, purpose: str, count: int) -> Tensor:
        """Standard normal numbers, float32 `[B, count]`, of which the first are the same however many there are."""
        keys = keys_on_device(derive_seed(self.key, purpose), self.rows)[:, None]
        half = -(-count // 2)
        pairs = _unit(keys_on_device(keys, torch.arange(2 * half, device=self.rows.device)[None])).reshape(-1, half, 2)
        radius, angle = torch.sqrt(-2 * torch.log1p(-pairs[:, :, 0])), 2 * math.pi * pairs[:, :, 1]
        return torch.stack([radius * torch.cos(angle), radius * torch.sin(angle)], dim=2).flatten(1)[:, :count]


class Augment(Protocol):
    """The random changes of an epoch."""

    def __call__(self, field: str, images: Tensor, rows: Tensor, /) -> Tensor:
        """Images `[B, C, H, W]` in [0, 1] of the rows of these numbers, int64 `[B]`, changed."""
        ...

    def draws(self, field: str, place: int, rows: Tensor) -> Draws:
        """The random numbers of rows for the change of a field that stands at a place of its list."""
        ...


def _unit(keys: Tensor) -> Tensor:
    """The highest 24 bits as a number in [0, 1): float32 holds them exactly."""
    return _shifted(keys, 40).float() * 2.0**-24
