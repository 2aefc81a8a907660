"""Augmentations that move pixels. What comes in from outside is black."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field as Option
from pydantic import PositiveInt, model_validator

from nntrain.data.augmentation.augmentation import Augmentation, Probability
from nntrain.specs import Size

if TYPE_CHECKING:
    from nntrain.data.augmentation.augmentation import Transform


class Flip(Augmentation):
    """Mirrors an image, left to right or top to bottom."""

    main: ClassVar[str | None] = "p"

    type: Literal["flip"] = "flip"
    p: Probability = 0.5
    """Share of the images that are mirrored."""
    direction: Literal["horizontal", "vertical"] = "horizontal"
    """`horizontal`: left and right change places."""

    def build(self) -> Transform:
        from nntrain.data.augmentation.transforms import flip

        return partial(flip, p=self.p, axis=3 if self.direction == "horizontal" else 2)


class Crop(Augmentation):
    """Adds a margin on all sides and cuts the image's own size out of it, at a random place (He et al., 2016)."""

    main: ClassVar[str | None] = "padding"

    type: Literal["crop"] = "crop"
    padding: PositiveInt
    """Pixels of the margin: 4 for images of 32."""
    padding_mode: Literal["constant", "reflect"] = "constant"
    """What the margin shows: black, or the image mirrored at its edge."""

    def misfit(self, sizes: tuple[Size, Size, Size]) -> str | None:
        """A mirrored margin is narrower than the image."""
        known = [size for size in sizes[1:] if isinstance(size, int)]
        if self.padding_mode == "reflect" and any(size <= self.padding for size in known):
            return f"a mirrored margin of {self.padding} pixels needs images of more than {self.padding}, and these have {min(known)}"
        return None

    def build(self) -> Transform:
        from nntrain.data.augmentation.transforms import crop

        return partial(crop, padding=self.padding, mode=self.padding_mode)


class Rotate(Augmentation):
    """Turns an image around its middle."""

    main: ClassVar[str | None] = "degrees"

    type: Literal["rotate"] = "rotate"
    degrees: Annotated[float, Option(gt=0, le=180)]
    """Largest angle, to either side."""

    def build(self) -> Transform:
        from nntrain.data.augmentation.transforms import rotate

        return partial(rotate, degrees=self.degrees)


class Translate(Augmentation):
    """Shifts an image along both axes, by parts of pixels too."""

    main: ClassVar[str | None] = "fraction"

    type: Literal["translate"] = "translate"
    fraction: Annotated[float, Option(gt=0, lt=1)]
    """Largest shift to either side, as a fraction of height and width."""

    def build(self) -> Transform:
        from nntrain.data.augmentation.transforms import translate

        return partial(translate, fraction=self.fraction)


class Scale(Augmentation):
    """Makes what an image shows larger or smaller; the image keeps its size."""

    main: ClassVar[str | None] = "range"

    type: Literal["scale"] = "scale"
    range: tuple[Annotated[float, Option(gt=0)], Annotated[float, Option(gt=0)]]
    """Smallest and largest factor: [0.8, 1.2]."""

    @model_validator(mode="after")
    def _range_is_one(self) -> Scale:
        if self.range[0] >= self.range[1]:
            raise ValueError("range needs a smaller and a larger factor: [0.8, 1.2]")
        return self

    def build(self) -> Transform:
        from nntrain.data.augmentation.transforms import scale

        return partial(scale, low=self.range[0], high=self.range[1])
