"""Sounds: what is read of files, the features against their formulas, and every fault named with its row."""

from __future__ import annotations

import math
import struct
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from nntrain.data.audio.features import MFCC, LogMel, Raw, from_mel, to_mel
from nntrain.data.audio.reading import common_rate, fit_sounds, read_sounds, scaled
from nntrain.data.audio.resampling import resample
from nntrain.data.audio.spectra import dct_matrix, filterbank
from nntrain.data.audio.wave_header import SoundHead, wave_head
from nntrain.data.exhibits import Sound
from nntrain.data.fields.audio import Audio
from nntrain.data.fields.field import RaggedArray
from nntrain.data.layout import plan_layout
from nntrain.data.reading import read_file
from nntrain.data.settings import DataSettings
from nntrain.data.table import Table
from nntrain.errors import DataError, SpecError
from nntrain.specs import RAGGED

RATE = 8000


def tone(hertz: float, seconds: float, rate: int = RATE) -> np.ndarray:
    return 0.5 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)


def write(path: Path, *channels: np.ndarray, rate: int = RATE) -> None:
    """A WAVE file of 16 bits."""
    path.parent.mkdir(exist_ok=True)
    samples = (np.stack(channels, axis=1) * 32767).round().astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setnchannels(len(channels))
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(samples.tobytes())


def table(folder: Path, *names: str) -> Table:
    (folder / "t.csv").write_text("\n".join(["wav,y", *(f"{name},{row % 2}" for row, name in enumerate(names))]))
    return read_file(DataSettings.parse({"source": "t.csv"}), folder / "t.csv")


def settings(**options: Any) -> DataSettings:
    return DataSettings.parse({"source": "t.csv", "target": "y", "fields": {"wav": {"type": "audio", **options}}})


def plan(folder: Path, **options: Any) -> tuple[Any, str]:
    """The spec of the field at check, and what is wrong with it."""
    layout, problems = plan_layout(settings(**options), folder, look=True)
    specs = [each.spec for each in layout.fields if each.name == "wav"]
    return (specs[0].sizes if specs else None), "\n".join(problem.message for problem in problems)


def test_the_mel_scale_is_that_of_htk() -> None:
    assert to_mel(1000) == pytest.approx(1000, rel=1e-4)
    assert from_mel(to_mel(440)) == pytest.approx(440)


def test_bands_are_triangles_of_height_one_between_their_neighbours() -> None:
    features = LogMel(bins=4, window_ms=32, f_min=0)
    bands = filterbank(features, RATE)
    assert bands.shape == (129, 4)
    edges = features.edges(RATE)
    assert edges[0] == 0
    assert edges[-1] == pytest.approx(4000)
    for band in range(4):
        for point in range(129):
            hertz = point * RATE / 256
            low, peak, high = edges[band : band + 3]
            wanted = max(0.0, min((hertz - low) / (peak - low), (high - hertz) / (high - peak)))
            assert float(bands[point, band]) == pytest.approx(wanted, abs=1e-12)


def test_log_mel_is_torchs_stft_through_the_bands() -> None:
    features = LogMel(bins=20, window_ms=32, hop_ms=16)
    samples = torch.randn(2000, dtype=torch.float64)
    window = torch.hann_window(256, dtype=torch.float64)
    power = torch.stft(samples, 256, 128, window=window, center=False, return_complex=True).abs().square().T
    wanted = (power @ filterbank(features, RATE)).clamp(min=1e-10).log()
    found = features.build(RATE)(samples)
    torch.testing.assert_close(found, wanted)
    assert len(found) == features.steps(2000, RATE) == 1 + (2000 - 256) // 128


def test_a_tone_is_loudest_in_the_band_that_has_it() -> None:
    features = LogMel(bins=20)
    steps = features.build(RATE)(torch.from_numpy(tone(1000, 0.5)))
    edges = features.edges(RATE)
    band = int(steps.mean(dim=0).argmax())
    assert edges[band] < 1000 < edges[band + 2]


def test_mfcc_is_the_orthonormal_cosine_transform() -> None:
    samples = torch.randn(1000, dtype=torch.float64)
    bands = LogMel(bins=12).build(RATE)(samples)
    found = MFCC(bins=12, coefficients=5).build(RATE)(samples)
    for number in range(5):
        scale = math.sqrt((1 if number == 0 else 2) / 12)
        wanted = sum(bands[:, n] * math.cos(math.pi * number * (n + 0.5) / 12) for n in range(12)) * scale
        torch.testing.assert_close(found[:, number], wanted)
    torch.testing.assert_close(dct_matrix(12).T @ dct_matrix(12), torch.eye(12, dtype=torch.float64))


