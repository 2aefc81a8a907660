"""Pools of a given number of parts of each row, whatever its length."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool1d, adaptive_max_pool1d

from nntrain.modules.masking import fill_padding


class SequenceAdaptivePool(nn.Module):
    """Mean or largest value of each part: `[B, T, F] -> [B, parts, F]`. `lengths` int64 `[B]`, or `None` where all steps are true."""

    def __init__(self, how: Literal["mean", "max"], parts: int) -> None:
        super().__init__()
        self.how = how
        self.parts = parts

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Pool; part i of n of a row of L steps is floor(i L / n) to ceil((i + 1) L / n). A row without steps gives zeros."""
        if lengths is None:
            pool = adaptive_avg_pool1d if self.how == "mean" else adaptive_max_pool1d
            return pool(x.transpose(1, 2), self.parts).transpose(1, 2)
        x = fill_padding(x, lengths)
        is_part = self._parts(lengths, x.shape[1])
        if self.how == "mean":
            weights = is_part.to(x.dtype) / is_part.sum(2, keepdim=True).clamp(min=1)
            return weights @ x
        lowest = torch.finfo(x.dtype).min
        # one part at a time: all at once would hold `parts` copies of x
        largest = [x.masked_fill(~part.unsqueeze(2), lowest).amax(1) for part in is_part.unbind(1)]
        return torch.stack(largest, 1).masked_fill((lengths == 0)[:, None, None], 0.0)

    def _parts(self, lengths: Tensor, steps: int) -> Tensor:
        """Bool `[B, parts, T]`: whether a step is in a part."""
        place = torch.arange(self.parts, device=lengths.device)
        length = lengths.unsqueeze(1)
        start = (place * length) // self.parts
        end = ((place + 1) * length + self.parts - 1) // self.parts
        step = torch.arange(steps, device=lengths.device)
        return (step >= start.unsqueeze(2)) & (step < end.unsqueeze(2))
