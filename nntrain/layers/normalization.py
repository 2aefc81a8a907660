"""Normalizations. Statistics never see the padding of ragged rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field, PositiveFloat

from nntrain.errors import SpecError
from nntrain.layers.layer import Layer, Need
from nntrain.layers.requirements import EMBED, channel_axis
from nntrain.specs import IMAGE, SEQUENCE, VECTOR, Size, Spec, known

if TYPE_CHECKING:
    from torch import nn


class BatchNorm(Layer):
    """Each feature or channel to mean 0 and variance 1 over the batch: vectors [B, F], sequences [B, T, F], images [B, C, H, W].

    In training by the batch's own statistics (over the true steps and all pixels), in evaluation by running averages.
    """

    needs: ClassVar[frozenset[Need]] = frozenset({"lengths"})
    mixes_rows: ClassVar[bool] = True

    type: Literal["batch_norm"] = "batch_norm"
    eps: PositiveFloat = 1e-5
    """Added to the variance, against division by zero."""
    momentum: Annotated[float, Field(gt=0, le=1)] = 0.1
    """Share of the newest batch in the running averages (torch's meaning; Keras' momentum is 1 minus this)."""

    def out_spec(self, spec: Spec, *side: Spec) -> Spec:
        return _normalized(spec)

    def parameter_shapes(self, spec: Spec, *side: Spec) -> dict[str, tuple[Size, ...]]:
        return _affine(spec)

    def build(self, spec: Spec, *side: Spec) -> nn.Module:
        from nntrain.modules.normalization import FeatureBatchNorm, ImageBatchNorm

        norm = ImageBatchNorm if spec.axes == IMAGE else FeatureBatchNorm
        return norm(known(spec.size(channel_axis(spec))), eps=self.eps, momentum=self.momentum)


class LayerNorm(Layer):
    """Each row to mean 0 and variance 1 over its features: vectors [B, F]; sequences [B, T, F], each step by itself.

    An image [B, C, H, W] is normalised over its channels, each pixel by itself (as in ConvNeXt), which fits any height and width.
    """

    type: Literal["layer_norm"] = "layer_norm"
    eps: PositiveFloat = 1e-5
    """Added to the variance, against division by zero."""

    def out_spec(self, spec: Spec, *side: Spec) -> Spec:
        return _normalized(spec)

    def parameter_shapes(self, spec: Spec, *side: Spec) -> dict[str, tuple[Size, ...]]:
        return _affine(spec)

    def build(self, spec: Spec, *side: Spec) -> nn.Module:
        from torch import nn

        from nntrain.modules.normalization import ChannelLayerNorm

        norm = ChannelLayerNorm if spec.axes == IMAGE else nn.LayerNorm
        return norm(known(spec.size(channel_axis(spec))), eps=self.eps)


def _normalized(spec: Spec) -> Spec:
    if spec.axes not in {VECTOR, SEQUENCE, IMAGE} or spec.kind == "index":
        raise SpecError(
            f"needs a row of numbers [F], a sequence [T, F] or an image [C, H, W], and gets {spec.describe()}",
            hint=EMBED if spec.kind == "index" else None,
        )
    return Spec(spec.axes, spec.sizes, directions=spec.directions)


def _affine(spec: Spec) -> dict[str, tuple[Size, ...]]:
    size = spec.size(channel_axis(spec))
    return {"weight": (size,), "bias": (size,)}
