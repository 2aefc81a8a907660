"""Random changes of training sounds: of their samples, before features are made of them, and of the features. Torch-free."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field as Option
from pydantic import NonNegativeInt, PositiveFloat, PositiveInt, model_validator

from nntrain.data.audio.features import AudioFeatures
from nntrain.schema import Component

if TYPE_CHECKING:
    from torch import Tensor

    from nntrain.data.augmentation.draws import Draws


@dataclass(frozen=True, slots=True)
class Frames:
    """Rows of a batch that changes are made to."""

    values: Tensor
    """Samples `[B, S]` in [-1, 1], or scaled features `[B, T, F]`."""
    ends: Tensor
    """Where each row ends, int64 `[B]`; what stands behind belongs to nothing."""
    sounding: Tensor
    """Samples of each row that are of its file, int64 `[B]`: the others are the silence that fills a row up."""


if TYPE_CHECKING:
    Change = Callable[[Frames, Draws], Tensor]

Probability = Annotated[float, Option(gt=0, le=1)]


class AudioAugmentation(Component):
    """A random change of training sounds; their length stays."""

    kinds: ClassVar[frozenset[str]] = frozenset({"audio augmentation"})
    of_samples: ClassVar[bool] = True
    """Whether it changes samples, and not the features that are made of them."""

    def misfit(self, features: AudioFeatures, length: float | None) -> str | None:
        """Why it cannot change such features, or sounds of so many seconds; `None` if it can."""
        return None

    def build(self, rate: int) -> Change:
        """The function: `(frames, draws)` to values of the same shape, all rows at once, on their device; `rate` in hertz."""
        raise NotImplementedError


class TimeShift(AudioAugmentation):
    """Moves a sound to an earlier or a later time; what leaves is lost, and silence comes in."""

    main: ClassVar[str | None] = "max_ms"

    type: Literal["shift"] = "shift"
    max_ms: PositiveFloat
    """Largest shift to either side, in milliseconds."""

    def misfit(self, features: AudioFeatures, length: float | None) -> str | None:
        """A shift by the whole sound leaves nothing of it."""
        if length is not None and self.max_ms >= 1000 * length:
            return f"max_ms: {self.max_ms:g} moves all of a sound of {1000 * length:g} ms away"
        return None

    def build(self, rate: int) -> Change:
        from nntrain.data.audio.changes import shift

        return partial(shift, most=max(1, round(self.max_ms * rate / 1000)))


class NoiseOfSNR(AudioAugmentation):
    """Adds white noise, so much below the sound as its signal-to-noise ratio says. The silence that fills a sound up gets it too."""

    main: ClassVar[str | None] = "snr_db"

    type: Literal["noise"] = "noise"
    snr_db: tuple[float, float]
    """Lowest and highest ratio of the power of the sound to that of the noise, in decibels: [10, 30]. At 0 both are as loud."""
    p: Probability = 0.5
    """Share of the sounds that get noise."""

    @model_validator(mode="after")
    def _range_is_one(self) -> NoiseOfSNR:
        if self.snr_db[0] > self.snr_db[1]:
            raise ValueError("snr_db needs the lower ratio first: [10, 30]")
        return self

    def build(self, rate: int) -> Change:
        from nntrain.data.audio.changes import add_noise

        return partial(add_noise, low=self.snr_db[0], high=self.snr_db[1], p=self.p)


class Gain(AudioAugmentation):
    """Makes a sound louder or softer."""

    main: ClassVar[str | None] = "db"

    type: Literal["gain"] = "gain"
    db: PositiveFloat | tuple[float, float]
    """Lowest and highest change in decibels, [-12, 3], or the largest to either side: 6."""

    @model_validator(mode="after")
    def _range_is_one(self) -> Gain:
        if isinstance(self.db, tuple) and self.db[0] >= self.db[1]:
            raise ValueError("db needs a lower and a higher change: [-12, 3]")
        return self

    def build(self, rate: int) -> Change:
        from nntrain.data.audio.changes import gain

        low, high = self.db if isinstance(self.db, tuple) else (-self.db, self.db)
        return partial(gain, low=low, high=high)


class SpecAugment(AudioAugmentation):
    """Covers some steps and some bands of the features with their mean (SpecAugment, Park et al. 2019, without time warping).

    The width of a mask is drawn from 0 to the largest, then its place; masks may overlap. The mean is 0, as `normalize: standard` has it.
    """

    of_samples: ClassVar[bool] = False

    type: Literal["spec_augment"] = "spec_augment"
    time_masks: NonNegativeInt = 2
    """Masks over steps."""
    time_width: PositiveInt = 10
    """Most steps of a mask: T of the paper."""
    time_share: Probability = 0.2
    """Largest share of the steps of a row that one mask covers: p of the paper, so that of a short sound something is left."""
    band_masks: NonNegativeInt = 2
    """Masks over bands."""
    band_width: PositiveInt = 8
    """Most bands of a mask: F of the paper."""

    @model_validator(mode="after")
    def _covers_something(self) -> SpecAugment:
        if not self.time_masks and not self.band_masks:
            raise ValueError("spec_augment changes nothing: give time_masks or band_masks, such as 2")
        return self

    def misfit(self, features: AudioFeatures, length: float | None) -> str | None:
        """Masks over bands need more of them than they cover."""
        if self.band_masks and features.width <= self.band_width:
            what = "raw samples have no bands" if features.type == "raw" else f"and there are {features.width} of them"
            return f"band_width: {self.band_width} covers bands, {what}; band_masks: 0 leaves them"
        return None

    def build(self, rate: int) -> Change:
        from nntrain.data.audio.changes import cover

        return partial(
            cover,
            masks=(self.time_masks, self.band_masks),
            widths=(self.time_width, self.band_width),
            share=self.time_share,
        )
