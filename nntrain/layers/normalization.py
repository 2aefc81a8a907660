"""Normalizations. Statistics never see the padding of ragged rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Final, Literal

from pydantic import Field, PositiveFloat, PositiveInt

from nntrain.errors import SpecError
from nntrain.layers.layer import Layer, Need
from nntrain.layers.norm import Norm
from nntrain.layers.requirements import channel_axis, divisors_hint
from nntrain.specs import IMAGE, SEQUENCE, VECTOR, VOLUME, Axes, Size, Spec, known

if TYPE_CHECKING:
    from torch import nn

MOST_GROUPS: Final = 32
"""Groups of a group norm, as in its paper."""
SMALLEST_GROUP: Final = 4
"""Channels that a group has at least, where nothing is said about their number: one of few numbers says little of a row."""


class BatchNorm(Norm):
    """Each feature or channel to mean 0 and variance 1 over the batch: vectors [B, F], sequences [B, T, F], images [B, C, H, W].

    Volumes [B, C, D, H, W] too. In training by the batch's own statistics (over the true steps and all pixels), in evaluation by
    running averages.
    """

    needs: ClassVar[frozenset[Need]] = frozenset({"lengths"})
    mixes_rows: ClassVar[bool] = True
    by_row: ClassVar[str | None] = "layer_norm"
    mixes_steps: ClassVar[bool] = True

    type: Literal["batch_norm"] = "batch_norm"
    momentum: Annotated[float, Field(gt=0, le=1)] = 0.1
    """Share of the newest batch in the running averages (torch's meaning; Keras' momentum is 1 minus this)."""

    def build(self, spec: Spec, *side: Spec) -> nn.Module:
        from nntrain.modules.normalization import FeatureBatchNorm, ImageBatchNorm, VolumeBatchNorm

        norm = {IMAGE: ImageBatchNorm, VOLUME: VolumeBatchNorm}.get(spec.axes, FeatureBatchNorm)
        return norm(known(spec.size(channel_axis(spec))), eps=self.eps, momentum=self.momentum)


class LayerNorm(Norm):
    """Each row to mean 0 and variance 1 over its features: vectors [B, F]; sequences [B, T, F], each step by itself.

    An image [B, C, H, W] is normalised over its channels, each pixel by itself (as in ConvNeXt), which fits any height and width.
    """

    type: Literal["layer_norm"] = "layer_norm"
    bias: bool = True
    """Whether to add a learned offset."""

    def parameter_shapes(self, spec: Spec, *side: Spec) -> dict[str, tuple[Size, ...]]:
        shapes = super().parameter_shapes(spec, *side)
        return shapes if self.bias else {"weight": shapes["weight"]}

    def build(self, spec: Spec, *side: Spec) -> nn.Module:
        from torch import nn

        from nntrain.modules.normalization import ChannelLayerNorm

        norm = nn.LayerNorm if channel_axis(spec) == "feature" else ChannelLayerNorm
        return norm(known(spec.size(channel_axis(spec))), eps=self.eps, bias=self.bias)


class RMSNorm(Norm):
    """Each row divided by the root of the mean of its squares over the features, and scaled (Zhang and Sennrich 2019).

    Vectors [B, F]; sequences [B, T, F], each step by itself; images and volumes over their channels, each pixel by itself.
    """

    type: Literal["rms_norm"] = "rms_norm"
    eps: PositiveFloat = 1e-6
    """Added to the mean of the squares, against division by zero."""

    def parameter_shapes(self, spec: Spec, *side: Spec) -> dict[str, tuple[Size, ...]]:
        return {"weight": (spec.size(channel_axis(spec)),)}

    def build(self, spec: Spec, *side: Spec) -> nn.Module:
        from torch import nn

        from nntrain.modules.normalization import ChannelRMSNorm

        norm = nn.RMSNorm if channel_axis(spec) == "feature" else ChannelRMSNorm
        return norm(known(spec.size(channel_axis(spec))), eps=self.eps)


class GroupNorm(Norm):
    """Groups of channels to mean 0 and variance 1 in each row, over all pixels or true steps (Wu and He 2018); rows see only themselves."""

    main: ClassVar[str | None] = "num_groups"
    needs: ClassVar[frozenset[Need]] = frozenset({"lengths"})
    mixes_steps: ClassVar[bool] = True

    type: Literal["group_norm"] = "group_norm"
    num_groups: PositiveInt | None = None
    """Groups into which the channels are split. Default: the most up to 32 that divide the channels and leave 4 of them in each."""

    def out_spec(self, spec: Spec, *side: Spec) -> Spec:
        out = super().out_spec(spec)
        channels = spec.size(channel_axis(spec))
        groups: Size | None = self.num_groups
        if isinstance(channels, int) and isinstance(groups, int):
            if channels % groups:
                raise SpecError(
                    f"splits the {channels} channels it gets into {groups} groups of one size, which doesn't work out",
                    hint=divisors_hint("num_groups", channels),
                )
            if spec.axes == VECTOR and channels == groups:
                raise SpecError(
                    f"has one number in each of its {channels} groups, and makes 0 of all", hint="use fewer groups, or layer_norm"
                )
        return out

    def build(self, spec: Spec, *side: Spec) -> nn.Module:
        from nntrain.modules.normalization import MaskedGroupNorm

        channels = known(spec.size(channel_axis(spec)))
        return MaskedGroupNorm(self.num_groups or default_groups(channels), channels, self.eps, is_sequence=spec.axes == SEQUENCE)


class InstanceNorm(Norm):
    """Each channel to mean 0 and variance 1 in each row, over all pixels or true steps (Ulyanov et al. 2016)."""

    takes: ClassVar[tuple[Axes, ...]] = (SEQUENCE, IMAGE, VOLUME)
    needs: ClassVar[frozenset[Need]] = frozenset({"lengths"})
    mixes_steps: ClassVar[bool] = True

    type: Literal["instance_norm"] = "instance_norm"
    affine: bool = False
    """Whether a scale and an offset are learned for each channel (torch's default: no)."""

    def parameter_shapes(self, spec: Spec, *side: Spec) -> dict[str, tuple[Size, ...]]:
        return super().parameter_shapes(spec) if self.affine else {}

    def build(self, spec: Spec, *side: Spec) -> nn.Module:
        from nntrain.modules.normalization import MaskedGroupNorm

        channels = known(spec.size(channel_axis(spec)))
        return MaskedGroupNorm(channels, channels, self.eps, affine=self.affine, is_sequence=spec.axes == SEQUENCE)


class LocalResponseNorm(Layer):
    """Each number divided by (k + alpha / size * Σ x²)^beta over `size` neighbouring channels at its pixel or step (AlexNet)."""

    main: ClassVar[str | None] = "size"

    type: Literal["local_response_norm"] = "local_response_norm"
    size: PositiveInt = 5
    """Channels that are summed over."""
    alpha: PositiveFloat = 1e-4
    """Factor of the squares."""
    beta: PositiveFloat = 0.75
    """Exponent."""
    k: PositiveFloat = 1.0
    """What is added to the squares."""

    def out_spec(self, spec: Spec, *side: Spec) -> Spec:
        if spec.axes not in {SEQUENCE, IMAGE, VOLUME} or spec.kind == "index":
            raise SpecError(f"needs a sequence [T, F] or an image [C, H, W], and gets {spec.describe()}")
        return Spec(spec.axes, spec.sizes, directions=spec.directions)

    def build(self, spec: Spec, *side: Spec) -> nn.Module:
        from torch import nn

        from nntrain.modules.normalization import FeatureResponseNorm

        norm = FeatureResponseNorm if spec.axes == SEQUENCE else nn.LocalResponseNorm
        return norm(self.size, self.alpha, self.beta, self.k)


def default_groups(channels: int) -> int:
    """The most groups up to 32 that divide the channels and leave 4 of them in each; 1 where there are none."""
    return max((n for n in range(1, MOST_GROUPS + 1) if channels % n == 0 and channels // n >= SMALLEST_GROUP), default=1)
