"""The tables of the features and the augmentations of sounds. Torch-free."""

from __future__ import annotations

from typing import Annotated, Final

from nntrain.data.audio.augmentation import AudioAugmentation
from nntrain.data.audio.features import AudioFeatures
from nntrain.schema import Slot

AUDIO_FEATURES: Final = {
    "log_mel": "nntrain.data.audio.features:LogMel",
    "mfcc": "nntrain.data.audio.features:MFCC",
    "raw": "nntrain.data.audio.features:Raw",
}

AnyAudioFeatures = Annotated[AudioFeatures, Slot("audio features", (AUDIO_FEATURES,), default="log_mel")]

AUDIO_AUGMENTATIONS: Final = {
    "gain": "nntrain.data.audio.augmentation:Gain",
    "noise": "nntrain.data.audio.augmentation:NoiseOfSNR",
    "shift": "nntrain.data.audio.augmentation:TimeShift",
    "spec_augment": "nntrain.data.audio.augmentation:SpecAugment",
}

AnyAudioAugmentation = Annotated[AudioAugmentation, Slot("audio augmentation", (AUDIO_AUGMENTATIONS,))]
"""Augmentations of a batch of sounds, all rows at once, on their device."""
