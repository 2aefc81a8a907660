"""Made-up sounds: tones whose height a row's hidden number decides, as WAVE files."""

from __future__ import annotations

import wave
from pathlib import Path
from typing import Final

import numpy as np

from nntrain.data.fake.values import Rows
from nntrain.data.fields.audio import Audio

RATE: Final = 8000
"""Samples of a second where the field does not say it."""
SECONDS: Final = (1.5, 2.0)
"""The shortest and the longest sound."""


def write_sounds(folder: Path, prefix: str, field: Audio, rows: Rows) -> list[str]:
    """Write a file for each row; gives their names, which count from the folder."""
    rate = field.sample_rate or RATE
    shortest, longest = (seconds if field.length is None else field.length for seconds in SECONDS)
    (folder / prefix).mkdir(parents=True, exist_ok=True)
    names = [f"{prefix}/{row:05d}.wav" for row in range(len(rows))]
    for name, hidden in zip(names, rows.hidden.tolist(), strict=True):
        time = np.arange(round(rate * (shortest + hidden * (longest - shortest)))) / rate
        tone = 0.4 * np.sin(2 * np.pi * rate * (0.02 + 0.2 * hidden) * time) + 0.01 * rows.random.normal(size=len(time))
        with wave.open(str(folder / name), "wb") as file:
            file.setparams((1, 2, rate, 0, "NONE", ""))
            file.writeframes((32767 * tone.clip(-1, 1)).astype("<i2").tobytes())
    return names
