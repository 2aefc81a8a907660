"""True steps and padding of ragged rows: `lengths` int64 `[B]` says how many steps of `[B, T, …]` are true; `None`, all."""

from __future__ import annotations

import torch
from torch import Tensor


def true_steps(lengths: Tensor, steps: int) -> Tensor:
    """Bool `[B, T]`: whether a step is one of the row's own."""
    return torch.arange(steps, device=lengths.device) < lengths.unsqueeze(1)


def fill_padding(x: Tensor, lengths: Tensor | None, value: float = 0.0) -> Tensor:
    """Set the padding of `[B, T, F]` to a value, whatever it holds (infinity included); no gradient reaches it."""
    if lengths is None:
        return x
    return x.masked_fill(~true_steps(lengths, x.shape[1]).unsqueeze(2), value)
