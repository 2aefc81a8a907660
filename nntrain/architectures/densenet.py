"""Densely connected networks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, ClassVar, Final, Literal

from pydantic import Field, PositiveInt

from nntrain.architectures.family import Family
from nntrain.architectures.vision import Stem, conv, need_pixels, norm, stem_layers
from nntrain.layers.activation import ReLU
from nntrain.layers.composite import Branches
from nntrain.layers.global_pooling import GlobalAvgPool
from nntrain.layers.pooling import AvgPool2d
from nntrain.layers.regularizing import dropouts

if TYPE_CHECKING:
    from nntrain.layers.context import Context
    from nntrain.layers.layer import Layer
    from nntrain.specs import Spec

BLOCKS: Final = {121: (6, 12, 24, 16), 161: (6, 12, 36, 24), 169: (6, 12, 32, 32), 201: (6, 12, 48, 32)}
"""Layers by block (Huang et al. 2017, table 1)."""
BOTTLENECK: Final = 4
"""Channels of the 1x1 convolution of a layer, in growth rates."""


class DenseNet(Family):
    """Densely connected network, DenseNet-BC (Huang et al. 2017): every layer adds `growth_rate` channels to all that come before it.

    Between blocks a 1x1 convolution keeps a share of the channels and a mean halves the size; a global mean ends it. Dropout stands
    behind each layer's 3x3 convolution, as in the paper.
    """

    main: ClassVar[str | None] = "depth"

    type: Literal["densenet"] = "densenet"
    depth: Literal[121, 161, 169, 201] = 121
    """Number of layers with weights."""
    growth_rate: PositiveInt | None = None
    """Channels that each layer adds. Default: 32, and 48 for depth 161."""
    compression: Annotated[float, Field(gt=0, le=1)] = 0.5
    """Share of the channels that go on from block to block."""
    stem: Stem = "imagenet"
    """How it begins: `imagenet` halves the image twice, `cifar` keeps its size."""

    def expand(self, context: Context, spec: Spec) -> Sequence[Layer]:
        blocks, growth = BLOCKS[self.depth], self.growth_rate or (48 if self.depth == 161 else 32)
        need_pixels(spec, 2 ** (len(blocks) - 1) * (4 if self.stem == "imagenet" else 1), "densenet")
        channels = 2 * growth
        layers = list(stem_layers(self.stem, channels, context))
        for block, count in enumerate(blocks):
            for _ in range(count):
                layers.append(Branches(of=((), tuple(self._layer(context, growth)))))
                channels += growth
            if block < len(blocks) - 1:
                channels = int(channels * self.compression)
                layers += [norm(context), ReLU(), conv(channels, 1), AvgPool2d(kernel_size=2)]
        return [*layers, norm(context), ReLU(), GlobalAvgPool()]

    def _layer(self, context: Context, growth: int) -> Sequence[Layer]:
        return [norm(context), ReLU(), conv(BOTTLENECK * growth, 1), norm(context), ReLU(), conv(growth, 3), *dropouts(context)]
