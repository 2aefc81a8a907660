"""Convolutional networks over images and series."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, ClassVar, Final, Literal

from pydantic import Field, PositiveInt

from nntrain.architectures.family import Family
from nntrain.errors import SpecError
from nntrain.layers.activation import ReLU
from nntrain.layers.convolution import Conv1d, Conv2d
from nntrain.layers.layer import Layer
from nntrain.layers.linear import Linear
from nntrain.layers.pooling import AvgPool1d, AvgPool2d, MaxPool1d, MaxPool2d
from nntrain.layers.regularizing import dropouts, norms
from nntrain.layers.requirements import need_known
from nntrain.layers.settings import AnyActivation
from nntrain.layers.shape import Flatten
from nntrain.specs import IMAGE, SEQUENCE, Spec

if TYPE_CHECKING:
    from nntrain.layers.context import Context

MOST_FLATTENED: Final = 8192
"""Numbers per example up to which `reduce: auto` flattens, so that the output layer knows where something was seen."""


class CNN(Family):
    """Stages of convolution, activation and pool over an image or a series, then one row of numbers.

    Dropout stands before the linear layers at the end, where it helps most, and not between convolutions.
    """

    main: ClassVar[str | None] = "channels"

    type: Literal["cnn"] = "cnn"
    channels: Annotated[tuple[PositiveInt, ...], Field(min_length=1)] = (32, 64)
    """Filters of each stage."""
    kernel_size: PositiveInt = 3
    """Pixels or steps that one filter sees; padded so that a convolution keeps the size."""
    convolutions: PositiveInt = 1
    """Convolutions in a stage, each followed by an activation."""
    activation: AnyActivation = ReLU()
    """Activation after each convolution and hidden layer."""
    pool: Literal["max", "avg"] | None = "max"
    """Pool at the end of each stage, which halves the size; `null` keeps it."""
    reduce: Literal["auto", "flatten", "mean"] = "auto"
    """How the last stage becomes one row of numbers: all of them, or the mean of each filter. `auto` flattens where sizes are fixed
    and give at most 8192 numbers."""
    hidden: tuple[PositiveInt, ...] = ()
    """Widths of linear layers before the output layer."""

    def expand(self, context: Context, spec: Spec) -> Sequence[Layer]:
        if spec.axes not in {IMAGE, SEQUENCE}:
            raise SpecError(f"needs an image or a series and gets {spec.describe()}", hint="fix:  type: mlp")
        need_known(convolutions=self.convolutions)
        layers: list[Layer] = []
        for width in self.channels:
            layers += self._stage(context, spec.axes == IMAGE, width)
        layers += [Flatten() if self._flattens(spec) else _mean(), *dropouts(context)]
        for width in self.hidden:
            layers += [Linear(out_features=width), *norms(context), self.activation, *dropouts(context)]
        return layers

    def _stage(self, context: Context, is_image: bool, width: int) -> Sequence[Layer]:
        convolution = Conv2d if is_image else Conv1d
        layers: list[Layer] = []
        for _ in range(self.convolutions):
            layers += [convolution(out_channels=width, kernel_size=self.kernel_size, padding="same"), *norms(context), self.activation]
        if self.pool == "max":
            layers.append(MaxPool2d(kernel_size=2) if is_image else MaxPool1d(kernel_size=2))
        elif self.pool == "avg":
            layers.append(AvgPool2d(kernel_size=2) if is_image else AvgPool1d(kernel_size=2))
        return layers

    def _flattens(self, spec: Spec) -> bool:
        """While the size of an image is unknown, `auto` stands for flatten."""
        if self.reduce != "auto":
            return self.reduce == "flatten"
        shrink = 2 ** len(self.channels) if self.pool is not None else 1
        sizes = spec.sizes[1:] if spec.axes == IMAGE else spec.sizes[:1]
        places = [size // shrink for size in sizes if isinstance(size, int)]
        return not spec.is_ragged and math.prod(places) * self.channels[-1] <= MOST_FLATTENED


def _mean() -> Layer:
    from nntrain.layers.global_pooling import GlobalAvgPool

    return GlobalAvgPool()
