"""The base of all augmentations. Torch-free."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Self

from pydantic import Field as Option

from nntrain.schema import Component
from nntrain.specs import Size

if TYPE_CHECKING:
    from torch import Tensor

    from nntrain.data.augmentation.draws import Draws

    Transform = Callable[[Tensor, Draws], Tensor]

Sampling = Literal["bilinear", "nearest"]

Probability = Annotated[float, Option(gt=0, le=1)]


class Augmentation(Component):
    """A random change of training images `[B, C, H, W]` in [0, 1]; their size stays."""

    kinds: ClassVar[frozenset[str]] = frozenset({"augmentation"})
    moves: ClassVar[bool] = False
    """Whether what an image shows ends up at other pixels."""
    returns: ClassVar[bool] = False
    """Whether `build_back` brings what moved back to its pixels."""
    draws: ClassVar[bool] = True
    """Whether it differs from draw to draw, once it is sure to happen."""

    @property
    def doubt(self) -> str | None:
        """What is allowed and probably not meant, in words."""
        return None

    def misfit(self, sizes: tuple[Size, Size, Size]) -> str | None:
        """Why it cannot change images of these channels, height and width, as far as they are known; `None` if it can."""
        return None

    def always(self) -> Self:
        """The same, sure to happen, for a view at evaluation. Raises `ValueError` where a share of the images is written that has it."""
        if "p" not in type(self).model_fields or getattr(self, "p") == 1:  # noqa: B009
            return self
        if "p" in self.model_fields_set:
            raise ValueError(f"{self.type}: every image of a view is changed, so that p has no effect: leave it out")
        return self.model_copy(update={"p": 1.0})

    def build(self, sampling: Sampling = "bilinear") -> Transform:
        """The function: `(images [B, C, H, W], draws)` to images of the same shape, all rows at once, on their device.

        Args:
            sampling: How values between pixels are made, for one that moves them: `nearest` for maps of classes.
        """
        raise NotImplementedError

    def build_back(self) -> Transform:
        """What undoes it, for one that `returns`: `(maps [B, K, H, W], draws)` of the same draws, 0 where nothing came from."""
        raise NotImplementedError
