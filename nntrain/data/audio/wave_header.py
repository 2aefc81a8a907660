"""What the head of a sound file tells, with the standard library alone.

RIFF WAVE (Microsoft and IBM 1991; chunks `fmt ` and `data`); other formats are looked at when they are read.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

HEADER_BYTES: Final = 64 * 1024
"""Most bytes that are read of a file: other chunks may stand before that of the samples."""

SOUND_SUFFIXES: Final = frozenset({".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff", ".au"})
"""Files that count as sounds: what libsndfile reads."""


@dataclass(frozen=True, slots=True)
class SoundHead:
    """One file of a column."""

    file: str
    """Its name, as the cell has it."""
    rate: int | None = None
    """Samples of a second; `None` where the head does not tell."""
    samples: int | None = None
    """Of each channel."""
    fault: str | None = None
    """Why there is nothing to look at."""


def wave_head(file: str, head: bytes) -> SoundHead:
    """Rate and length of a WAVE file from its first bytes; neither of other formats, and of what is cut off or damaged."""
    if head[:4] != b"RIFF" or head[8:12] != b"WAVE":
        return SoundHead(file)
    place, rate, frame = 12, 0, 0
    while place + 8 <= len(head):
        name, size = struct.unpack("<4sI", head[place : place + 8])
        if name == b"fmt " and size >= 16 and place + 24 <= len(head):
            _, _, rate, _, frame = struct.unpack("<HHIIH", head[place + 8 : place + 22])
        if name == b"data":
            return SoundHead(file, rate or None, size // frame if frame else None)
        place += 8 + size + size % 2
    return SoundHead(file, rate or None)