def test_raw_has_a_step_for_each_sample() -> None:
    samples = torch.randn(7, dtype=torch.float64)
    assert torch.equal(Raw().build(RATE)(samples), samples[:, None])
    assert Raw().steps(7, RATE) == 7


@pytest.mark.parametrize(("old", "new"), [(16000, 8000), (8000, 16000), (44100, 16000), (8000, 11025)])
def test_resampling_keeps_a_tone(old: int, new: int) -> None:
    found = resample(torch.from_numpy(tone(440, 0.5, old)), old, new)
    assert len(found) == math.ceil(0.5 * new)
    edge = round(0.02 * new)
    wanted = torch.from_numpy(tone(440, 0.5, new))
    torch.testing.assert_close(found[edge:-edge], wanted[edge : len(found) - edge], atol=1e-3, rtol=0)


def test_resampling_loses_what_the_new_rate_cannot_hold() -> None:
    found = resample(torch.from_numpy(tone(6000, 0.5, 16000)), 16000, 8000)
    assert float(found[100:-100].abs().max()) < 1e-3


def test_resampling_refuses_rates_without_a_common_divisor() -> None:
    with pytest.raises(DataError, match="too little in common"):
        resample(torch.zeros(9, dtype=torch.float64), 44101, 43999)


def test_the_rate_stands_in_the_head_of_a_wave_file(tmp_path: Path) -> None:
    write(tmp_path / "a.wav", tone(440, 0.1, 11025), rate=11025)
    head = (tmp_path / "a.wav").read_bytes()
    assert wave_head("a.wav", head) == SoundHead("a.wav", 11025, 1102)
    moved = head[:12] + b"LIST" + struct.pack("<I", 3) + b"abc\0" + head[12:]
    assert wave_head("a.wav", moved).samples == 1102, "chunks have an even length"
    assert wave_head("a.wav", head[:36]) == SoundHead("a.wav", 11025)
    assert wave_head("a.wav", head[:20]) == wave_head("a.wav", b"fLaC" + head) == SoundHead("a.wav")


@pytest.mark.extra("audio")
def test_channels_are_averaged_and_files_count_from_the_table(tmp_path: Path) -> None:
    write(tmp_path / "wavs" / "a.wav", tone(300, 0.1), tone(700, 0.1))
    write(tmp_path / "wavs" / "b.wav", tone(300, 0.2))
    found = read_sounds(Audio(features=Raw()), table(tmp_path, "wavs/a.wav", "wavs/b.wav"), "wav")
    assert isinstance(found, RaggedArray)
    assert found.lengths.tolist() == [800, 1600]
    np.testing.assert_allclose(found.values[:800, 0], (tone(300, 0.1) + tone(700, 0.1)) / 2, atol=1e-4)


@pytest.mark.extra("audio")
def test_length_cuts_and_fills_up(tmp_path: Path) -> None:
    write(tmp_path / "a.wav", tone(300, 0.3))
    write(tmp_path / "b.wav", tone(300, 0.1))
    field = Audio(features=Raw(), length=0.2)
    found = read_sounds(field, table(tmp_path, "a.wav", "b.wav"), "wav")
    assert isinstance(found, np.ndarray)
    assert found.shape == (2, 1600, 1)
    np.testing.assert_allclose(found[0, :, 0], tone(300, 0.2), atol=1e-4)
    assert not found[1, 800:].any()
    assert found[1, :800].any()


@pytest.mark.extra("audio")
def test_other_rates_are_refused_or_resampled(tmp_path: Path) -> None:
    write(tmp_path / "a.wav", tone(300, 0.1))
    write(tmp_path / "b.wav", tone(300, 0.1, 16000), rate=16000)
    rows = table(tmp_path, "a.wav", "b.wav")
    with pytest.raises(DataError, match=r"2 sample rates: 8,000 Hz \(a.wav\), 16,000 Hz \(b.wav\)") as told:
        Audio().settled(rows, ("wav",))
    assert "sample_rate: 8000" in str(told.value.hint)
    found = read_sounds(Audio(features=Raw(), sample_rate=8000), rows, "wav")
    assert isinstance(found, RaggedArray)
    assert found.lengths.tolist() == [800, 800]
    np.testing.assert_allclose(found.values[100:700], found.values[900:1500], atol=1e-3)


@pytest.mark.extra("audio")
def test_a_rate_that_the_training_files_have_is_kept(tmp_path: Path) -> None:
    write(tmp_path / "a.wav", tone(300, 0.1))
    assert Audio().settled(table(tmp_path, "a.wav"), ("wav",)).sample_rate == 8000
    assert common_rate(table(tmp_path, "a.wav"), "wav") == 8000


