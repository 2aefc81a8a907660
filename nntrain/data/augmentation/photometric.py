"""Augmentations that change the values of pixels where they are."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field as Option
from pydantic import PositiveFloat, model_validator

from nntrain.data.augmentation.augmentation import Augmentation, Probability, Sampling
from nntrain.specs import Size

if TYPE_CHECKING:
    from nntrain.data.augmentation.augmentation import Transform

Strength = Annotated[float, Option(gt=0, le=1)]
Share = Annotated[float, Option(gt=0, le=1)]


class Jitter(Augmentation):
    """Changes brightness, contrast and saturation, in this order; the values stay within [0, 1]."""

    type: Literal["jitter"] = "jitter"
    brightness: Strength | None = None
    """A factor from 1 - brightness to 1 + brightness for all values."""
    contrast: Strength | None = None
    """Such a factor for the distance from the mean gray of the image."""
    saturation: Strength | None = None
    """Such a factor for the distance of each pixel from its gray."""

    @model_validator(mode="after")
    def _changes_something(self) -> Jitter:
        if self.brightness is None and self.contrast is None and self.saturation is None:
            raise ValueError("jitter changes nothing: give brightness, contrast or saturation, such as 0.2")
        return self

    def misfit(self, sizes: tuple[Size, Size, Size]) -> str | None:
        """Gray images have no saturation."""
        return "saturation has no effect on gray images" if self.saturation is not None and sizes[0] == 1 else None

    def build(self, sampling: Sampling = "bilinear") -> Transform:
        from nntrain.data.augmentation.transforms import jitter

        return partial(jitter, brightness=self.brightness, contrast=self.contrast, saturation=self.saturation)


class Erasing(Augmentation):
    """Blackens a rectangle (random erasing, Zhong et al., 2017; torchvision.transforms.RandomErasing)."""

    main: ClassVar[str | None] = "p"

    type: Literal["erasing"] = "erasing"
    p: Probability = 0.5
    """Share of the images that lose a rectangle."""
    scale: tuple[Share, Share] = (0.02, 0.33)
    """Smallest and largest area of the rectangle, as a fraction of the image."""
    ratio: tuple[PositiveFloat, PositiveFloat] = (0.3, 3.3)
    """Smallest and largest height over width; a rectangle ends at the edge of the image."""

    @model_validator(mode="after")
    def _ranges(self) -> Erasing:
        for name, (low, high) in (("scale", self.scale), ("ratio", self.ratio)):
            if low > high:
                raise ValueError(f"{name} needs the smaller number first: [{high:g}, {low:g}]")
        return self

    def build(self, sampling: Sampling = "bilinear") -> Transform:
        from nntrain.data.augmentation.transforms import erase

        return partial(erase, p=self.p, scale=self.scale, ratio=self.ratio)


class Noise(Augmentation):
    """Adds a normal number to every value."""

    main: ClassVar[str | None] = "std"

    type: Literal["noise"] = "noise"
    std: PositiveFloat
    """Standard deviation, for values in [0, 1]."""
    clip: bool = False
    """Whether what leaves [0, 1] is cut there, as in noisy images that are files; else it stays as it is."""

    def build(self, sampling: Sampling = "bilinear") -> Transform:
        from nntrain.data.augmentation.transforms import add_noise

        return partial(add_noise, std=self.std, clip=self.clip)
