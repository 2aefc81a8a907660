"""Convolutions that pad as `layers/windows.py` says, over our axis order for sequences."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn
from torch.nn.functional import conv1d, pad

from nntrain.modules.masking import fill_padding


class SequenceConv1d(nn.Conv1d):
    """Convolution of sequences `[B, T, F] -> [B, T', F']` with `pads` zeros before and after."""

    def __init__(self, *args: Any, pads: tuple[int, int], **options: Any) -> None:
        super().__init__(*args, padding=0, **options)
        self.pads = pads

    def forward(self, input: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Convolve; what lies beyond a row's length counts as zeros, as beyond its end when it is alone."""
        x = fill_padding(input, lengths).transpose(1, 2)
        span = self.dilation[0] * (self.kernel_size[0] - 1) + 1
        before, after = self.pads
        after = max(after, span - before - x.shape[2])  # ragged rows may all be short: to one window, as a short one among others
        if before == after:
            x = conv1d(x, self.weight, self.bias, self.stride, before, self.dilation, self.groups)
        else:
            x = conv1d(pad(x, (before, after)), self.weight, self.bias, self.stride, 0, self.dilation, self.groups)
        return x.transpose(1, 2)


class PaddedConv2d(nn.Conv2d):
    """Convolution of images whose zeros differ by side: `pads` is (left, right, top, bottom)."""

    def __init__(self, *args: Any, pads: tuple[int, int, int, int], **options: Any) -> None:
        super().__init__(*args, padding=0, **options)
        self.pads = pads

    def forward(self, input: Tensor) -> Tensor:
        """`[B, C, H, W] -> [B, C', H', W']`."""
        return super().forward(pad(input, self.pads))
