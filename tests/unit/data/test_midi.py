"""MIDI files: known bytes, and what comes out when they are read again by the rules of the format."""

import struct

import pytest

from nntrain.data.midi import TICKS, length, midi


@pytest.mark.parametrize(
    ("value", "wanted"), [(0, "00"), (0x40, "40"), (0x7F, "7f"), (0x80, "8100"), (0x2000, "c000"), (0x3FFF, "ff7f"), (0x1FFFFF, "ffff7f")]
)
def test_lengths_are_those_of_the_standard(value, wanted):
    assert length(value).hex() == wanted


def read(content):
    """The notes with start and end in ticks."""
    assert content[:8] == b"MThd\x00\x00\x00\x06"
    form, tracks, ticks = struct.unpack(">HHH", content[8:14])
    assert (form, tracks, ticks) == (0, 1, TICKS)
    assert content[14:18] == b"MTrk"
    assert struct.unpack(">I", content[18:22])[0] == len(content) - 22
    at, now, started, found = 22, 0, {}, []
    while True:
        delta = 0
        while content[at] & 0x80:
            delta, at = delta << 7 | content[at] & 0x7F, at + 1
        now, at = now + (delta << 7 | content[at]), at + 1
        status = content[at]
        if status == 0xFF:
            kind, size = content[at + 1], content[at + 2]
            if kind == 0x2F:
                assert at + 3 == len(content)
                assert not started
                return sorted(found)
            at += 3 + size
        elif status == 0xC0:
            at += 2
        elif status == 0x90:
            started[content[at + 1]], at = now, at + 3
        else:
            found.append((content[at + 1], started.pop(content[at + 1]), now))
            at += 3


def test_what_is_written_reads_as_it_was():
    content = midi([{60, 64}, {60}, set(), {67}, {67, 127}])
    assert read(content) == [(60, 0, 2 * TICKS), (64, 0, TICKS), (67, 3 * TICKS, 5 * TICKS), (127, 4 * TICKS, 5 * TICKS)]


def test_silence_is_a_file_too():
    assert read(midi([])) == read(midi([set(), set()])) == []
