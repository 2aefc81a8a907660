"""The table of augmentations. Torch-free."""

from __future__ import annotations

from typing import Annotated, Final

from nntrain.data.augmentation.augmentation import Augmentation
from nntrain.schema import Slot

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
