"""EfficientNet-Lite: networks of depthwise convolutions, widened and deepened together."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Final, Literal

from pydantic import PositiveFloat

from nntrain.architectures.family import Family
from nntrain.architectures.vision import conv, need_pixels, rounded
from nntrain.layers.activation import ReLU6
from nntrain.layers.composite import Residual
from nntrain.layers.global_pooling import GlobalAvgPool
from nntrain.layers.normalization import BatchNorm
from nntrain.layers.regularizing import dropouts, named_norm
from nntrain.layers.resizing import Pad
from nntrain.specs import Size, Spec, compute

if TYPE_CHECKING:
    from nntrain.layers.context import Context
    from nntrain.layers.convolution import Conv2d
    from nntrain.layers.layer import Layer

STAGES: Final = (
    (1, 16, 1, 1, 3),
    (6, 24, 2, 2, 3),
    (6, 40, 2, 2, 5),
    (6, 80, 3, 2, 3),
    (6, 112, 3, 1, 5),
    (6, 192, 4, 2, 5),
    (6, 320, 1, 1, 3),
)
"""Expansion, channels, blocks, stride of the first block, kernel size (Tan and Le 2019, table 1)."""
FIRST: Final = 32
LAST: Final = 1280
SCALES: Final = {"lite0": (1.0, 1.0), "lite1": (1.0, 1.1), "lite2": (1.1, 1.2), "lite3": (1.2, 1.4), "lite4": (1.4, 1.8)}
"""Factors of width and depth."""


class EfficientNetLite(Family):
    """EfficientNet-Lite (Google 2020; Tan and Le 2019): inverted residuals without squeeze-and-excitation, relu6 in place of silu.

    First and last convolution, first and last stage keep their size in all variants; images had 224, 240, 260, 280 and 300 pixels, and
    normalize [-1, 1]. Where it halves the image, an odd point of padding stands at the end, as in TensorFlow: published weights expect it.
    Batch norms have eps 1e-3 and momentum 0.01. Dropout stands before the output layer (0.2; 0.3 from lite2 on, in the original);
    stochastic depth (0.2) leaves out what a block adds.
    """

    main: ClassVar[str | None] = "variant"

    type: Literal["efficientnet_lite"] = "efficientnet_lite"
    variant: Literal["lite0", "lite1", "lite2", "lite3", "lite4"] = "lite0"
    """How wide and deep it is: 4.7, 5.4, 6.1, 8.2 or 13.0 million parameters, with 1,000 classes."""
    width_multiplier: PositiveFloat | None = None
    """Factor of the widths of all stages. Default: that of the variant, 1 to 1.4."""
    depth_multiplier: PositiveFloat | None = None
    """Factor of the blocks of all stages but the first and last. Default: that of the variant, 1 to 1.8."""

    def expand(self, context: Context, spec: Spec) -> Sequence[Layer]:
        need_pixels(spec, 32, "efficientnet_lite")
        width, depth = (own or of for own, of in zip((self.width_multiplier, self.depth_multiplier), SCALES[self.variant], strict=True))
        sizes: tuple[Size, ...] = spec.sizes[1:]
        padding, first = _padded(3, 2, sizes, FIRST)
        layers: list[Layer] = [*padding, first, _norm(context), ReLU6()]
        channels, sizes = FIRST, _halved(sizes)
        for number, (expansion, wide, count, stride, kernel) in enumerate(STAGES):
            is_fixed = number in (0, len(STAGES) - 1)
            for index in range(count if is_fixed else math.ceil(depth * count)):
                step = stride if index == 0 else 1
                filtered = _padded(kernel, step, sizes, channels * expansion, groups=channels * expansion)
                layers += _block(context, channels, rounded(width * wide), filtered)
                channels, sizes = rounded(width * wide), _halved(sizes) if step == 2 else sizes
        return [*layers, conv(LAST, 1), _norm(context), ReLU6(), GlobalAvgPool(), *dropouts(context)]


def _block(context: Context, channels: int, width: int, filtered: tuple[Sequence[Layer], Conv2d]) -> Sequence[Layer]:
    """An inverted residual around the convolution that filters each channel by itself, behind its padding."""
    padding, filters = filtered
    inner = filters.out_channels
    layers: list[Layer] = [] if inner == channels else [conv(inner, 1), _norm(context), ReLU6()]
    layers += [*padding, filters, _norm(context), ReLU6(), conv(width, 1), _norm(context)]
    return [Residual(layers=tuple(layers), shortcut=())] if filters.stride == 1 and channels == width else layers


def _norm(context: Context) -> Layer:
    return BatchNorm(eps=1e-3, momentum=0.01) if context.norm in {None, "batch"} else named_norm(context.norm or "batch")


def _padded(kernel: int, stride: int, sizes: Sequence[Size], width: int, groups: int = 1) -> tuple[Sequence[Layer], Conv2d]:
    """Padding and a convolution to ceil(n / stride) points, as TensorFlow pads: of an odd number of points one more stands at the end."""
    plain = conv(width, kernel, stride, groups)
    both = tuple(_pads(kernel, stride, size) for size in sizes)
    if all(before == after == kernel // 2 for before, after in both):
        return [], plain
    return [Pad(padding=both)], plain.model_copy(update={"padding": 0})


def _pads(kernel: int, stride: int, size: Size) -> tuple[int, int]:
    """Points before and after; of a size that is not known yet as of an even one."""
    over = (size - 1) % stride if isinstance(size, int) else stride - 1
    total = max(kernel - 1 - over, 0)
    return total // 2, total - total // 2


def _halved(sizes: Sequence[Size]) -> tuple[Size, ...]:
    return tuple(compute(_half, size) for size in sizes)


def _half(size: int) -> int:
    return (size + 1) // 2
