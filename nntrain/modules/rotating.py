"""Rotary positions: queries and keys are turned by angles that grow with their position (Su et al. 2021, section 3.4.2)."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Rotation(nn.Module):
    """Turns the pair of numbers (2i, 2i + 1) of a head by position / 10000^(2i / size), so that products depend on distances alone."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.rates: Tensor
        self.register_buffer("rates", 10000.0 ** (-torch.arange(0, size, 2) / size), persistent=False)

    def forward(self, queries: Tensor, keys: Tensor, start: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Turn `[B, heads, T, size]`.

        Args:
            queries: The queries.
            keys: The keys, of the same steps.
            start: Position of the first step in each row, int64 `[B]`; `None`: 0.
        """
        steps = torch.arange(queries.shape[2], device=queries.device)
        positions = steps if start is None else (start.unsqueeze(1) + steps).unsqueeze(1)
        angles = positions.unsqueeze(-1) * self.rates
        cosines, sines = angles.cos(), angles.sin()
        return _turned(queries, cosines, sines), _turned(keys, cosines, sines)


def _turned(x: Tensor, cosines: Tensor, sines: Tensor) -> Tensor:
    even, odd = x[..., 0::2], x[..., 1::2]
    turned = torch.stack([even * cosines - odd * sines, even * sines + odd * cosines], -1)
    return turned.flatten(-2).to(x.dtype)
