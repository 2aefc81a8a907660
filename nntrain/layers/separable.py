"""Convolutions of each channel by itself, alone and with a mix of the channels behind it."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import PositiveInt

from nntrain.layers.requirements import channel_axis
from nntrain.layers.sliding import AlongTime, Filters, OverImage, Sliding, convolution
from nntrain.layers.windows import windows
from nntrain.specs import Size, Spec, known, times

if TYPE_CHECKING:
    from torch import nn


class Depthwise(Filters):
    """Filters over one channel each."""

    main: ClassVar[str | None] = "kernel_size"

    depth_multiplier: PositiveInt = 1
    """Filters over each channel: so many channels come out of every one."""

    def filters(self, channels: Size) -> Size:
        return times(channels, self.depth_multiplier)

    def split(self, channels: Size) -> Size:
        return channels


class DepthwiseConv1d(Depthwise, AlongTime):
    """Convolution of each feature by itself: [B, T, F] -> [B, T', F * depth_multiplier]."""

    type: Literal["depthwise_conv1d"] = "depthwise_conv1d"


class DepthwiseConv2d(Depthwise, OverImage):
    """Convolution of each channel by itself: [B, C, H, W] -> [B, C * depth_multiplier, H', W']."""

    type: Literal["depthwise_conv2d"] = "depthwise_conv2d"


class Separable(Sliding):
    """A depthwise convolution, then one of kernel 1 over all channels; the offset stands after the second only, as in Keras."""

    main: ClassVar[str | None] = "out_channels"
    sized: ClassVar[bool] = True

    out_channels: PositiveInt
    """Number of filters of the second convolution: the channels (of a sequence, the features) that come out."""
    depth_multiplier: PositiveInt = 1
    """Filters of the first convolution over each channel."""
    bias: bool = True
    """Whether to add a learned offset per channel that comes out."""

    def parameter_shapes(self, spec: Spec, *side: Spec) -> dict[str, tuple[Size, ...]]:
        channels = spec.size(channel_axis(spec))
        middle = times(channels, self.depth_multiplier)
        ones = [1] * len(self.kernel)
        shapes = {"depthwise.weight": (middle, 1, *self.kernel), "pointwise.weight": (self.out_channels, middle, *ones)}
        return {**shapes, "pointwise.bias": (self.out_channels,)} if self.bias else shapes

    def out_spec(self, spec: Spec, *side: Spec) -> Spec:
        return self.slid(spec).with_sizes(**{channel_axis(spec): self.out_channels})

    def build(self, spec: Spec, *side: Spec) -> nn.Module:
        from nntrain.modules.convolution import SeparableConvolution

        channels = known(spec.size(channel_axis(spec)))
        middle = channels * self.depth_multiplier
        depthwise = convolution(self.windows, channels, middle, axes=self.axes, groups=channels, bias=False, padding_mode=self.padding_mode)
        points = windows(len(self.kernel), 1, 1, 0)
        return SeparableConvolution(depthwise, convolution(points, middle, self.out_channels, axes=self.axes, bias=self.bias))


class SeparableConv1d(Separable, AlongTime):
    """Convolution of each feature by itself, then one of kernel 1 over all: [B, T, F] -> [B, T', out_channels].

    Far fewer weights than conv1d; the offset stands after the second only, as in Keras.
    """

    type: Literal["separable_conv1d"] = "separable_conv1d"


class SeparableConv2d(Separable, OverImage):
    """Convolution of each channel by itself, then one of kernel 1 over all: [B, C, H, W] -> [B, out_channels, H', W'].

    Far fewer weights than conv2d (Chollet 2017); the offset stands after the second only, as in Keras.
    """

    type: Literal["separable_conv2d"] = "separable_conv2d"
