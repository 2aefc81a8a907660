"""Images as they are stored, and what the network reads: uint8 takes a quarter of the memory of float32."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class PixelScaling:
    """Offset and scale of each channel, of values in [0, 1]."""

    offset: Tensor
    """Float32 `[C, 1, 1]`."""
    scale: Tensor
    """Float32 `[C, 1, 1]`."""
    is_identity: bool
    """Whether they change nothing."""

    @classmethod
    def of(cls, offset: Tensor, scale: Tensor) -> PixelScaling:
        """From offset and scale `[C]`, on the CPU."""
        is_identity = not bool(offset.any()) and bool((scale == 1).all())
        return cls(offset.float()[:, None, None], scale.float()[:, None, None], is_identity)

    def to(self, device: torch.device | str) -> PixelScaling:
        """The same on a device."""
        return PixelScaling(self.offset.to(device), self.scale.to(device), self.is_identity)

    def unit(self, images: Tensor) -> Tensor:
        """Images `[B, C, H, W]`, uint8 or float32 in [0, 1], as float32 in [0, 1]."""
        return images.float() / 255 if images.dtype == torch.uint8 else images

    def normalize(self, images: Tensor) -> Tensor:
        """Float32 images `[B, C, H, W]` in [0, 1] as the network reads them."""
        return images if self.is_identity else (images - self.offset) / self.scale


def are_kept(pixels: Mapping[str, PixelScaling], inputs: Mapping[str, Tensor]) -> bool:
    """Whether the network reads these images, by field `[N, C, H, W]`, as they are."""
    return all(scaling.is_identity and inputs[name].dtype != torch.uint8 for name, scaling in pixels.items())
