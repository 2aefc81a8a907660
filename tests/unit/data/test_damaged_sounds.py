"""Sounds that are not as they should be: each is read right or named, and what is cut, resampled or silent is counted."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nntrain.data.audio.reading import read_sounds
from nntrain.data.audio.wave_header import SoundHead, share_there, wave_head
from nntrain.data.fields.audio import Audio
from nntrain.data.fields.field import RaggedArray
from nntrain.data.reading import read_file
from nntrain.data.settings import DataSettings
from nntrain.data.table import Table
from nntrain.errors import DataError

RATE = 8000
TONE = 0.4 * np.sin(2 * np.pi * 440 * np.arange(2000) / RATE)


def write(path: Path, samples: np.ndarray = TONE, rate: int = RATE, subtype: str = "PCM_16", kind: str | None = None) -> bytes:
    import soundfile

    soundfile.write(path, samples, rate, subtype=subtype, format=kind)
    return path.read_bytes()


def table(folder: Path, *names: str) -> Table:
    (folder / "t.csv").write_text("\n".join(["wav,y", *(f"{name},{row % 2}" for row, name in enumerate(names))]))
    return read_file(DataSettings.parse({"source": "t.csv"}), folder / "t.csv")


def raw(**options: Any) -> Audio:
    return Audio.parse({"type": "audio", "sample_rate": RATE, "features": "raw", **options})


@pytest.mark.parametrize(
    ("subtype", "off"),
    [
        *(("PCM_U8", 8e-3), ("PCM_16", 4e-5), ("PCM_24", 1e-6), ("PCM_32", 1e-7), ("FLOAT", 1e-7), ("DOUBLE", 1e-7)),
        *(("ALAW", 2e-2), ("ULAW", 2e-2), ("IMA_ADPCM", 0.1), ("MS_ADPCM", 0.1), ("GSM610", 0.3)),
    ],
)
@pytest.mark.extra("audio")
def test_every_coding_of_a_wave_file_is_read(subtype: str, off: float, tmp_path: Path) -> None:
    write(tmp_path / "a.wav", subtype=subtype)
    rows = table(tmp_path, "a.wav")
    found = read_sounds(raw(), rows, "wav")
    assert isinstance(found, RaggedArray)
    assert len(found.values) >= 2000, "codings in blocks fill the last one up"
    assert float(np.abs(found.values[200:2000, 0] - TONE[200:]).max()) < off
    assert not rows.findings


@pytest.mark.extra("audio")
def test_extensible_heads_of_many_channels_and_of_large_files(tmp_path: Path) -> None:
    write(tmp_path / "a.wav", np.stack([TONE, 0 * TONE, TONE], axis=1), subtype="PCM_24", kind="WAVEX")
    write(tmp_path / "b.wav", kind="RF64")
    found = read_sounds(raw(), table(tmp_path, "a.wav", "b.wav"), "wav")
    assert isinstance(found, RaggedArray)
    np.testing.assert_allclose(found.values[:2000, 0], TONE * 2 / 3, atol=1e-4)
    np.testing.assert_allclose(found.values[2000:, 0], TONE, atol=1e-4)


@pytest.mark.extra("audio")
def test_what_is_counted(tmp_path: Path) -> None:
    whole = write(tmp_path / "whole.wav")
    (tmp_path / "cut.wav").write_bytes(whole[: 44 + 1000])
    (tmp_path / "piped.wav").write_bytes(whole[:40] + b"\xff" * 4 + whole[44:])  # its size was not known yet
    (tmp_path / "cut.mp3").write_bytes(write(tmp_path / "a.mp3", np.tile(TONE, 8), subtype="MPEG_LAYER_III")[:1000])
    write(tmp_path / "silence.wav", 0 * TONE)
    write(tmp_path / "fast.wav", np.repeat(TONE, 2), 16000)
    write(tmp_path / "wide.wav", np.tile(TONE, 4))
    names = ["whole.wav", "cut.wav", "piped.wav", "cut.mp3", "silence.wav", "fast.wav", "wide.wav"]
    rows = table(tmp_path, *names)
    read_sounds(raw(length=0.25), rows, "wav")
    cut, silent, resampled, heard = rows.findings
    early = "2 of 7 sounds end before the head of the file says: line 3 cut.wav (0.0625 of 0.25 s), line 5 cut.mp3 ("
    assert cut.startswith(f"t.csv: wav: {early}")
    assert silent == "t.csv: wav: 1 of 7 sounds are silence (line 6)"
    assert resampled == "t.csv: wav: 1 of 7 sounds resampled to 8,000 Hz: 1 of 16,000 Hz"
    assert "length 0.25 hears a part of " in heard
    assert heard.endswith("filled up with silence")
    whole_rows = table(tmp_path, "whole.wav", "piped.wav")
    read_sounds(raw(length=0.25), whole_rows, "wav")
    assert not whole_rows.findings


@pytest.mark.extra("audio")
def test_what_cannot_be_read_says_why(tmp_path: Path) -> None:
    head = write(tmp_path / "whole.wav")
    broken = {
        "empty": b"",
        "text": b"no sound at all " * 9,
        "no_channels": head[:22] + struct.pack("<H", 0) + head[24:],
        "no_rate": head[:24] + struct.pack("<I", 0) + head[28:],
        "coding": head[:20] + struct.pack("<H", 0x1234) + head[22:],
        "head": head[:44],
    }
    for name, content in broken.items():
        (tmp_path / f"{name}.wav").write_bytes(content)
    (tmp_path / "half.flac").write_bytes(write(tmp_path / "a.flac")[:900])
    write(tmp_path / "nan.wav", np.where(np.arange(2000) == 7, np.nan, TONE), subtype="FLOAT")
    write(tmp_path / "huge.wav", np.where(np.arange(2000) == 7, 1e300, TONE), subtype="DOUBLE")
    why = {
        "empty.wav": "is empty",
        "text.wav": "no sound, or damaged",
        "no_channels.wav": "damaged (Channel count is zero)",
        "no_rate.wav": "no sound, or damaged",
        "coding.wav": "no sound, or damaged",
        "head.wav": "has no samples",
        "half.flac": "no sound, or damaged",
        "nan.wav": "has samples that are no numbers",
        "huge.wav": "has samples that are no numbers",
    }
    for name, told in why.items():
        with pytest.raises(DataError, match="1 of 2 sounds cannot be read") as error:
            read_sounds(raw(), table(tmp_path, "whole.wav", name), "wav")
        assert f"line 3: {name}: " in str(error.value)
        assert told in str(error.value)


@pytest.mark.extra("audio")
def test_of_a_file_of_many_hours_the_part_that_is_heard_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nntrain.data.audio.reading.MOST_SAMPLES", 2**16)
    write(tmp_path / "day.flac", np.zeros(2**20), 100)
    rows = table(tmp_path, "day.flac")
    found = read_sounds(raw(sample_rate=100, length=1.0), rows, "wav")
    assert isinstance(found, np.ndarray)
    assert found.shape == (1, 100, 1)
    assert rows.findings[-1].endswith("length 1 hears a part of 1 of 1 sounds, the longest of 10,486 s")
    with pytest.raises(DataError, match=r"lasts 10,486 s, more than a row may have; cut it, or set length"):
        read_sounds(raw(sample_rate=100), table(tmp_path, "day.flac"), "wav")


def test_a_head_that_was_written_before_the_samples_tells_no_length() -> None:
    head = b"RIFF\0\0\0\0WAVEfmt " + struct.pack("<IHHIIHH", 16, 1, 1, RATE, 2 * RATE, 2, 16) + b"data"
    for size in (0, 0x7FFFF000, 0xFFFFFFFF):
        content = head + struct.pack("<I", size) + b"\0" * 100
        assert wave_head("a.wav", content) == SoundHead("a.wav", RATE)
        assert share_there(content) == 1
    assert share_there(head + struct.pack("<I", 400) + b"\0" * 100) == 0.25
    assert share_there(b"fLaC" + head) == 1
