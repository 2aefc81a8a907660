"""An image per row."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field as Option
from pydantic import PositiveInt

from nntrain.data.fields.field import Field, Role
from nntrain.schema import StrictModel


class Moments(StrictModel):
    """Mean and standard deviation of each channel, of values in [0, 1]."""

    mean: tuple[float, ...]
    """Mean of each channel."""
    std: tuple[Annotated[float, Option(gt=0)], ...]
    """Standard deviation of each channel."""


class Image(Field):
    """An image [C, H, W] with values in [0, 1], unless `normalize` says otherwise."""

    main: ClassVar[str | None] = "size"
    roles: ClassVar[frozenset[Role]] = frozenset({"input", "ignore"})

    type: Literal["image"] = "image"
    size: PositiveInt | tuple[PositiveInt, PositiveInt] | None = None
    """Height and width; one number for a square. Images of another size are resized. Default: the size of the data."""
    channels: Literal[1, 3, "gray", "rgb"] | None = None
    """Channels: 1 or gray, 3 or rgb. Default: those of the data."""
    normalize: Literal["unit", "standard", "imagenet"] | tuple[float, float] | Moments = "unit"
    """`unit`: [0, 1]. `standard`: each channel to mean 0 and standard deviation 1 of the training rows. Or a range: [-1, 1]."""
