"""What the families of image networks share: their stems, and what they ask of an image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, Literal

from nntrain.errors import SpecError
from nntrain.layers.activation import ReLU
from nntrain.layers.context import NormKind
from nntrain.layers.convolution import Conv2d
from nntrain.layers.pooling import MaxPool2d
from nntrain.layers.regularizing import named_norm
from nntrain.specs import IMAGE, Spec

if TYPE_CHECKING:
    from nntrain.layers.context import Context
    from nntrain.layers.layer import Layer

Stem = Literal["imagenet", "cifar"]
"""How a network begins: `imagenet` halves the image twice (7x7 convolution of stride 2, then a pool), `cifar` keeps its size (3x3)."""

MULTIPLE: Final = 8


def need_pixels(spec: Spec, least: int, family: str) -> None:
    """Refuse what is no image of at least `least` x `least` pixels; sizes that are not known yet pass.

    Raises:
        SpecError: It is none, or too small.
    """
    if spec.axes != IMAGE:
        raise SpecError(f"needs an image [C, H, W] and gets {spec.describe()}", hint="fix:  type: mlp" if spec.rank == 1 else None)
    sizes = [size for size in spec.sizes[1:] if isinstance(size, int)]
    if sizes and min(sizes) < least:
        hint = f"a larger size of the image field, fewer stages, or stem: cifar where {family} has it"
        raise SpecError(f"halves the image until it needs {least} x {least} pixels, and gets {spec.describe()}", hint=hint)


def norm(context: Context, default: NormKind = "batch") -> Layer:
    """The normalisation of `regularization.norm`; without a word about it the one of the family's paper."""
    return named_norm(context.norm or default)


def conv(width: int, kernel_size: int = 3, stride: int = 1, groups: int = 1) -> Conv2d:
    """A convolution that keeps the size at stride 1, without an offset, which the norm behind it has."""
    return Conv2d(out_channels=width, kernel_size=kernel_size, stride=stride, padding=kernel_size // 2, groups=groups, bias=False)


def rounded(width: float) -> int:
    """Channels of a scaled network: the nearest multiple of 8, never less by more than a tenth (Sandler et al. 2018)."""
    nearest = max(MULTIPLE, int(width + MULTIPLE / 2) // MULTIPLE * MULTIPLE)
    return nearest + MULTIPLE if nearest < 0.9 * width else nearest


def stem_layers(stem: Stem, width: int, context: Context) -> Sequence[Layer]:
    """The first layers of residual and dense networks."""
    if stem == "cifar":
        return [conv(width), norm(context), ReLU()]
    return [conv(width, 7, 2), norm(context), ReLU(), MaxPool2d(kernel_size=3, stride=2, padding=1)]
