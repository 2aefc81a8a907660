"""Further views of the rows that are measured and predicted for: test-time augmentation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from nntrain.data.augmentation.draws import Draws
from nntrain.data.fields.field import Field
from nntrain.data.noise import derive_seed
from nntrain.data.pixels import PixelScaling

if TYPE_CHECKING:
    from nntrain.data.augmentation.augmentation import Augmentation, Transform


@dataclass(frozen=True, slots=True)
class View:
    """One further way to look at an image: the same for every row, so that a prediction hangs on nothing but the row."""

    field: str
    changes: tuple[tuple[int, Transform], ...]
    """In their order, each with the key of its draws."""
    returns: tuple[tuple[int, Transform], ...]
    """What undoes those that move pixels, the last of them first."""

    @classmethod
    def of(cls, field: str, place: int, changes: tuple[Augmentation, ...], seed: int) -> View:
        """The one that stands at a place of a field's list."""
        keyed = [(derive_seed(seed, "view", field, place, each), change) for each, change in enumerate(changes)]
        back = tuple((key, change.build_back()) for key, change in reversed(keyed) if change.moves and change.returns)
        return cls(field, tuple((key, change.build()) for key, change in keyed), back)

    def of_images(self, images: Tensor) -> Tensor:
        """What it shows of images `[B, C, H, W]` in [0, 1]."""
        return _changed(images, self.changes)

    def moved_back(self, maps: Tensor) -> tuple[Tensor, Tensor]:
        """What is said of the pixels of the view, `[B, K, H, W]`, at the pixels of the image, and how much of each it says, `[B, 1, H, W]`.

        What left the view counts 0; between pixels both are interpolated, so that their quotient is a mean.
        """
        maps = maps.float()
        return _changed(maps, self.returns), _changed(torch.ones_like(maps[:, :1]), self.returns)


@dataclass(frozen=True, slots=True)
class Views:
    """All further views of a row."""

    each: tuple[View, ...]

    @classmethod
    def of(cls, fields: Mapping[str, Field], seed: int) -> Views | None:
        """Those that input fields ask for, one field's after another's; `None` where none does."""
        found = [View.of(name, place, changes, seed) for name, field in fields.items() for place, changes in enumerate(field.views)]
        return cls(tuple(found)) if found else None

    @property
    def told(self) -> str:
        """What is to be said beside every figure."""
        return f"test_augment: predictions are means over {1 + len(self.each)} views of each row"

    def shown(self, images: Mapping[str, Tensor], scalings: Mapping[str, PixelScaling]) -> tuple[Mapping[str, Tensor], ...]:
        """Of each view the input that it shows otherwise, as the network reads it.

        Args:
            images: Images `[B, C, H, W]` in [0, 1], by field.
            scalings: How they are normalised.
        """
        return tuple({view.field: scalings[view.field].normalize(view.of_images(images[view.field]))} for view in self.each)

    def mean(self, values: tuple[Tensor, ...], *, is_map: bool) -> Tensor:
        """The mean of what is said of the rows as they are, and then of each view, `[B, …]` each.

        Args:
            values: What is said.
            is_map: Whether it is said of pixels, `[B, K, H, W]`: it is moved back then, and the mean of a pixel is that of the views that
                have it.
        """
        total, weight = values[0], torch.ones((), dtype=values[0].dtype, device=values[0].device)
        for view, value in zip(self.each, values[1:], strict=True):
            found, seen = view.moved_back(value) if is_map and view.returns else (value, weight.new_ones(()))
            total, weight = total + found, weight + seen
        return total / weight


def _changed(images: Tensor, changes: tuple[tuple[int, Transform], ...]) -> Tensor:
    rows = torch.zeros(len(images), dtype=torch.int64, device=images.device)
    for key, change in changes:
        images = change(images, Draws(key, rows))
    return images