@pytest.mark.extra("audio")
def test_faults_are_told_with_their_rows(tmp_path: Path) -> None:
    write(tmp_path / "good.wav", tone(300, 0.1))
    write(tmp_path / "short.wav", tone(300, 0.01))
    write(tmp_path / "empty.wav", np.zeros(0))
    (tmp_path / "broken.wav").write_bytes(b"RIFF\x10\0\0\0WAVEnonsense")
    rows = table(tmp_path, "good.wav", "short.wav", "empty.wav", "broken.wav")
    with pytest.raises(DataError) as told:
        read_sounds(Audio(sample_rate=8000), rows, "wav")
    message = str(told.value)
    assert "3 of 4 sounds cannot be read" in message
    assert "line 3: short.wav: lasts 10 ms, and a step takes 25 ms" in message
    assert "line 4: empty.wav: has no samples" in message
    assert "line 5: broken.wav: no sound, or damaged" in message
    with pytest.raises(DataError, match=r"line 2: no file .*/absent\.wav"):
        read_sounds(Audio(sample_rate=8000), table(tmp_path, "absent.wav"), "wav")
    with pytest.raises(DataError, match="names no file in line 3"):
        read_sounds(Audio(sample_rate=8000), table(tmp_path, "good.wav", "NA"), "wav")


def test_features_are_normalised_with_the_moments_of_the_training_rows() -> None:
    values = RaggedArray(np.array([[1.0, 5.0], [3.0, 5.0]], dtype=np.float32), np.array([1, 1]))
    state = fit_sounds(values, "standard")
    assert state["offset"].tolist() == [2, 5]
    assert state["scale"].tolist() == [1, 1]
    np.testing.assert_array_equal(scaled(np.array([[4.0, 7.0]], dtype=np.float32), state), [[2, 2]])
    assert fit_sounds(values, "none")["offset"].tolist() == [0, 0]


def test_check_knows_the_steps_of_a_fixed_length_from_one_head(tmp_path: Path) -> None:
    write(tmp_path / "a.wav", tone(300, 0.1))
    table(tmp_path, "a.wav", "missing.wav")
    assert plan(tmp_path) == ((RAGGED, 40), "")
    assert plan(tmp_path, length=1.0) == ((98, 40), "")
    assert plan(tmp_path, length=0.5, features="raw") == ((4000, 1), "")


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"features": {"log_mel": {"f_max": 5000}}}, "above half the sample rate of 8,000 Hz"),
        ({"features": {"log_mel": {"bins": 200}}}, "200 bands are too many"),
        ({"length": 0.01}, "length: 0.01 is shorter than a step, which takes 25 ms"),
    ],
)
def test_check_refuses_what_does_not_fit_the_rate(tmp_path: Path, options: dict[str, Any], told: str) -> None:
    write(tmp_path / "a.wav", tone(300, 0.1))
    table(tmp_path, "a.wav")
    assert told in plan(tmp_path, **options)[1]


def test_check_refuses_a_first_file_that_is_not_there_and_a_column_of_numbers(tmp_path: Path) -> None:
    table(tmp_path, "a.wav")
    assert "no file" in plan(tmp_path)[1]
    (tmp_path / "t.csv").write_text("wav,y\n1,0\n2,1\n3,0\n")
    assert "wav is numbers, and an audio field is a column of file names" in plan(tmp_path)[1]


def test_options_that_fit_no_rate_are_refused() -> None:
    with pytest.raises(ValueError, match="more than the 10 bins"):
        MFCC(bins=10)
    with pytest.raises(ValueError, match="not above f_min"):
        LogMel(f_min=500, f_max=400)
    with pytest.raises(SpecError, match="f_min"):
        LogMel(f_min=5000).check(RATE)


def test_a_sound_is_shown_with_the_spectrum_that_is_read_of_it(tmp_path: Path) -> None:
    for name, seconds in (("a.wav", 0.4), ("b.wav", 0.8)):
        write(tmp_path / name, tone(2000, seconds))
    rows = table(tmp_path, "a.wav", "b.wav")
    mel = Audio.parse({"type": "audio", "features": {"log_mel": 20}, "sample_rate": RATE})
    shown = mel.exhibits(rows, ("wav",), [0, 1])
    assert all(isinstance(each, Sound) and each.spectrum is not None and each.spectrum.height == 20 for each in shown)
    cut = Audio.parse({"type": "audio", "features": {"log_mel": 20}, "sample_rate": RATE, "length": 0.4})
    [first, second] = (each.spectrum.width for each in cut.exhibits(rows, ("wav",), [0, 1]) if isinstance(each, Sound) and each.spectrum)
    assert first == second
    raw = Audio.parse({"type": "audio", "features": "raw", "sample_rate": RATE})
    assert all(isinstance(each, Sound) and each.spectrum is None for each in raw.exhibits(rows, ("wav",), [0]))
