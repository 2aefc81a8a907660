"""All augmentations of a run, ready to be applied to its training batches."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from nntrain.data.augmentation.draws import Draws
from nntrain.data.fields.field import Field
from nntrain.data.noise import derive_seed

if TYPE_CHECKING:
    from nntrain.data.augmentation.augmentation import Transform
    from nntrain.data.batches import Augment


@dataclass(frozen=True, slots=True)
class Augmenter:
    """Stateless: what happens to a row is a function of (seed, epoch, row), so a resumed run needs nothing to be saved."""

    seed: int
    transforms: Mapping[str, tuple[Transform, ...]]
    """By input field, in their order."""

    @classmethod
    def of(cls, fields: Mapping[str, Field], seed: int) -> Augmenter | None:
        """The augmentations of input fields; `None` where no field has one."""
        found = {name: tuple(augmentation.build() for augmentation in field.augmentations) for name, field in fields.items()}
        found = {name: transforms for name, transforms in found.items() if transforms}
        return cls(seed, found) if found else None

    def at(self, epoch: int) -> Augment:
        """The change of an epoch's batches."""

        @torch.no_grad()
        def apply(field: str, images: Tensor, rows: Tensor) -> Tensor:
            for place, transform in enumerate(self.transforms.get(field, ())):
                images = transform(images, Draws(derive_seed(self.seed, "augment", field, place, epoch), rows))
            return images

        return apply
