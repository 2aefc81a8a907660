"""The table of the features of sounds. Torch-free."""

from __future__ import annotations

from typing import Annotated, Final

from nntrain.data.audio.features import AudioFeatures
from nntrain.schema import Slot

AUDIO_FEATURES: Final = {
    "log_mel": "nntrain.data.audio.features:LogMel",
    "mfcc": "nntrain.data.audio.features:MFCC",
    "raw": "nntrain.data.audio.features:Raw",
}

AnyAudioFeatures = Annotated[AudioFeatures, Slot("audio features", (AUDIO_FEATURES,), default="log_mel")]
