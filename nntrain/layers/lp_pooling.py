"""Pools by the p-norm of a window."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import PositiveFloat

from nntrain.layers.pooling import PoolAlongTime, PoolOverImage
from nntrain.specs import Spec

if TYPE_CHECKING:
    from torch import nn


class LPPool1d(PoolAlongTime):
    """(Σ |x|^norm_type)^(1 / norm_type) over each window along time: [B, T, F] -> [B, T', F]. Padding counts as zeros.

    torch's takes x itself instead of |x|, which gives the same for an even norm_type and NaN for sums below 0.
    """

    type: Literal["lp_pool1d"] = "lp_pool1d"
    norm_type: PositiveFloat = 2.0
    """The power: 1 is the sum of absolute values, 2 the Euclidean length; the larger, the closer to the largest."""

    def build(self, spec: Spec, *side: Spec) -> nn.Module:
        from nntrain.modules.pooling import SequenceLPPool

        return SequenceLPPool(*self.slides, power=self.norm_type)


class LPPool2d(PoolOverImage):
    """(Σ |x|^norm_type)^(1 / norm_type) over each window: [B, C, H, W] -> [B, C, H', W']. Padding counts as zeros.

    torch's takes x itself instead of |x|, which gives the same for an even norm_type and NaN for sums below 0.
    """

    type: Literal["lp_pool2d"] = "lp_pool2d"
    norm_type: PositiveFloat = 2.0
    """The power: 1 is the sum of absolute values, 2 the Euclidean length; the larger, the closer to the largest."""

    def build(self, spec: Spec, *side: Spec) -> nn.Module:
        from nntrain.modules.pooling import LPPool

        return LPPool(self.torchs("Avg", 0.0), self.windows[0].kernel * self.windows[1].kernel, self.norm_type)
