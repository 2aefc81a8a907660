"""Convolutions over sequences, images and volumes. Padding by name holds for any stride (see `windows`)."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import PositiveInt

from nntrain.layers.sliding import AlongTime, Filters, OverImage, ThroughVolume
from nntrain.specs import Size


class Convolution(Filters):
    """Filters over all channels, or over a part of them."""

    main: ClassVar[str | None] = "out_channels"
    sized: ClassVar[bool] = True

    out_channels: PositiveInt
    """Number of filters: the channels (of a sequence, the features) that come out."""
    groups: PositiveInt = 1
    """Parts into which channels and filters are split; each part of the filters sees its part of the channels."""

    def filters(self, channels: Size) -> Size:
        return self.out_channels

    def split(self, channels: Size) -> Size:
        return self.groups


class Conv1d(Convolution, AlongTime):
    """Convolution along time: [B, T, F] -> [B, T', out_channels]. The padding of shorter rows is read as zeros, like the border."""

    type: Literal["conv1d"] = "conv1d"


class Conv2d(Convolution, OverImage):
    """Convolution over an image: [B, C, H, W] -> [B, out_channels, H', W']."""

    type: Literal["conv2d"] = "conv2d"


class Conv3d(Convolution, ThroughVolume):
    """Convolution through a volume or a film: [B, C, D, H, W] -> [B, out_channels, D', H', W']."""

    type: Literal["conv3d"] = "conv3d"
