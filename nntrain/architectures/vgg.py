"""VGG networks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Final, Literal

from pydantic import PositiveInt

from nntrain.architectures.family import Family
from nntrain.architectures.vision import need_pixels
from nntrain.layers.activation import ReLU
from nntrain.layers.convolution import Conv2d
from nntrain.layers.global_pooling import GlobalAvgPool
from nntrain.layers.linear import Linear
from nntrain.layers.pooling import MaxPool2d
from nntrain.layers.regularizing import dropouts, norms
from nntrain.layers.shape import Flatten

if TYPE_CHECKING:
    from nntrain.layers.context import Context
    from nntrain.layers.layer import Layer
    from nntrain.specs import Spec

CONVOLUTIONS: Final = {11: (1, 1, 2, 2, 2), 13: (2, 2, 2, 2, 2), 16: (2, 2, 3, 3, 3), 19: (2, 2, 4, 4, 4)}
"""Convolutions by stage (Simonyan and Zisserman 2014, table 1: A, B, D, E)."""
WIDTHS: Final = (64, 128, 256, 512, 512)


class VGG(Family):
    """VGG network (Simonyan and Zisserman 2014): five stages of 3x3 convolutions, each ended by a pool, then wide linear layers.

    `regularization: {norm: batch}` puts a batch norm behind each convolution, as later versions have it; dropout stands behind each
    hidden linear layer, where the paper has 0.5.
    """

    main: ClassVar[str | None] = "depth"

    type: Literal["vgg"] = "vgg"
    depth: Literal[11, 13, 16, 19] = 16
    """Number of layers with weights, as they are called by; with the three linear layers of the paper."""
    hidden: tuple[PositiveInt, ...] = (4096, 4096)
    """Widths of the linear layers before the output layer."""
    reduce: Literal["flatten", "mean"] = "flatten"
    """How the last stage becomes one row of numbers: all of them, or the mean of each filter."""

    def expand(self, context: Context, spec: Spec) -> Sequence[Layer]:
        need_pixels(spec, 2 ** len(WIDTHS), "vgg")
        layers: list[Layer] = []
        for width, count in zip(WIDTHS, CONVOLUTIONS[self.depth], strict=True):
            for _ in range(count):
                layers += [Conv2d(out_channels=width, kernel_size=3, padding=1), *norms(context), ReLU()]
            layers.append(MaxPool2d(kernel_size=2))
        layers.append(Flatten() if self.reduce == "flatten" else GlobalAvgPool())
        for width in self.hidden:
            layers += [Linear(out_features=width), ReLU(), *dropouts(context)]
        return layers
