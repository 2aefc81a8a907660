"""Dropout of whole channels."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from nntrain.layers.dropout import AnyDropout
from nntrain.layers.requirements import channel_axis
from nntrain.layers.windows import need_axes
from nntrain.specs import IMAGE, SEQUENCE, VOLUME, Axes, Spec

if TYPE_CHECKING:
    from torch import nn


class ChannelDropout(AnyDropout):
    """Zeroes whole channels with probability p while training and scales the others by 1 / (1 - p) (Tompson et al. 2015)."""

    axes: ClassVar[Axes]
    """What it takes."""

    def out_spec(self, spec: Spec, *side: Spec) -> Spec:
        need_axes(spec, self.axes)
        return spec

    def build(self, spec: Spec, *side: Spec) -> nn.Module:
        from nntrain.modules.dropping import SharedDropout

        return SharedDropout(self.p, kept=spec.dim(channel_axis(spec)))


class Dropout1d(ChannelDropout):
    """Zeroes whole features of a sequence [B, T, F], at all steps, with probability p while training; scales the others by 1 / (1 - p)."""

    axes: ClassVar[Axes] = SEQUENCE

    type: Literal["dropout1d"] = "dropout1d"


class Dropout2d(ChannelDropout):
    """Zeroes whole channels of an image [B, C, H, W] with probability p while training; scales the others by 1 / (1 - p)."""

    axes: ClassVar[Axes] = IMAGE

    type: Literal["dropout2d"] = "dropout2d"


class Dropout3d(ChannelDropout):
    """Zeroes whole channels of a volume [B, C, D, H, W] with probability p while training; scales the others by 1 / (1 - p)."""

    axes: ClassVar[Axes] = VOLUME

    type: Literal["dropout3d"] = "dropout3d"
