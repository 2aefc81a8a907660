"""Made-up sounds: tones whose height a row's hidden number decides, as WAVE files."""

from __future__ import annotations

import wave
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np

from nntrain.data.fake.values import Rows
from nntrain.data.fields.audio import Audio
from nntrain.data.fields.field import Field

RATE: Final = 8000
"""Samples of a second where the field does not say it."""
SECONDS: Final = (1.5, 2.0)
"""The shortest and the longest sound."""


def write_sounds(folder: Path, names: Sequence[str], field: Field | None, rows: Rows) -> None:
    """Write a file for each row, under names that count from a folder."""
    sound = field if isinstance(field, Audio) else Audio()
    rate = sound.sample_rate or RATE
    shortest, longest = (seconds if sound.length is None else sound.length for seconds in SECONDS)
    for parent in {(folder / name).parent for name in names}:
        parent.mkdir(parents=True, exist_ok=True)
    for name, hidden in zip(names, rows.hidden.tolist(), strict=True):
        time = np.arange(round(rate * (shortest + hidden * (longest - shortest)))) / rate
        tone = 0.4 * np.sin(2 * np.pi * rate * (0.02 + 0.2 * hidden) * time) + 0.01 * rows.random.normal(size=len(time))
        with wave.open(str(folder / name), "wb") as file:
            file.setparams((1, 2, rate, 0, "NONE", ""))
            file.writeframes((32767 * tone.clip(-1, 1)).astype("<i2").tobytes())
