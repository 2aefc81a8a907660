"""Fields that learn from the training rows a block at a time.

What they have learned of two blocks is what they would of both at once: exactly where it is counts, classes, vocabularies, lowest and
highest values; to rounding where it is means and deviations (Chan et al. 1979), as sums of float64 are made in another order. Quantiles
are those of all rows up to `SAMPLED`, and of a fixed random choice of so many where there are more; so is the exponent of a power, with the
mean and the deviation of what it gives. Pieces of words that only many texts together show are learned from such a choice too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate, takewhile
from typing import TYPE_CHECKING, Any, Final, Protocol, cast

import numpy as np

from nntrain.data.fields.field import RaggedArray, State
from nntrain.data.noise import row_keys
from nntrain.data.portions import column_sums, in_float64, portions
from nntrain.data.words import Coded, are_missing, counts_of

if TYPE_CHECKING:
    import polars as pl

    from nntrain.data.fields.field import Array, Field, Values

SAMPLED: Final = 65_536
"""Rows of which quantiles are taken where there are more. The share of all rows below a median is off by 0.002 (one deviation)."""

CHARACTERS: Final = 2**25
"""Characters of texts that are learned from together."""


class Learner(Protocol):
    """What a field learns of rows that it is shown a block at a time."""

    def add(self, values: Values) -> None:
        """Take in the values of some training rows, as the field reads them."""
        ...

    def state(self) -> State:
        """What was learned. Raises `DataError` as `Field.fit` does."""
        ...


@dataclass(slots=True)
class Moments:
    """How many values each of F features has, where they lie and how far apart; float64 `[F]`, NaN is no value."""

    counts: Array
    low: Array
    high: Array
    mean: Array
    rest: Array
    """What the mean lacks: of numbers near 2^60 float64 has no mean that is near enough for their spread."""
    squares: Array
    """Sum of the squared differences from the mean and its rest."""

    @classmethod
    def of(cls, values: Array) -> Moments:
        """Of numbers `[N, F]` of any type: looked at in float64, with the same result in portions as of all at once."""
        features = values.shape[1]
        counts, low, high = np.zeros(features, dtype=np.int64), np.full(features, np.inf), np.full(features, -np.inf)
        for rows in portions(values):
            part = in_float64(values, rows)
            is_present = ~np.isnan(part)
            counts += is_present.sum(axis=0)
            low = np.minimum(low, np.where(is_present, part, np.inf).min(axis=0, initial=np.inf))
            high = np.maximum(high, np.where(is_present, part, -np.inf).max(axis=0, initial=-np.inf))
        low, high = np.where(counts > 0, low, 0.0), np.where(counts > 0, high, 0.0)

        def present(part: Array) -> Array:
            return np.where(np.isnan(part), 0.0, part)

        total = column_sums(values, present)
        mean = np.where(low == high, low, total / np.maximum(counts, 1))  # of equal numbers the sum may be off by rounding
        apart = column_sums(values, lambda part: present(part - mean))
        rest = np.where(low == high, 0.0, apart / np.maximum(counts, 1))
        squares = column_sums(values, lambda part: present(part - mean) ** 2)
        return cls(counts, low, high, mean, rest, np.maximum(squares - counts * rest**2, 0.0))

    def merged(self, other: Moments) -> Moments:
        """Of the values of both."""
        counts = self.counts + other.counts
        share = other.counts / np.maximum(counts, 1)
        apart = (other.mean - self.mean) + (other.rest - self.rest)
        has_none, has_all = self.counts == 0, other.counts == 0
        low = np.where(has_none, other.low, np.where(has_all, self.low, np.minimum(self.low, other.low)))
        high = np.where(has_none, other.high, np.where(has_all, self.high, np.maximum(self.high, other.high)))
        step = self.rest + apart * share
        mean = self.mean + step
        taken = mean - self.mean
        rest = (self.mean - (mean - taken)) + (step - taken)  # what rounding took from the sum (Knuth's TwoSum)
        is_constant = low == high
        mean, rest = np.where(is_constant, low, mean), np.where(is_constant, 0.0, rest)
        return Moments(counts, low, high, mean, rest, self.squares + other.squares + apart**2 * self.counts * share)


class Sample:
    """At most `SAMPLED` rows `[N, F]` of all that were added: those whose numbers, counted from 0, have the lowest hashes."""

    def __init__(self) -> None:
        self._seen = 0
        self._keys = np.zeros(0, dtype=np.uint64)
        self._rows: list[Array] = []

    def add(self, values: Array) -> None:
        """Take some rows in."""
        keys = row_keys(0, np.arange(self._seen, self._seen + len(values)))
        self._seen += len(values)
        keys = np.concatenate([self._keys, keys])
        rows = np.concatenate([*self._rows, values])
        if len(keys) > SAMPLED:
            kept = np.sort(np.argpartition(keys, SAMPLED)[:SAMPLED])
            keys, rows = keys[kept], rows[kept]
        self._keys, self._rows = keys, [rows]

    @property
    def rows(self) -> Array:
        """Those that are kept."""
        return self._rows[0]


class ScalingLearner:
    """Scale and stand-in of each feature, as `nntrain.data.scaling.fit_scaling` has them; of a number also its curve."""

    def __init__(self, normalize: str, missing: str | float, shape: Callable[[Any], Array], *, constant: float = 1.0) -> None:
        """Begin with nothing.

        Args:
            normalize: As a number field has it.
            missing: The same.
            shape: Makes features `[N, F]` of the values of rows.
            constant: Scale of a feature that never changes.
        """
        self._normalize, self._missing, self._shape, self._constant = normalize, missing, shape, constant
        self._moments: Moments | None = None
        self._raw: Moments | None = None
        self._sample = Sample() if normalize in ("robust", "power", "quantile") or missing == "median" else None

    def add(self, values: Values) -> None:
        """Take in some rows."""
        from nntrain.data.curves import Logarithm

        features = self._shape(values)
        with np.errstate(over="ignore", invalid="ignore"):
            if self._normalize in ("log", "log1p"):
                own = Moments.of(features)
                self._raw = own if self._raw is None else self._raw.merged(own)
                features = Logarithm(cast("Any", self._normalize)).bent(features)
            own = Moments.of(features)
            self._moments = own if self._moments is None else self._moments.merged(own)
        if self._sample is not None:
            self._sample.add(features)

    def state(self) -> State:
        """Offset, scale and stand-in; of logarithms the deviation of the values too, of other curves what makes them."""
        import torch

        from nntrain.data.curve_fitting import fit_curve
        from nntrain.data.curves import Logarithm
        from nntrain.data.scaling import scaling_state

        assert self._moments is not None
        sample = None if self._sample is None else self._sample.rows
        if self._normalize in ("power", "quantile"):
            assert sample is not None
            return fit_curve(sample, self._moments, cast("Any", self._normalize), self._missing, comes_back=False)
        if self._raw is None:
            return scaling_state(self._moments, sample, cast("Any", self._normalize), self._missing, constant=self._constant)
        curve = cast("Any", self._normalize)
        fill = self._missing if isinstance(self._missing, str) else float(Logarithm(curve).bent(np.array(self._missing)))
        spread = np.sqrt(self._raw.squares / np.maximum(self._raw.counts, 1))
        spread = np.where(spread > 0, spread, 1.0)
        return {**scaling_state(self._moments, sample, "standard", fill), "curve": curve, "spread": torch.from_numpy(spread)}


class SeriesLearner(ScalingLearner):
    """The same of the features of steps `[N, T, F]`, and how many steps there are."""

    def __init__(self, normalize: str, missing: str | float) -> None:
        """Begin with nothing; arguments as in `ScalingLearner`."""
        super().__init__(normalize, missing, lambda values: values.reshape(-1, values.shape[-1]))
        self._steps = 0

    def add(self, values: Values) -> None:
        """Take in some rows."""
        self._steps = cast("Array", values).shape[1]
        super().add(values)

    def state(self) -> State:
        """Offset, scale, stand-in and steps."""
        return {**super().state(), "steps": self._steps}


class DistinctLearner:
    """The different values of a column of text, how often each occurs and whether one is missing: all that classes are made of."""

    def __init__(self, learned: Callable[[list[str | None]], State], least: int = 1) -> None:
        """Begin with nothing.

        Args:
            learned: Makes a state of the values, each once, and `None` where one was missing.
            least: Values that occur less often are left out.
        """
        self._learned, self._least = learned, least
        self._counts: Counter[str] = Counter()
        self._has_missing = False

    def add(self, values: Values) -> None:
        """Take in some rows: words, or lists of them."""
        cells = cast("pl.Series | Coded", values)
        self._has_missing |= bool(are_missing(cells).any())
        self._counts.update(counts_of(cells if isinstance(cells, Coded) or not cells.dtype.is_nested() else cells.explode()))

    def state(self) -> State:
        """The classes."""
        shown: list[str | None] = [value for value, count in self._counts.items() if count >= self._least]
        return self._learned([*shown, *([None] if self._has_missing else [])])


class TextLearner:
    """The tokens of texts, and how often each occurs."""

    def __init__(self, learned: Callable[[Counter[str], int], State], cut: Callable[[str], Sequence[str]]) -> None:
        """Begin with nothing.

        Args:
            learned: Makes a state of the tokens and the number of texts.
            cut: A text to its tokens.
        """
        self._learned, self._cut = learned, cut
        self._counts: Counter[str] = Counter()
        self._texts = 0

    def add(self, values: Values) -> None:
        """Take in some texts."""
        for text in cast("pl.Series", values).drop_nulls().to_list():
            self._counts.update(self._cut(text))
            self._texts += 1

    def state(self) -> State:
        """The vocabulary."""
        return self._learned(self._counts, self._texts)


class SampledTextLearner:
    """Texts that are learned from together: all, or a fixed random choice of those that `SAMPLED` and `CHARACTERS` leave room for.

    Those are kept whose numbers, counted from 0, have the lowest hashes, as many as have so many characters together; how texts are cut
    into blocks changes nothing.
    """

    def __init__(self, learned: Callable[[list[str]], State]) -> None:
        """Begin with nothing; `learned` makes a state of some texts in their order."""
        self._learned = learned
        self._seen = 0
        self._kept: list[tuple[int, int, str]] = []
        """Hash, number and text of each."""

    def add(self, values: Values) -> None:
        """Take in some texts."""
        texts: list[str] = cast("pl.Series", values).drop_nulls().to_list()
        numbers = range(self._seen, self._seen + len(texts))
        self._seen += len(texts)
        hashes = cast("list[int]", row_keys(0, np.array(numbers, dtype=np.int64)).tolist())
        found = sorted([*self._kept, *zip(hashes, numbers, texts, strict=True)])
        room = accumulate(len(text) for _, _, text in found)
        fitting = sum(1 for _ in takewhile(lambda taken: taken <= CHARACTERS, room))
        self._kept = found[: max(1, min(SAMPLED, fitting))]

    def state(self) -> State:
        """What was learned."""
        return self._learned([text for _, _, text in sorted(self._kept, key=lambda kept: kept[1])])


@dataclass(slots=True)
class Ranges:
    """What new rows are compared with: rows, those that lack a value, and the range of each feature."""

    rows: int = 0
    missing: int = 0
    low: Array | None = None
    high: Array | None = None

    def add(self, field: Field, values: Values) -> None:
        """Take in some rows, as `field` reads them."""
        count = len(values.lengths) if isinstance(values, RaggedArray) else len(values)
        if not count:
            return
        self.rows += count
        self.missing += int(field.is_missing(values).sum())
        numbers = field.magnitudes(values)
        if numbers is not None:
            low, high = np.fmin.reduce(numbers, axis=0), np.fmax.reduce(numbers, axis=0)  # NaN only where there is no number
            self.low = low if self.low is None else np.fmin(self.low, low)
            self.high = high if self.high is None else np.fmax(self.high, high)
