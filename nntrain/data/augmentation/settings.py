"""The table of augmentations. Torch-free."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import AfterValidator

from nntrain.data.augmentation.augmentation import Augmentation
from nntrain.schema import Forms, Slot

AUGMENTATIONS: Final = {
    "crop": "nntrain.data.augmentation.geometric:Crop",
    "erasing": "nntrain.data.augmentation.photometric:Erasing",
    "flip": "nntrain.data.augmentation.geometric:Flip",
    "jitter": "nntrain.data.augmentation.photometric:Jitter",
    "noise": "nntrain.data.augmentation.photometric:Noise",
    "random_resized_crop": "nntrain.data.augmentation.geometric:RandomResizedCrop",
    "rotate": "nntrain.data.augmentation.geometric:Rotate",
    "shift": "nntrain.data.augmentation.geometric:Shift",
    "zoom": "nntrain.data.augmentation.geometric:Zoom",
}

AnyAugmentation = Annotated[Augmentation, Slot("augmentation", (AUGMENTATIONS,))]

AnyView = Annotated[AnyAugmentation | tuple[AnyAugmentation, ...], Forms(AUGMENTATIONS)]
"""One change, or several one after another."""


def _each_once(views: tuple[Augmentation | tuple[Augmentation, ...], ...]) -> tuple[Augmentation | tuple[Augmentation, ...], ...]:
    """Views whose changes are sure to happen, none of them the same as another one or as the image. Raises `ValueError`."""
    found: list[tuple[Augmentation, ...]] = []
    for place, view in enumerate(views):
        changes = tuple(each.always() for each in (view if isinstance(view, tuple) else (view,)))
        if not changes:
            raise ValueError(f"view {place + 1} changes nothing, and the image as it is counts already: leave it out")
        if changes in found and not any(each.draws for each in changes):
            raise ValueError(f"view {place + 1} stands twice, and nothing of it is drawn: leave it out")
        found.append(changes)
    return tuple(changes if isinstance(view, tuple) else changes[0] for changes, view in zip(found, views, strict=True))


TestViews = Annotated[tuple[AnyView, ...], AfterValidator(_each_once)]
"""Views of an image beside the image as it is."""
