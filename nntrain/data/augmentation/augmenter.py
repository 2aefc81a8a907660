"""All augmentations of a run, ready to be applied to its training batches."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from nntrain.data.augmentation.draws import Draws
from nntrain.data.fields.field import Field
from nntrain.data.noise import derive_seed

if TYPE_CHECKING:
    from nntrain.data.augmentation.augmentation import Transform


@dataclass(frozen=True, slots=True)
class Augmenter:
    """Stateless: what happens to a row is a function of (seed, epoch, row), so a resumed run needs nothing to be saved."""

    seed: int
    transforms: Mapping[str, tuple[Transform, ...]]
    """Those of images, by input field, in their order; sounds know their own."""
    followers: Mapping[str, Follower] = field(default_factory=dict[str, "Follower"])
    """Masks that move with an image, by field."""

    @classmethod
    def of(cls, fields: Mapping[str, Field], seed: int, followed: Mapping[str, str] = MappingProxyType({})) -> Augmenter | None:
        """The augmentations of input fields; `None` where no field has one. `followed` has the image that each mask moves with."""
        random = [name for name, each in fields.items() if each.is_changed_at_random]
        if not random:
            return None
        transforms = {name: tuple(each.build() for each in fields[name].augmentations) for name in random}
        return cls(seed, transforms, {mask: Follower.of(image, fields[image]) for mask, image in followed.items()})

    def at(self, epoch: int) -> EpochAugment:
        """The change of an epoch's batches."""
        return EpochAugment(self, epoch)


@dataclass(frozen=True, slots=True)
class Follower:
    """How a mask moves with an image: by the same draws, each pixel by the nearest one, and 0 comes in from outside."""

    image: str
    transforms: tuple[tuple[int, Transform], ...]
    """Those of the image that move pixels, each with its place among all."""

    @classmethod
    def of(cls, image: str, field: Field) -> Follower:
        """Of a mask beside an image field."""
        return cls(image, tuple((place, each.build("nearest")) for place, each in enumerate(field.augmentations) if each.moves))


@dataclass(frozen=True, slots=True)
class EpochAugment:
    """The random changes of one epoch."""

    of: Augmenter
    epoch: int

    @torch.no_grad()
    def __call__(self, field: str, images: Tensor, rows: Tensor) -> Tensor:
        """Images `[B, C, H, W]` in [0, 1], or masks `[B, 1, H, W]`, as the epoch shows them; `rows` are their numbers, int64 `[B]`."""
        follower = self.of.followers.get(field)
        if follower is not None:
            for place, transform in follower.transforms:
                images = transform(images, self.draws(follower.image, place, rows))
        for place, transform in enumerate(self.of.transforms.get(field, ())):
            images = transform(images, self.draws(field, place, rows))
        return images

    def draws(self, field: str, place: int, rows: Tensor) -> Draws:
        """The random numbers of rows for the change of a field that stands at a place of its list; those of its own have -1."""
        return Draws(derive_seed(self.of.seed, "augment", field, place, self.epoch), rows)
