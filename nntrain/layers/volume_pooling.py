"""Pools over windows of a volume."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from nntrain.layers.pooling import SlidingPool
from nntrain.layers.windows import PixelTriple, Triple, Window, windows
from nntrain.specs import VOLUME, Axes, Spec

if TYPE_CHECKING:
    from torch import nn


class PoolThroughVolume(SlidingPool):
    """A window that slides through a volume, each channel by itself: [B, C, D, H, W] -> [B, C, D', H', W']."""

    axes: ClassVar[Axes] = VOLUME

    kernel_size: Triple
    """Voxels of one window; a number, or [depth, height, width]."""
    stride: Triple | None = None
    """Voxels from one window to the next; by default the kernel's size, so that windows touch."""
    padding: PixelTriple | Literal["same"] = 0
    """Voxels added on each side, at most half a kernel; `same` gives ceil(D / stride), the odd one added at the end."""

    @property
    def windows(self) -> tuple[Window, ...]:
        return windows(3, self.kernel_size, self.stride or self.kernel_size, self.padding)


class MaxPool3d(PoolThroughVolume):
    """Largest value of each window: [B, C, D, H, W] -> [B, C, D', H', W']. Voxels added by padding never win."""

    type: Literal["max_pool3d"] = "max_pool3d"

    def build(self, spec: Spec, *side: Spec) -> nn.Module:
        return self.torchs("Max", float("-inf"))


class AvgPool3d(PoolThroughVolume):
    """Mean of each window: [B, C, D, H, W] -> [B, C, D', H', W']. Voxels added by padding count as zeros, as in torch."""

    type: Literal["avg_pool3d"] = "avg_pool3d"

    def build(self, spec: Spec, *side: Spec) -> nn.Module:
        return self.torchs("Avg", 0.0)
