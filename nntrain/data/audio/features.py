"""What a step of a sound is: settings and arithmetic. Torch-free until `build()`.

The mel scale is that of HTK, m(f) = 2595 log10(1 + f / 700) (O'Shaughnessy 1987), with triangles of height 1, as torchaudio has them
by default; librosa's default is Slaney's scale with triangles of area 1.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Self

from pydantic import Field as Option
from pydantic import PositiveFloat, PositiveInt, model_validator

from nntrain.errors import SpecError
from nntrain.schema import Component

if TYPE_CHECKING:
    from torch import Tensor

    Transform = Callable[[Tensor], Tensor]


class AudioFeatures(Component):
    """What the network gets of a sound."""

    kinds: ClassVar[frozenset[str]] = frozenset({"audio features"})

    @property
    def width(self) -> int:
        """Numbers of a step, F."""
        raise NotImplementedError

    def least(self, rate: int) -> int:
        """Samples that the first step takes."""
        raise NotImplementedError

    def steps(self, samples: int, rate: int) -> int:
        """Steps of a sound that has at least the samples of one."""
        raise NotImplementedError

    def check(self, rate: int) -> None:
        """Refuse options that do not fit a sample rate. Raises `SpecError`."""

    def build(self, rate: int) -> Transform:
        """The function: samples `[…, N]` of sounds to their steps `[…, T, F]`, both float64."""
        raise NotImplementedError


class Raw(AudioFeatures):
    """The samples themselves, [T, 1]: 8,000 steps of a second at 8 kHz."""

    type: Literal["raw"] = "raw"

    @property
    def width(self) -> int:
        return 1

    def least(self, rate: int) -> int:
        return 1

    def steps(self, samples: int, rate: int) -> int:
        return samples

    def build(self, rate: int) -> Transform:
        return lambda samples: samples.unsqueeze(-1)


class LogMel(AudioFeatures):
    """The logarithm of the power in some bands of the mel scale, [T, bins]: one step every `hop_ms`.

    A window of Hann's form slides over the samples without padding; its spectrum has the next power of two of points. The mel scale is
    HTK's, with triangles of height 1; the natural logarithm is taken of what is at least 1e-10.
    """

    main: ClassVar[str | None] = "bins"

    type: Literal["log_mel"] = "log_mel"
    bins: PositiveInt = 40
    """Number of bands."""
    window_ms: PositiveFloat = 25.0
    """Milliseconds that a step looks at."""
    hop_ms: PositiveFloat = 10.0
    """Milliseconds from one step to the next."""
    f_min: Annotated[float, Option(ge=0)] = 20.0
    """Hertz at which the lowest band begins."""
    f_max: PositiveFloat | None = None
    """Hertz at which the highest band ends. Default: half the sample rate, above which a sound has nothing."""

    @model_validator(mode="after")
    def _bands_have_room(self) -> Self:
        if self.f_max is not None and self.f_max <= self.f_min:
            raise ValueError(f"f_max: {self.f_max:g} is not above f_min: {self.f_min:g}")
        return self

    @property
    def width(self) -> int:
        return self.bins

    def window(self, rate: int) -> int:
        """Samples of a window."""
        return max(1, round(rate * self.window_ms / 1000))

    def hop(self, rate: int) -> int:
        """Samples from one window to the next."""
        return max(1, round(rate * self.hop_ms / 1000))

    def points(self, rate: int) -> int:
        """Points of the spectrum: the next power of two."""
        return 1 << (self.window(rate) - 1).bit_length()

    def least(self, rate: int) -> int:
        return self.window(rate)

    def steps(self, samples: int, rate: int) -> int:
        return 1 + (samples - self.window(rate)) // self.hop(rate)

    def edges(self, rate: int) -> list[float]:
        """Hertz at which the bands begin, peak and end: `bins` + 2 numbers, equally far from each other on the mel scale."""
        low, high = to_mel(self.f_min), to_mel(rate / 2 if self.f_max is None else self.f_max)
        return [from_mel(low + (high - low) * place / (self.bins + 1)) for place in range(self.bins + 2)]

    def check(self, rate: int) -> None:
        """Bands above half the sample rate, and bands between two points of the spectrum. Raises `SpecError`."""
        if self.f_max is not None and self.f_max > rate / 2:
            raise SpecError(f"f_max: {self.f_max:g} is above half the sample rate of {rate:,} Hz", f"fix:  f_max: {rate // 2}")
        if self.f_min >= rate / 2:
            raise SpecError(f"f_min: {self.f_min:g} is not below half the sample rate of {rate:,} Hz")
        edges, resolution = self.edges(rate), rate / self.points(rate)
        for low, high in zip(edges, edges[2:], strict=False):
            if math.floor(low / resolution) + 1 >= high / resolution:
                raise SpecError(
                    f"{self.bins} bands are too many: none of the {self.points(rate) // 2 + 1} points of the spectrum lies"
                    f" between {low:.0f} and {high:.0f} Hz",
                    f"fix:  fewer bins, or a longer window_ms than {self.window_ms:g}",
                )

    def build(self, rate: int) -> Transform:
        from nntrain.data.audio.spectra import log_mel

        return log_mel(self, rate)


class MFCC(LogMel):
    """Mel-frequency cepstral coefficients, [T, coefficients]: the discrete cosine transform (II, orthonormal) of the bands of `log_mel`.

    The first is the loudness of a step. No liftering (Davis and Mermelstein 1980).
    """

    main: ClassVar[str | None] = "coefficients"

    type: Literal["mfcc"] = "mfcc"  # pyright: ignore[reportIncompatibleVariableOverride]
    coefficients: PositiveInt = 13
    """How many coefficients are kept, the first ones."""

    @model_validator(mode="after")
    def _coefficients_fit(self) -> Self:
        if self.coefficients > self.bins:
            raise ValueError(f"coefficients: {self.coefficients} are more than the {self.bins} bins that they are made of")
        return self

    @property
    def width(self) -> int:
        return self.coefficients

    def build(self, rate: int) -> Transform:
        from nntrain.data.audio.spectra import mfcc

        return mfcc(self, rate)


def to_mel(hertz: float) -> float:
    """A frequency on HTK's mel scale."""
    return 2595.0 * math.log10(1.0 + hertz / 700.0)


def from_mel(mel: float) -> float:
    """Undo `to_mel`."""
    return 700.0 * (10.0 ** (mel / 2595.0) - 1.0)
