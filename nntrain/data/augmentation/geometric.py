"""Augmentations that move pixels. What comes in from outside is black."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field as Option
from pydantic import PositiveFloat, PositiveInt, model_validator

from nntrain.data.augmentation.augmentation import Augmentation, Probability, Sampling
from nntrain.specs import Size

if TYPE_CHECKING:
    from nntrain.data.augmentation.augmentation import Transform

Fraction = Annotated[float, Option(gt=0, le=1)]


class Flip(Augmentation):
    """Mirrors an image, left to right or top to bottom."""

    main: ClassVar[str | None] = "p"
    moves: ClassVar[bool] = True
    returns: ClassVar[bool] = True
    draws: ClassVar[bool] = False

    type: Literal["flip"] = "flip"
    p: Probability = 0.5
    """Share of the images that are mirrored."""
    direction: Literal["horizontal", "vertical"] = "horizontal"
    """`horizontal`: left and right change places."""

    def build(self, sampling: Sampling = "bilinear") -> Transform:
        from nntrain.data.augmentation.transforms import flip

        return partial(flip, p=self.p, axis=3 if self.direction == "horizontal" else 2)

    def build_back(self) -> Transform:
        return self.build()


class Crop(Augmentation):
    """Adds a margin on all sides and cuts the image's own size out of it, at a random place (He et al., 2016)."""

    main: ClassVar[str | None] = "padding"
    moves: ClassVar[bool] = True
    returns: ClassVar[bool] = True

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

    def build(self, sampling: Sampling = "bilinear") -> Transform:
        from nntrain.data.augmentation.transforms import crop

        return partial(crop, padding=self.padding, mode=self.padding_mode)

    def build_back(self) -> Transform:
        from nntrain.data.augmentation.transforms import crop

        return partial(crop, padding=self.padding, mode="constant", back=True)


class Rotate(Augmentation):
    """Turns an image around its middle."""

    main: ClassVar[str | None] = "degrees"
    moves: ClassVar[bool] = True
    returns: ClassVar[bool] = True

    type: Literal["rotate"] = "rotate"
    degrees: Annotated[float, Option(gt=0, le=180)]
    """Largest angle, to either side."""

    @property
    def doubt(self) -> str | None:
        """Angles that no one sees, and that are fractions of a turn elsewhere."""
        if self.degrees >= 1:
            return None
        turn = f"where {self.degrees:g} is a fraction of a full turn, as in Keras's RandomRotation, write {360 * self.degrees:.3g}"
        return f"turns by at most {self.degrees:g} degrees, which hardly changes an image; {turn}"

    def build(self, sampling: Sampling = "bilinear") -> Transform:
        from nntrain.data.augmentation.transforms import rotate

        return partial(rotate, degrees=self.degrees, sampling=sampling)

    def build_back(self) -> Transform:
        from nntrain.data.augmentation.transforms import rotate

        return partial(rotate, degrees=self.degrees, back=True)


class Shift(Augmentation):
    """Shifts an image along both axes, by parts of pixels too."""

    main: ClassVar[str | None] = "fraction"
    moves: ClassVar[bool] = True
    returns: ClassVar[bool] = True

    type: Literal["shift"] = "shift"
    fraction: Annotated[float, Option(gt=0, lt=1)]
    """Largest shift to either side, as a fraction of height and width."""

    def build(self, sampling: Sampling = "bilinear") -> Transform:
        from nntrain.data.augmentation.transforms import shift

        return partial(shift, fraction=self.fraction, sampling=sampling)

    def build_back(self) -> Transform:
        from nntrain.data.augmentation.transforms import shift

        return partial(shift, fraction=self.fraction, back=True)


class Zoom(Augmentation):
    """Makes what an image shows larger or smaller; the image keeps its size."""

    main: ClassVar[str | None] = "range"
    moves: ClassVar[bool] = True
    returns: ClassVar[bool] = True

    type: Literal["zoom"] = "zoom"
    range: Annotated[float, Option(gt=0, lt=1)] | tuple[Annotated[float, Option(gt=0)], Annotated[float, Option(gt=0)]]
    """Smallest and largest factor, [0.8, 1.2], or how far it may be from 1: 0.2."""

    @model_validator(mode="after")
    def _range_is_one(self) -> Zoom:
        if self.factors[0] >= self.factors[1]:
            raise ValueError("range needs a smaller and a larger factor: [0.8, 1.2]")
        return self

    @property
    def factors(self) -> tuple[float, float]:
        """The smallest and the largest."""
        return self.range if isinstance(self.range, tuple) else (1 - self.range, 1 + self.range)

    def build(self, sampling: Sampling = "bilinear") -> Transform:
        from nntrain.data.augmentation.transforms import zoom

        low, high = self.factors
        return partial(zoom, low=low, high=high, sampling=sampling)

    def build_back(self) -> Transform:
        from nntrain.data.augmentation.transforms import zoom

        low, high = self.factors
        return partial(zoom, low=low, high=high, back=True)


class RandomResizedCrop(Augmentation):
    """Cuts a rectangle out of an image, at a random place, and makes it as large as the image was (Szegedy et al., 2015).

    The numbers are those of torchvision.transforms.RandomResizedCrop; `size` of the field is the size of the result. A rectangle that
    would be higher or wider than the image ends at its edge.
    """

    main: ClassVar[str | None] = "scale"
    moves: ClassVar[bool] = True
    returns: ClassVar[bool] = True

    type: Literal["random_resized_crop"] = "random_resized_crop"
    scale: tuple[Fraction, Fraction] = (0.08, 1.0)
    """Smallest and largest area of the rectangle, as a fraction of the image."""
    ratio: tuple[PositiveFloat, PositiveFloat] = (3 / 4, 4 / 3)
    """Smallest and largest width over height of the rectangle."""

    @model_validator(mode="after")
    def _ranges(self) -> RandomResizedCrop:
        for name, (low, high) in (("scale", self.scale), ("ratio", self.ratio)):
            if low > high:
                raise ValueError(f"{name} needs the smaller number first: [{high:g}, {low:g}]")
        return self

    def build(self, sampling: Sampling = "bilinear") -> Transform:
        from nntrain.data.augmentation.transforms import random_resized_crop

        return partial(random_resized_crop, scale=self.scale, ratio=self.ratio, sampling=sampling)

    def build_back(self) -> Transform:
        from nntrain.data.augmentation.transforms import random_resized_crop

        return partial(random_resized_crop, scale=self.scale, ratio=self.ratio, back=True)
