"""Pools whose output has a given size, whatever the input's. Padding of ragged rows is never seen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import PositiveInt

from nntrain.layers.layer import Layer, Need
from nntrain.layers.requirements import channel_axis
from nntrain.layers.windows import Pair, Triple, need_axes, spatial_axes, spread
from nntrain.specs import IMAGE, SEQUENCE, VOLUME, Axes, Spec

if TYPE_CHECKING:
    from torch import nn


class AdaptivePool(Layer):
    """Splits each axis into parts of nearly one size and pools each part, every channel by itself (torch's boundaries)."""

    main: ClassVar[str | None] = "output_size"
    axes: ClassVar[Axes]
    how: ClassVar[Literal["Avg", "Max"]]
    """What torch calls what is taken."""

    @property
    def bins(self) -> tuple[int, ...]:
        """Parts along each axis."""
        raise NotImplementedError

    @property
    def looks_ahead(self) -> bool:
        """Where a part ends depends on how long the row is."""
        return True

    def out_spec(self, spec: Spec, *side: Spec) -> Spec:
        need_axes(spec, self.axes)
        sizes = dict(zip(spatial_axes(spec), self.bins, strict=True))
        return Spec(spec.axes, spec.sizes).with_sizes(**sizes, **{channel_axis(spec): spec.size(channel_axis(spec))})

    def build(self, spec: Spec, *side: Spec) -> nn.Module:
        from torch import nn

        from nntrain.modules.adaptive_pooling import SequenceAdaptivePool

        if self.axes == SEQUENCE:
            return SequenceAdaptivePool("mean" if self.how == "Avg" else "max", self.bins[0])
        module: Any = getattr(nn, f"Adaptive{self.how}Pool{len(self.bins)}d")
        return module(self.bins)


class AdaptivePoolAlongTime(AdaptivePool):
    """Parts of a sequence: [B, T, F] -> [B, output_size, F]; of each row's own length where lengths differ."""

    axes: ClassVar[Axes] = SEQUENCE
    needs: ClassVar[frozenset[Need]] = frozenset({"lengths"})

    output_size: PositiveInt
    """Steps that come out."""

    @property
    def bins(self) -> tuple[int, ...]:
        return (self.output_size,)


class AdaptivePoolOverImage(AdaptivePool):
    """Parts of an image: [B, C, H, W] -> [B, C, *output_size]."""

    axes: ClassVar[Axes] = IMAGE

    output_size: Pair
    """Pixels that come out; a number, or [height, width]."""

    @property
    def bins(self) -> tuple[int, ...]:
        return spread(self.output_size, 2)


class AdaptivePoolThroughVolume(AdaptivePool):
    """Parts of a volume: [B, C, D, H, W] -> [B, C, *output_size]."""

    axes: ClassVar[Axes] = VOLUME

    output_size: Triple
    """Voxels that come out; a number, or [depth, height, width]."""

    @property
    def bins(self) -> tuple[int, ...]:
        return spread(self.output_size, 3)


class AdaptiveAvgPool1d(AdaptivePoolAlongTime):
    """Mean of each of `output_size` parts of a sequence: [B, T, F] -> [B, output_size, F]; of each row's own length."""

    how: ClassVar[Literal["Avg", "Max"]] = "Avg"

    type: Literal["adaptive_avg_pool1d"] = "adaptive_avg_pool1d"


class AdaptiveMaxPool1d(AdaptivePoolAlongTime):
    """Largest value of each of `output_size` parts of a sequence: [B, T, F] -> [B, output_size, F]; of each row's own length."""

    how: ClassVar[Literal["Avg", "Max"]] = "Max"

    type: Literal["adaptive_max_pool1d"] = "adaptive_max_pool1d"


class AdaptiveAvgPool2d(AdaptivePoolOverImage):
    """Mean of each part of an image: [B, C, H, W] -> [B, C, *output_size], for an input of any size."""

    how: ClassVar[Literal["Avg", "Max"]] = "Avg"

    type: Literal["adaptive_avg_pool2d"] = "adaptive_avg_pool2d"


class AdaptiveMaxPool2d(AdaptivePoolOverImage):
    """Largest value of each part of an image: [B, C, H, W] -> [B, C, *output_size], for an input of any size."""

    how: ClassVar[Literal["Avg", "Max"]] = "Max"

    type: Literal["adaptive_max_pool2d"] = "adaptive_max_pool2d"


class AdaptiveAvgPool3d(AdaptivePoolThroughVolume):
    """Mean of each part of a volume: [B, C, D, H, W] -> [B, C, *output_size], for an input of any size."""

    how: ClassVar[Literal["Avg", "Max"]] = "Avg"

    type: Literal["adaptive_avg_pool3d"] = "adaptive_avg_pool3d"


class AdaptiveMaxPool3d(AdaptivePoolThroughVolume):
    """Largest value of each part of a volume: [B, C, D, H, W] -> [B, C, *output_size], for an input of any size."""

    how: ClassVar[Literal["Avg", "Max"]] = "Max"

    type: Literal["adaptive_max_pool3d"] = "adaptive_max_pool3d"
