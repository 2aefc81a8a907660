"""Channels weighed by what the whole of a row says."""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn
from torch.nn.functional import hardsigmoid

from nntrain.modules.pooling import StepPool


class ChannelGate(nn.Module):
    """Each channel times a weight from 0 to 1: `[B, C, …]`, or `[B, T, F]` over the true steps."""

    def __init__(self, channels: int, width: int, gate: Literal["sigmoid", "hardsigmoid"], *, is_sequence: bool) -> None:
        super().__init__()
        self.squeeze = nn.Linear(channels, width)
        self.excite = nn.Linear(width, channels)
        self.gate = gate
        self.mean = StepPool("mean") if is_sequence else None

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Same shape."""
        whole = x.flatten(2).mean(2) if self.mean is None else self.mean(x, lengths)
        weights: Tensor = self.excite(self.squeeze(whole).relu())
        weights = weights.sigmoid() if self.gate == "sigmoid" else hardsigmoid(weights)
        return x * (weights.unsqueeze(1) if self.mean is not None else weights.view(*weights.shape, *[1] * (x.ndim - 2)))
