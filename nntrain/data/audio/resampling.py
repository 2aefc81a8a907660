"""Another sample rate, by a sinc under a Hann window, one filter a phase (Smith, Digital Audio Resampling; as torchaudio does it)."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Final

import torch
from torch import Tensor

from nntrain.errors import DataError

ZEROS: Final = 16
"""Zero crossings of the sinc on each side: more make a sharper edge."""
ROLLOFF: Final = 0.95
"""Where the filter ends, as a share of half the lower rate: what is above would come back as another tone."""
MOST_TAPS: Final = 2**23
"""Numbers of all filters together: two rates without a large common divisor have too many."""


def resample(samples: Tensor, rate: int, wanted: int) -> Tensor:
    """Samples `[N]` float64 at a rate to `[ceil(N * wanted / rate)]` at the wanted one, both in hertz.

    Raises:
        DataError: The two rates have so little in common that the filters would fill the memory.
    """
    if rate == wanted:
        return samples
    divisor = math.gcd(rate, wanted)
    old, new = rate // divisor, wanted // divisor
    filters, width = _filters(old, new)
    padded = torch.nn.functional.pad(samples, (width, width + old))
    found = torch.nn.functional.conv1d(padded[None, None], filters, stride=old)
    return found[0].T.reshape(-1)[: -(-new * len(samples) // old)]


@lru_cache(maxsize=8)
def _filters(old: int, new: int) -> tuple[Tensor, int]:
    """A filter for each of the `new` places between `old` samples, `[new, 1, 2 width + old]`, and how far they reach."""
    edge = ROLLOFF * min(old, new)
    width = math.ceil(ZEROS * old / edge)
    if new * (2 * width + old) > MOST_TAPS:
        raise DataError(f"rates of {old:,} to {new:,} have too little in common to be resampled", "fix:  sample_rate: that of the files")
    place = torch.arange(-width, width + old, dtype=torch.float64) / old
    time = (place - torch.arange(new, dtype=torch.float64)[:, None] / new) * edge
    window = torch.cos(time.clamp(-ZEROS, ZEROS) * math.pi / (2 * ZEROS)).square()
    return (torch.sinc(time) * window * edge / old).unsqueeze(1), width
