"""Features and resampled sounds against the numbers of other libraries."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch

from nntrain.data.audio.features import MFCC, LogMel
from nntrain.data.audio.resampling import resample

RATE = 8000


def chirp() -> torch.Tensor:
    time = torch.arange(1200, dtype=torch.float64) / RATE
    return 0.3 * torch.sin(2 * math.pi * (300 + 900 * time) * time) + 0.1 * torch.sin(2 * math.pi * 2100 * time)


def test_log_mel_has_the_numbers_of_transformers() -> None:
    """`transformers.audio_utils.spectrogram` of a periodic Hann window of 200 and a hop of 80 samples, 256 points, power 2, not centred,
    through `mel_filter_bank(129, 26, 20, 4000, 8000, norm=None, mel_scale="htk")`, `mel_floor=1e-10`, `log_mel="log"`."""
    found = LogMel(bins=26).build(RATE)(chirp())
    assert found.shape == (13, 26)
    wanted = [
        [-6.9805613, -6.250306, -14.121503, -18.894867],
        [-10.364322, -1.6966658, -14.337098, -18.712309],
        [-11.933472, 5.7348843, -15.082221, -18.485935],
    ]
    np.testing.assert_allclose(found[[0, 5, 12]][:, [0, 7, 15, 25]].numpy(), wanted, atol=3e-6)


def test_mfcc_has_the_numbers_of_scipy_over_them() -> None:
    """`scipy.fft.dct(log_mel, type=2, norm="ortho")` of the same."""
    found = MFCC(bins=26).build(RATE)(chirp())
    assert found.shape == (13, 13)
    wanted = [
        [-41.9707027, 19.9061666, 6.6387378, -1.7736078],
        [-41.644462, 17.7626688, 0.6387355, -3.7783488],
        [-42.0106053, 14.144935, -7.1065963, -3.4635787],
    ]
    np.testing.assert_allclose(found[[0, 5, 12]][:, [0, 1, 2, 12]].numpy(), wanted, atol=3e-6)


@pytest.mark.parametrize(("old", "new"), [(16000, 8000), (44100, 16000), (8000, 16000), (22050, 16000)])
def test_resampling_is_no_worse_than_scipys(old: int, new: int) -> None:
    signal: Any = pytest.importorskip("scipy.signal")
    draws = np.random.default_rng(0)
    tones = [(hertz, phase) for hertz, phase in zip(draws.uniform(50, 0.425 * min(old, new), 20), draws.uniform(0, 6, 20), strict=True)]

    def sound(rate: int) -> np.ndarray:
        time = np.arange(rate // 4) / rate
        return np.mean([np.sin(2 * np.pi * hertz * time + phase) for hertz, phase in tones], axis=0)

    divisor, edge = math.gcd(old, new), new // 40
    ours = resample(torch.from_numpy(sound(old)), old, new).numpy()[edge:-edge]
    theirs = signal.resample_poly(sound(old), new // divisor, old // divisor)[edge:-edge]
    exact = sound(new)[edge:-edge]
    noise, usual = ours[: len(exact)] - exact, theirs[: len(exact)] - exact
    assert 10 * np.log10(np.mean(exact**2) / np.mean(noise**2)) > 65, "decibels between the sound and what is added to it"
    assert np.mean(noise**2) < np.mean(usual**2)
    if new < old:
        too_high = torch.sin(2 * math.pi * 0.575 * new * torch.arange(old // 4, dtype=torch.float64) / old)
        assert 20 * math.log10(float(resample(too_high, old, new)[edge:-edge].std())) < -55, "what the new rate cannot hold is gone"
