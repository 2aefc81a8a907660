"""What the training rows showed of an input, beside what is fitted: new rows are compared with it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from nntrain.data.moments import Moments

if TYPE_CHECKING:
    from nntrain.data.blockwise.learning import Ranges
    from nntrain.data.fields.field import Array, Field, Values


@dataclass(frozen=True, slots=True)
class Shown:
    """How many of the training rows lack an input, and from where to where its numbers go."""

    missing: float
    """Share of the rows, in [0, 1]."""
    ranges: tuple[tuple[float, float] | None, ...] = ()
    """Lowest and highest number of each feature, `None` for one without any number; empty for what is no number."""
    moments: tuple[tuple[float, float] | None, ...] = ()
    """Mean and standard deviation of each feature likewise; empty where they are not known, as of rows that were read in blocks."""

    @classmethod
    def of(cls, field: Field, values: Values) -> Shown:
        """Look at the values of the training rows, as `field` reads them."""
        numbers = field.magnitudes(values)
        missing = float(field.is_missing(values).mean()) if len(values) else 0.0
        if numbers is None:
            return cls(missing)
        low, high = np.fmin.reduce(numbers, axis=0), np.fmax.reduce(numbers, axis=0)  # NaN only where there is no number
        moments = Moments.of(numbers)
        has_none = (moments.count == 0) | ~np.isfinite(moments.squares)
        return cls(missing, _pairs(low, high), _pairs(np.where(has_none, np.nan, moments.mean), moments.spread))

    @classmethod
    def of_ranges(cls, found: Ranges) -> Shown:
        """What a pass through the training rows found."""
        missing = found.missing / found.rows if found.rows else 0.0
        if found.low is None or found.high is None:
            return cls(missing)
        return cls(missing, _pairs(found.low, found.high))

    def state(self) -> dict[str, Any]:
        """As a plain tree."""
        ranges, moments = ([None if pair is None else list(pair) for pair in pairs] for pairs in (self.ranges, self.moments))
        return {"missing": self.missing, "ranges": ranges, "moments": moments}

    @classmethod
    def restore(cls, tree: Mapping[str, Any], features: int | None) -> Shown:
        """Undo `state`.

        Args:
            tree: What `state` gave.
            features: How many features the field has; `None` for what is no number.

        Raises:
            LookupError, TypeError, ValueError: It is something else.
        """
        missing, ranges = float(tree["missing"]), tuple(_pair(pair) for pair in tree["ranges"])
        moments = tuple(_moment(pair) for pair in tree.get("moments", ()))  # runs of older versions have none
        if not 0 <= missing <= 1 or len(ranges) != (features or 0) or len(moments) not in (0, features or 0):
            raise ValueError("no share of missing rows, or ranges of other features")
        return cls(missing, ranges, moments)


def _pairs(low: Array, high: Array) -> tuple[tuple[float, float] | None, ...]:
    """Lowest and highest number of each feature, of whatever type these are; `None` for NaN."""
    lowest, highest = (cast("list[float]", numbers.astype(np.float64).tolist()) for numbers in (low, high))
    return tuple(None if math.isnan(one) else (one, other) for one, other in zip(lowest, highest, strict=True))


def _moment(pair: Sequence[Any] | None) -> tuple[float, float] | None:
    if pair is None:
        return None
    mean, spread = (float(value) for value in pair)
    if not (math.isfinite(mean) and math.isfinite(spread) and spread >= 0):
        raise ValueError("no mean and standard deviation")
    return mean, spread


def _pair(pair: Sequence[Any] | None) -> tuple[float, float] | None:
    if pair is None:
        return None
    low, high = (float(value) for value in pair)
    if not (math.isfinite(low) and math.isfinite(high) and low <= high):
        raise ValueError("no range")
    return low, high
