"""What the head of a sound file tells, with the standard library alone.

RIFF WAVE (Microsoft and IBM 1991; chunks `fmt ` and `data`); other formats are looked at when they are read.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

HEADER_BYTES: Final = 64 * 1024
"""Most bytes that are read of a file: other chunks may stand before that of the samples."""

UNKNOWN_SIZE: Final = 0x7FFFF000
"""Bytes of samples that a program writes, or more, when it does not know yet how many there will be: sox this, ffmpeg 0xFFFFFFFF."""

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
    rate, frame = 0, 0
    for name, place, size in _chunks(head):
        if name == b"fmt " and size >= 16 and place + 16 <= len(head):
            _, _, rate, _, frame = struct.unpack("<HHIIH", head[place : place + 14])
        if name == b"data":
            is_known = size < UNKNOWN_SIZE and not (size == 0 and place < len(head))
            return SoundHead(file, rate or None, size // frame if frame and is_known else None)
    return SoundHead(file, rate or None)


def share_there(content: bytes) -> float:
    """How much of the samples that the head of a WAVE file promises is in it: 1 of a whole one, and of other formats."""
    for name, place, size in _chunks(content):
        if name == b"data" and 0 < size < UNKNOWN_SIZE:
            return min(1.0, (len(content) - place) / size)
    return 1.0


def _chunks(content: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Name, start and size of each chunk of a WAVE file, as far as there are heads of chunks."""
    if content[:4] != b"RIFF" or content[8:12] != b"WAVE":
        return
    place = 12
    while place + 8 <= len(content):
        name, size = struct.unpack("<4sI", content[place : place + 8])
        yield name, place + 8, size
        place += 8 + size + size % 2
