"""A sound per row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, cast

from pydantic import Field as Option
from pydantic import PositiveFloat

from nntrain.data.audio.features import LogMel
from nntrain.data.audio.settings import AnyAudioAugmentation, AnyAudioFeatures
from nntrain.data.extras import missing_package
from nntrain.data.fields.field import Encoded, Field, Neutral, RaggedArray, Role
from nntrain.data.file_rows import SOUNDS, FileKind
from nntrain.errors import SpecError
from nntrain.specs import RAGGED, SEQUENCE, Size, Spec, Unknown

if TYPE_CHECKING:
    from nntrain.data.blockwise.learning import Learner
    from nntrain.data.exhibits import Exhibit
    from nntrain.data.fields.field import Array, State, Values
    from nntrain.data.header import HeaderColumn
    from nntrain.data.highlights import Highlight
    from nntrain.data.table import Table


class Audio(Field):
    """A sound [T, F]: the files that a column names, counted from the folder of the table; their channels are averaged.

    Needs `pip install 'nntrain[audio]'`. Files: WAVE, FLAC, Ogg, MP3, AIFF, AU.
    """

    main: ClassVar[str | None] = "features"
    reads_files: ClassVar[bool] = True
    file_kind: ClassVar[FileKind | None] = SOUNDS
    roles: ClassVar[frozenset[Role]] = frozenset({"input", "ignore"})

    type: Literal["audio"] = "audio"
    sample_rate: Annotated[int, Option(ge=100, le=768_000)] | None = None
    """Samples of a second that the network hears; files of another rate are resampled. Default: that of the training files, which must
    agree then."""
    features: AnyAudioFeatures = LogMel()
    """What a step is: `log_mel` (bands of the spectrum), `mfcc` or `raw`, or one with options: `{type: log_mel, bins: 80}`."""
    length: PositiveFloat | None = None
    """Seconds of each sound: longer ones are cut, and shorter ones are filled up with silence. Default: each as long as it is."""
    crop: Literal["start", "centre", "random"] = "start"
    """Which part of a sound longer than `length` is heard. `random`: another one each epoch, and the middle where rows are measured; whole
    sounds are kept in memory then."""
    pad: Literal["end", "both"] = "end"
    """Where silence fills up a sound shorter than `length`: behind it, or as much before it as behind it."""
    normalize: Literal["standard", "none"] = "standard"
    """`standard`: each feature to mean 0 and standard deviation 1 over all steps of the training rows."""
    augment: tuple[AnyAudioAugmentation, ...] = ()
    """Random changes of the training sounds, anew each epoch: [{shift: 100}, {noise: [10, 30]}, spec_augment]. Those of samples come first
    (samples are kept in memory then, and features are made of each batch), then those of features, each in this order; never on the
    rows that are measured."""

    def plan_spec(self, name: str, columns: Sequence[HeaderColumn] | None, *, is_target: bool) -> Spec:
        """[T, F]; T is ragged without `length`. Raises `SpecError` for what names no files, and options that do not fit the rate."""
        column = None if columns is None else columns[0]
        if column is not None and not column.names_files:
            found = "numbers" if not column.shape else f"an array [{', '.join(map(str, ('N', *column.shape)))}]"
            raise SpecError(f"{name} is {found}, and an audio field is a column of file names", "numbers of each step? type: series")
        if column is not None and column.files is not None and not column.files.are_sounds:
            raise SpecError(f"{name} is {', '.join(column.files.suffixes[:3])} files, and these are no sounds")
        sound = None if column is None else column.sound
        if sound is not None and sound.fault is not None:
            raise SpecError(f"{name}: {sound.fault}", "names count from the folder of the table")
        for place, augmentation in enumerate(self.augment):
            problem = augmentation.misfit(self.features, self.length)
            if problem is None and not augmentation.of_samples and self.normalize == "none":
                problem = "puts the mean of standardised features, 0, in their place; fix:  normalize: standard"
            if problem is not None:
                raise SpecError(f"augment[{place}] {augmentation.type}: {problem}")
        rate = self.sample_rate or (None if sound is None else sound.rate)
        return Spec(SEQUENCE, (self._steps(name, rate), self.features.width))

    @property
    def lacks(self) -> str | None:
        """The package that reads sounds."""
        return missing_package("audio", "soundfile", "audio")

    @property
    def rate(self) -> int:
        """The sample rate, once it is known."""
        assert self.sample_rate is not None
        return self.sample_rate

    @property
    def keeps_samples(self) -> bool:
        """Whether rows are samples in memory, as what is heard of them is another in each epoch."""
        return self.crop == "random" or any(augmentation.of_samples for augmentation in self.augment)

    @property
    def is_changed_at_random(self) -> bool:
        """By augmentations, or by the place of the cut."""
        return bool(self.augment) or self.crop == "random"

    def idle_options(self, roles: frozenset[Role]) -> dict[str, str]:
        """Where to cut and to fill up, without `length`."""
        why = "without length each sound is as long as it is"
        return self._changed({"crop": why, "pad": why}) if self.length is None else {}

    def _steps(self, name: str, rate: int | None) -> Size:
        """Steps of every sound, as far as the sample rate tells. Raises `SpecError` where `length` has none."""
        if rate is None:
            return RAGGED if self.length is None else Unknown(f"steps of {name}")
        self.features.check(rate)
        samples = self.samples(rate)
        if samples is None:
            return RAGGED
        if samples < self.features.least(rate):
            least = self.features.least(rate) / rate
            raise SpecError(f"length: {self.length:g} is shorter than a step, which takes {1000 * least:g} ms", f"fix:  length: {least:g}")
        return self.features.steps(samples, rate)

    def first_steps(self, columns: Sequence[HeaderColumn]) -> int | None:
        """Steps of the first sound."""
        sound = columns[0].sound
        if sound is None or sound.rate is None or sound.samples is None:
            return None
        rate = self.sample_rate or sound.rate
        samples = self.samples(rate) or sound.samples * rate // sound.rate
        return self.features.steps(samples, rate) if samples >= self.features.least(rate) else 0

    def samples(self, rate: int) -> int | None:
        """Samples of every sound; `None` where each is as long as it is."""
        return None if self.length is None else max(1, round(self.length * rate))

    def fitted_spec(self, state: State, *, is_target: bool) -> Spec:
        """[T, F]."""
        return Spec(SEQUENCE, (RAGGED if state["steps"] is None else state["steps"], self.features.width))

    def settled(self, table: Table, columns: tuple[str, ...]) -> Audio:
        """With the sample rate of all training files. Raises `DataError` where they have several, or one can't be read."""
        if self.sample_rate is not None:
            return self
        from nntrain.data.audio.reading import common_rate

        return self.model_copy(update={"sample_rate": common_rate(table, columns[0])})

    def read(self, table: Table, columns: tuple[str, ...]) -> Array | RaggedArray:
        """The steps of all sounds, float32, not scaled yet: `[N, T, F]`, or rows of different lengths; samples where these are kept.

        Raises:
            DataError: A file is missing, broken, or shorter than a step; rows and files are named.
        """
        from nntrain.data.audio.reading import read_sounds

        return read_sounds(self, table, columns[0])

    def fit(self, values: Values, *, is_target: bool) -> State:
        """Offset and scale of each feature, float64 `[F]`, and the steps of every row where they are equal."""
        from nntrain.data.audio.reading import features_of, fit_sounds

        found = features_of(self, cast("RaggedArray", values)) if self.keeps_samples else cast("Array | RaggedArray", values)
        return fit_sounds(found, self.normalize)

    @property
    def needs_all_rows(self) -> None:
        """It learns of blocks."""

    def learner(self) -> Learner:
        """Mean and deviation of each feature."""
        from nntrain.data.blockwise.sounds import SoundsLearner

        return SoundsLearner(self)

    def encode(self, values: Values, state: State, *, is_target: bool) -> Encoded:
        """Float32 `[N, T, F]`; `[sum of lengths, F]` and lengths `[N]` where rows differ or are changed; samples where these are kept."""
        from nntrain.data.audio.hearing import Hearing
        from nntrain.data.audio.reading import scaled

        sounds = Hearing.of(self, state) if self.is_changed_at_random else None
        if isinstance(values, RaggedArray):
            return Encoded(values.values if self.keeps_samples else scaled(values.values, state), values.lengths, sounds=sounds)
        steps = scaled(cast("Array", values), state)
        if sounds is None:
            return Encoded(steps)
        import numpy as np

        return Encoded(steps.reshape(-1, steps.shape[2]), np.full(len(steps), steps.shape[1], dtype=np.int64), sounds=sounds)

    def exhibits(self, table: Table, columns: tuple[str, ...], rows: Sequence[int]) -> Sequence[Exhibit]:
        """The sounds, with the spectrum that the network reads where it reads one. Raises `DataError`."""
        import numpy as np

        from nntrain.data.audio.reading import features_of, row_sounds
        from nntrain.data.exhibits import sound_of, spectrum_of

        found: list[Exhibit] = []
        for samples in row_sounds(self, table, columns[0], rows):
            read = features_of(self, RaggedArray(samples, np.array([len(samples)]))) if self.features.width != 1 else None
            steps = read.values if isinstance(read, RaggedArray) else None if read is None else read[0]
            found.append(sound_of(samples, self.rate, None if steps is None else spectrum_of(steps)))
        return found

    def neutral(self, state: State, kind: Neutral = "auto") -> Array:
        """What features are scaled about: the means of the training rows where they are standardised."""
        import numpy as np

        return np.zeros(self.features.width, dtype=np.float32)

    def highlight(self, seen: Array, shares: Array, state: State) -> Highlight:
        """Heat over steps and features."""
        from nntrain.data.highlights import heat_over_steps

        return heat_over_steps(seen, shares)

    def is_missing(self, values: Values) -> Array:
        """None is: a row without a file is an error."""
        import numpy as np

        return np.zeros(len(values), dtype=bool)
