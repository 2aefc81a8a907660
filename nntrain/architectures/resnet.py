"""Residual networks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Final, Literal, Self

from pydantic import PositiveInt

from nntrain.architectures.family import Family
from nntrain.architectures.pretrained import Pretrained, filled, need_norm, taken
from nntrain.architectures.vision import Stem, conv, need_pixels, norm, stem_layers
from nntrain.layers.activation import ReLU
from nntrain.layers.composite import Residual
from nntrain.layers.global_pooling import GlobalAvgPool
from nntrain.layers.regularizing import dropouts

if TYPE_CHECKING:
    from pathlib import Path

    from nntrain.layers.context import Context
    from nntrain.layers.layer import Layer
    from nntrain.specs import Spec

STAGES: Final = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3), 101: (3, 4, 23, 3), 152: (3, 8, 36, 3)}
"""Blocks by stage of the networks for large images (He et al. 2015, table 1)."""
BOTTLENECK_FROM: Final = 50
EXPANSION: Final = 4
"""Channels that leave a bottleneck, in widths."""


class ResNet(Family):
    """Residual network (He et al. 2015): stages of blocks x + f(x), each stage half the size and twice the width, then a global mean.

    Depths 18 to 152 have four stages of width 64 to 512, with bottlenecks from 50 on; the stride of a bottleneck is in its 3x3
    convolution. Depths 20, 32, 44, 56 and 110 are the paper's networks for 32x32 images: three stages of width 16 to 64. A block that
    changes the shape has a 1x1 convolution as shortcut. Dropout stands before the output layer; stochastic depth drops whole blocks.
    """

    main: ClassVar[str | None] = "depth"
    reads_images: ClassVar[bool] = True

    type: Literal["resnet"] = "resnet"
    depth: Literal[18, 20, 32, 34, 44, 50, 56, 101, 110, 152] = 18
    """Number of layers with weights."""
    stem: Stem | None = None
    """How it begins: `imagenet` halves the image twice, `cifar` keeps its size. Default: as the paper has it for this depth."""
    width: PositiveInt | None = None
    """Channels of the first stage. Default: 64, or 16 for the networks of 32x32 images."""
    pretrained: Pretrained | None = None
    """A trained residual network: its folder, as Hugging Face or timm writes it (`pretrained: models/resnet`), its name on the hub where it
    was loaded before, or `imagenet`. Its sizes and weights are taken, without its head. Image fields that say nothing of size, channels and
    normalisation have those of its training."""

    def expand(self, context: Context, spec: Spec) -> Sequence[Layer]:
        is_small = self.depth not in STAGES
        blocks = (((self.depth - 2) // 6,) * 3) if is_small else STAGES[self.depth]
        width = self.width or (16 if is_small else 64)
        stem: Stem = self.stem or ("cifar" if is_small else "imagenet")
        need_pixels(spec, 2 ** (len(blocks) - 1) * (4 if stem == "imagenet" else 1), "resnet")
        layers = list(stem_layers(stem, width, context))
        channels = width
        for stage, count in enumerate(blocks):
            for index in range(count):
                stride = 2 if stage > 0 and index == 0 else 1
                layers += self._block(context, channels, width * 2**stage, stride)
                channels = self._out(width * 2**stage)
        layers += [GlobalAvgPool(), *dropouts(context)]
        if self.pretrained is None:
            return layers
        need_norm(self.pretrained, context.norm, "batch")
        from nntrain.weights.hub_names import part_names

        return taken(layers, self.pretrained, part_names(self.type, blocks, has_bottlenecks=self._has_bottlenecks))

    def located(self, folder: Path) -> Self:
        """With the sizes of the trained network, where one is named. Raises `SpecError` and `CheckpointError`."""
        return self if self.pretrained is None else filled(self, self.pretrained, folder)

    def _out(self, width: int) -> int:
        return width * EXPANSION if self._has_bottlenecks else width

    @property
    def _has_bottlenecks(self) -> bool:
        return self.depth in STAGES and self.depth >= BOTTLENECK_FROM

    def _block(self, context: Context, channels: int, width: int, stride: int) -> Sequence[Layer]:
        out = self._out(width)
        if self._has_bottlenecks:
            inner = [conv(width, 1), norm(context), ReLU(), conv(width, 3, stride), norm(context), ReLU(), conv(out, 1), norm(context)]
        else:
            inner = [conv(width, 3, stride), norm(context), ReLU(), conv(width, 3), norm(context)]
        shortcut = () if stride == 1 and channels == out else (conv(out, 1, stride), norm(context))
        return [Residual(layers=tuple(inner), shortcut=shortcut), ReLU()]
