"""Merges of two tensors into how near they are to one another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Literal

from nntrain.layers.merging import Merge, agree, missing_axes
from nntrain.layers.requirements import channel_axis
from nntrain.specs import Spec

if TYPE_CHECKING:
    from torch import nn


class Compare(Merge):
    """Two tensors become one number: per row, per step of a sequence, per pixel of an image."""

    is_pair: ClassVar[bool] = True
    how: ClassVar[Literal["dot", "cosine", "distance"]]

    def joined(self, widest: Spec, specs: Sequence[Spec]) -> Spec:
        sizes = dict(zip(widest.axes, (agree(specs, axis) for axis in widest.axes), strict=True))
        return Spec(widest.axes, tuple({**sizes, channel_axis(widest): 1}.values()))

    def build(self, spec: Spec, *side: Spec) -> nn.Module:
        from nntrain.modules.merging import Comparison

        widest = max((spec, *side), key=lambda each: each.rank)
        return Comparison(self.how, widest.dim(channel_axis(widest)), missing_axes(widest, (spec, *side)))


class Dot(Compare):
    """Inner product of two tensors over their features or channels: [B, F], [B, F] -> [B, 1]."""

    how = "dot"

    type: Literal["dot"] = "dot"


class Cosine(Compare):
    """Cosine of the angle between two tensors over their features or channels, from -1 to 1: [B, F], [B, F] -> [B, 1]."""

    how = "cosine"

    type: Literal["cosine"] = "cosine"


class Distance(Compare):
    """Euclidean distance of two tensors over their features or channels: [B, F], [B, F] -> [B, 1].

    The square root of the sum of squares, to which 1e-12 is added, so that equal tensors have a gradient (0).
    """

    how = "distance"

    type: Literal["distance"] = "distance"
