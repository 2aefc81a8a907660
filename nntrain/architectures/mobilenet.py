"""Small networks of depthwise convolutions, for devices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Final, Literal

from pydantic import PositiveFloat

from nntrain.architectures.family import Family
from nntrain.architectures.vision import Stem, conv, need_pixels, norm, rounded
from nntrain.layers.activation import ReLU6
from nntrain.layers.composite import Residual
from nntrain.layers.global_pooling import GlobalAvgPool
from nntrain.layers.regularizing import dropouts

if TYPE_CHECKING:
    from nntrain.layers.context import Context
    from nntrain.layers.layer import Layer
    from nntrain.specs import Spec

STAGES: Final = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))
"""Expansion, channels, blocks, stride of the first block (Sandler et al. 2018, table 2)."""
FIRST: Final = 32
LAST: Final = 1280


class MobileNet(Family):
    """MobileNetV2 (Sandler et al. 2018): inverted residuals, which widen, filter each channel by itself, and narrow again.

    Dropout stands before the output layer, as in the paper.
    """

    main: ClassVar[str | None] = "width_multiplier"

    type: Literal["mobilenet"] = "mobilenet"
    width_multiplier: PositiveFloat = 1.0
    """Factor of all widths; the last is never narrowed."""
    stem: Stem = "imagenet"
    """`imagenet` halves the image five times, `cifar` three times: the first convolution and the first strided stage keep its size."""

    def expand(self, context: Context, spec: Spec) -> Sequence[Layer]:
        is_small = self.stem == "cifar"
        need_pixels(spec, 8 if is_small else 32, "mobilenet")
        channels = self._width(FIRST)
        layers: list[Layer] = [conv(channels, 3, 1 if is_small else 2), norm(context), ReLU6()]
        for stage, (expansion, width, count, stride) in enumerate(STAGES):
            for index in range(count):
                first = 1 if is_small and stage == 1 else stride
                layers += self._block(context, channels, self._width(width), expansion, first if index == 0 else 1)
                channels = self._width(width)
        layers += [conv(max(LAST, self._width(LAST)), 1), norm(context), ReLU6()]
        return [*layers, GlobalAvgPool(), *dropouts(context)]

    def _width(self, width: int) -> int:
        return rounded(width * self.width_multiplier)

    def _block(self, context: Context, channels: int, width: int, expansion: int, stride: int) -> Sequence[Layer]:
        inner = channels * expansion
        layers: list[Layer] = [] if expansion == 1 else [conv(inner, 1), norm(context), ReLU6()]
        layers += [conv(inner, 3, stride, groups=inner), norm(context), ReLU6(), conv(width, 1), norm(context)]
        return [Residual(layers=tuple(layers), shortcut=())] if stride == 1 and channels == width else layers
