"""Music as a standard MIDI file (format 0, one track): what a player or a notation program opens. Plain Python."""

from __future__ import annotations

import struct
from collections.abc import Collection, Sequence
from typing import Final

TICKS: Final = 480
"""Ticks of a quarter note."""
MICROSECONDS: Final = 600_000
"""Of a quarter note: 100 a minute."""
VELOCITY: Final = 80
"""How hard each note is struck, of 127."""


def midi(steps: Sequence[Collection[int]]) -> bytes:
    """A file of some steps, a quarter note each.

    Args:
        steps: The MIDI numbers, 0 to 127, of the notes that sound in each step. One that sounds in the next step too is held.
    """
    track = bytearray(b"\x00\xff\x51\x03" + MICROSECONDS.to_bytes(3, "big") + b"\x00\xc0\x00")  # tempo; a piano
    waited = 0
    sounding: set[int] = set()
    for notes in (*map(set, steps), set[int]()):
        changes = [(0x80, note, 0) for note in sorted(sounding - notes)] + [(0x90, note, VELOCITY) for note in sorted(notes - sounding)]
        for event in changes:
            track += length(waited) + bytes(event)
            waited = 0
        sounding, waited = notes, waited + TICKS
    track += length(0) + b"\xff\x2f\x00"
    return b"MThd" + struct.pack(">IHHH", 6, 0, 1, TICKS) + b"MTrk" + struct.pack(">I", len(track)) + bytes(track)


def length(value: int) -> bytes:
    """A number in bytes of seven bits, of which all but the last have the eighth set."""
    found = [value & 0x7F]
    while value := value >> 7:
        found.append(value & 0x7F | 0x80)
    return bytes(reversed(found))
