"""Modules that make sequences, images and volumes larger."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, pad

from nntrain.modules.convolution import MODES
from nntrain.modules.masking import fill_padding


class Enlarged(nn.Module):
    """torch's interpolation, over our axis order for sequences."""

    def __init__(self, factors: Sequence[float], mode: str, *, is_sequence: bool, **options: Any) -> None:
        super().__init__()
        self.factors = list(factors)
        self.mode = mode
        self.is_sequence = is_sequence
        self.options = options

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Enlarge; a mix at a row's end repeats its last true step, as at the end of a row that is alone."""
        if self.is_sequence:
            x = (_held(x, lengths) if self.mode != "nearest" else x).transpose(1, 2)
        x = interpolate(x, scale_factor=self.factors, mode=self.mode, **self.options)
        return x.transpose(1, 2) if self.is_sequence else x


class Padded(nn.Module):
    """Points around `[B, C, …]` or `[B, T, F]`, in the order of torch's `pad`."""

    def __init__(self, pads: Sequence[int], mode: str, *, is_sequence: bool) -> None:
        super().__init__()
        self.pads = list(pads)
        self.mode = MODES[mode]
        self.is_sequence = is_sequence

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Pad; what lies beyond a row's length becomes zeros, of which the first are those that are added."""
        x = fill_padding(x, lengths).transpose(1, 2) if self.is_sequence else x
        x = pad(x, self.pads, self.mode)
        return x.transpose(1, 2) if self.is_sequence else x


def _held(x: Tensor, lengths: Tensor | None) -> Tensor:
    """`[B, T, F]` with each row's last true step in place of its padding."""
    if lengths is None:
        return x
    steps = torch.minimum(torch.arange(x.shape[1], device=x.device), (lengths - 1).clamp(min=0).unsqueeze(1))
    return fill_padding(x, lengths).gather(1, steps.unsqueeze(2).expand_as(x))
