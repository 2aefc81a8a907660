"""Convolutions that pad as `layers/windows.py` says, over our axis order for sequences."""

from __future__ import annotations

from typing import Any, Final

from torch import Tensor, nn
from torch.nn.functional import conv1d, conv_transpose1d, pad

from nntrain.modules.masking import fill_padding

MODES: Final = {"zeros": "constant", "reflect": "reflect", "replicate": "replicate", "circular": "circular"}
"""Ways to pad, and what torch's `pad` calls them."""


class SequenceConv1d(nn.Conv1d):
    """Convolution of sequences `[B, T, F] -> [B, T', F']` with `pads` points before and after, filled as `padding_mode` says."""

    def __init__(self, *args: Any, pads: tuple[int, int], padding_mode: str = "zeros", **options: Any) -> None:
        super().__init__(*args, padding=0, **options)
        self.pads = pads
        self.mode = MODES[padding_mode]

    def forward(self, input: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Convolve; what lies beyond a row's length counts as zeros, as beyond its end when it is alone."""
        x = fill_padding(input, lengths).transpose(1, 2)
        before, after = self.pads
        if self.mode != "constant":
            x, before, after = pad(x, self.pads, self.mode), 0, 0
        span = self.dilation[0] * (self.kernel_size[0] - 1) + 1
        after = max(after, span - before - x.shape[2])  # ragged rows may all be short: to one window, as a short one among others
        if before == after:
            x = conv1d(x, self.weight, self.bias, self.stride, before, self.dilation, self.groups)
        else:
            x = conv1d(pad(x, (before, after)), self.weight, self.bias, self.stride, 0, self.dilation, self.groups)
        return x.transpose(1, 2)


class _Padded(nn.Module):
    """Pads before a convolution, each side by itself."""

    def __init__(self, *args: Any, pads: tuple[int, ...], padding_mode: str = "zeros", **options: Any) -> None:
        super().__init__(*args, padding=0, **options)
        self.pads = pads
        self.mode = MODES[padding_mode]

    def forward(self, input: Tensor) -> Tensor:
        """Pad, then convolve."""
        return super().forward(pad(input, self.pads, self.mode))


class PaddedConv2d(_Padded, nn.Conv2d):
    """Convolution of images `[B, C, H, W] -> [B, C', H', W']`; `pads` is (left, right, top, bottom)."""


class PaddedConv3d(_Padded, nn.Conv3d):
    """Convolution of volumes `[B, C, D, H, W] -> [B, C', D', H', W']`; `pads` is (left, right, top, bottom, front, back)."""


class SeparableConvolution(nn.Module):
    """A convolution of each channel by itself, then one of kernel 1 over all channels."""

    def __init__(self, depthwise: nn.Module, pointwise: nn.Module) -> None:
        super().__init__()
        self.depthwise = depthwise
        self.pointwise = pointwise

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Convolve twice; the second sees each point by itself, padding or not."""
        middle = self.depthwise(x) if lengths is None else self.depthwise(x, lengths)
        return self.pointwise(middle)


class SequenceConvTranspose1d(nn.ConvTranspose1d):
    """Transposed convolution of sequences `[B, T, F] -> [B, T', F']`, the last `crop` steps left out."""

    def __init__(self, *args: Any, crop: int, **options: Any) -> None:
        super().__init__(*args, **options)
        self.crop = crop

    def forward(self, input: Tensor, lengths: Tensor | None = None) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Convolve; what lies beyond a row's length counts as zeros, which add nothing."""
        x = fill_padding(input, lengths).transpose(1, 2)
        x = conv_transpose1d(x, self.weight, self.bias, self.stride, self.padding, self.output_padding, self.groups, self.dilation)  # pyright: ignore[reportArgumentType]
        return x[:, :, : x.shape[2] - self.crop].transpose(1, 2)


class _Cropped(nn.Module):
    """Leaves out `crop` points at the end of each axis of what a convolution gives."""

    def __init__(self, *args: Any, crop: tuple[int, ...], **options: Any) -> None:
        super().__init__(*args, **options)
        self.crop = crop

    def forward(self, input: Tensor) -> Tensor:
        """Convolve, then crop."""
        x = super().forward(input)
        for axis, count in enumerate(self.crop, start=2):
            x = x.narrow(axis, 0, x.shape[axis] - count)
        return x


class CroppedConvTranspose2d(_Cropped, nn.ConvTranspose2d):  # pyright: ignore[reportIncompatibleMethodOverride]
    """Transposed convolution of images `[B, C, H, W] -> [B, C', H', W']`, the last rows and columns left out."""


class CroppedConvTranspose3d(_Cropped, nn.ConvTranspose3d):  # pyright: ignore[reportIncompatibleMethodOverride]
    """Transposed convolution of volumes `[B, C, D, H, W] -> [B, C', D', H', W']`, the last planes of each axis left out."""
