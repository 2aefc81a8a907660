"""U-Nets: an image in, an image of the same size out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import PositiveInt

from nntrain.architectures.family import Family
from nntrain.architectures.vision import conv, need_pixels, norm
from nntrain.errors import SpecError
from nntrain.layers.activation import ReLU
from nntrain.layers.merging import Concat
from nntrain.layers.pooling import MaxPool2d
from nntrain.layers.regularizing import dropouts
from nntrain.layers.requirements import need_known
from nntrain.layers.resizing import Upsample
from nntrain.layers.transposed import ConvTranspose2d

if TYPE_CHECKING:
    from nntrain.layers.context import Context
    from nntrain.layers.layer import Layer
    from nntrain.layers.program import Value
    from nntrain.layers.scope import Scope
    from nntrain.specs import Spec


class UNet(Family):
    """U-Net (Ronneberger et al. 2015) with padded convolutions: down in steps of half the size, up again, joined at each size.

    It gives `channels` features at every pixel; the output layer per pixel is the task's. Each level has two 3x3 convolutions, with a
    batch norm (or `regularization.norm`) behind each; dropout stands at the end of the lowest level.
    """

    main: ClassVar[str | None] = "channels"

    type: Literal["unet"] = "unet"
    channels: PositiveInt = 64
    """Channels of the first level; each level down has twice as many."""
    num_levels: PositiveInt = 4
    """How often the image is halved; its height and width must be multiples of 2 to that power."""
    up: Literal["conv_transpose", "upsample"] = "conv_transpose"
    """How the size is doubled again: a transposed convolution of kernel 2, or bilinear interpolation and a 1x1 convolution."""

    def place(self, scope: Scope, value: Value) -> Value:
        self._check(value.spec)
        context = scope.context
        skips: list[Value] = []
        for level in range(self.num_levels):
            value = scope.sequence(self._convolutions(context, level), value)
            skips.append(value)
            value = scope.sequence([MaxPool2d(kernel_size=2)], value)
        value = scope.sequence([*self._convolutions(context, self.num_levels), *dropouts(context)], value)
        for level in reversed(range(self.num_levels)):
            value = scope.add(Concat(), skips[level], scope.sequence(self._double(level), value))
            value = scope.sequence(self._convolutions(context, level), value)
        return value

    def _check(self, spec: Spec) -> None:
        need_known(num_levels=self.num_levels, channels=self.channels)
        multiple = 2**self.num_levels
        need_pixels(spec, multiple, "unet")
        odd = [size for size in spec.sizes[1:] if isinstance(size, int) and size % multiple]
        if odd:
            hint = f"fix:  size: {max(multiple, round(odd[0] / multiple) * multiple)} on the image field, or fewer num_levels"
            raise SpecError(f"needs heights and widths that are multiples of {multiple}, and gets {spec.describe()}", hint=hint)

    def _convolutions(self, context: Context, level: int) -> Sequence[Layer]:
        width = self.channels * 2**level
        return [conv(width), norm(context), ReLU(), conv(width), norm(context), ReLU()]

    def _double(self, level: int) -> Sequence[Layer]:
        width = self.channels * 2**level
        if self.up == "upsample":
            return [Upsample(scale_factor=2, mode="bilinear"), conv(width, 1)]
        return [ConvTranspose2d(out_channels=width, kernel_size=2, stride=2)]
