"""Spectra of sounds, in float64, so that the number of threads leaves no trace in the float32 that is kept."""

from __future__ import annotations

import math
from functools import cache
from typing import TYPE_CHECKING, Final, cast

import torch
from torch import Tensor

if TYPE_CHECKING:
    from nntrain.data.audio.features import MFCC, LogMel, Transform

FLOOR: Final = 1e-10
"""Power below which the logarithm is cut off: digital silence has none."""


def filterbank(features: LogMel, rate: int) -> Tensor:
    """How much each point of the spectrum counts in each band, `[points // 2 + 1, bins]`: triangles of height 1, linear in hertz."""
    points = features.points(rate)
    hertz = torch.arange(points // 2 + 1, dtype=torch.float64) * rate / points
    edges = torch.tensor(features.edges(rate), dtype=torch.float64)
    below, peak, above = edges[:-2], edges[1:-1], edges[2:]
    rising = (hertz[:, None] - below) / (peak - below)
    falling = (above - hertz[:, None]) / (above - peak)
    return torch.minimum(rising, falling).clamp(min=0)


def log_mel(features: LogMel, rate: int) -> Transform:
    """Samples `[…, N]` to the logarithm of the power in each band, `[…, T, bins]`."""
    window, hop, points = features.window(rate), features.hop(rate), features.points(rate)

    @cache
    def tables(device: torch.device, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        shape, bands = torch.hann_window(window, dtype=torch.float64), filterbank(features, rate)
        return shape.to(device, dtype), bands.to(device, dtype)

    def transform(samples: Tensor) -> Tensor:
        shape, bands = tables(samples.device, samples.dtype)
        spectrum = cast("Tensor", torch.fft.rfft(samples.unfold(-1, window, hop) * shape, n=points))
        power = spectrum.real.square() + spectrum.imag.square()
        return (power @ bands).clamp(min=FLOOR).log()

    return transform


def mfcc(features: MFCC, rate: int) -> Transform:
    """Samples `[…, N]` to cepstral coefficients, `[…, T, coefficients]`."""
    bands = log_mel(features, rate)

    @cache
    def cosines(device: torch.device, dtype: torch.dtype) -> Tensor:
        return dct_matrix(features.bins)[:, : features.coefficients].to(device, dtype)

    return lambda samples: bands(samples) @ cosines(samples.device, samples.dtype)


def dct_matrix(size: int) -> Tensor:
    """The orthonormal discrete cosine transform (II) as a matrix `[size, size]`, a column for each coefficient."""
    place = torch.arange(size, dtype=torch.float64)
    matrix = torch.cos(math.pi / size * (place[:, None] + 0.5) * place) * math.sqrt(2 / size)
    matrix[:, 0] /= math.sqrt(2)
    return matrix
