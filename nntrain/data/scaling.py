"""Numbers of table columns and series: read together, scaled, missing ones filled.

Everything is fitted and scaled in float64, a portion of rows at a time, so that numbers stay in memory as narrow as an array has them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

import numpy as np
import torch

from nntrain.data.blockwise.learning import Moments
from nntrain.data.consecutive import places_within
from nntrain.data.curves import Logarithm, curve_of
from nntrain.data.fields.field import RaggedArray, State
from nntrain.data.fields.number import Logarithmic, Normalize
from nntrain.data.portions import in_float64, portions
from nntrain.data.row_numbers import RowNumbers
from nntrain.data.table import Table, as_numbers
from nntrain.data.words import Coded
from nntrain.errors import DataError

if TYPE_CHECKING:
    from nntrain.data.fields.field import Array


def read_matrix(table: Table, columns: tuple[str, ...]) -> Array:
    """Columns side by side as float64 `[N, F]`, or one array `[N, F]` as `as_numbers` has it. Raises `DataError` for what is no number."""
    if len(columns) == 1 and getattr(table.column(columns[0]), "ndim", 1) == 2:
        array: Any = table.column(columns[0])
        return as_numbers(table.name, columns[0], array, table.first)
    matrix = np.empty((table.rows, len(columns)))
    for place, column in enumerate(columns):
        matrix[:, place] = table.numbers(column)
    return matrix


def read_steps(table: Table, columns: tuple[str, ...], max_length: int | None) -> Array:
    """Columns as steps of one feature, float64 `[N, T, 1]`, or one array `[N, T]` or `[N, T, F]` as `as_numbers` has it, `[N, T, F]`.

    Raises:
        DataError: They hold something else than numbers.
    """
    array: Any = table.column(columns[0])
    if len(columns) == 1 and getattr(array, "ndim", 1) == 3:
        steps = as_numbers(table.name, columns[0], array, table.first)
    else:
        steps = read_matrix(table, columns)[:, :, None]
    return steps[:, :max_length]


def read_ragged(table: Table, columns: tuple[str, ...], max_length: int | None) -> RaggedArray:
    """The array of all steps and the array of lengths; each row is cut to its first `max_length` steps.

    Raises:
        DataError: The lengths are not whole, or do not add up to the number of steps.
    """
    values: Any = table.column(columns[0])
    lengths: Any = table.column(columns[1])
    if lengths.ndim != 1 or lengths.dtype.kind not in "iu" or (len(lengths) and lengths.min() < 0):
        raise DataError(f"{table.name}: {columns[1]} should hold the number of steps of each row, whole and not negative")
    if int(lengths.sum()) != len(values):
        raise DataError(
            f"{table.name}: the lengths in {columns[1]} add up to {int(lengths.sum()):,}, and {columns[0]} has {len(values):,} steps"
        )
    steps = as_numbers(table.name, columns[0], values)
    steps = steps.reshape(len(steps), -1)
    return _cut(steps, lengths.astype(np.int64), max_length)


def read_long(table: Table, columns: tuple[str, ...], max_length: int | None) -> RaggedArray:
    """Columns of steps side by side, each row cut to its first `max_length` steps."""
    assert table.steps is not None
    return _cut(np.stack([np.asarray(table.column(column)) for column in columns], axis=1), table.steps.lengths, max_length)


def _cut(steps: Array, lengths: Array, max_length: int | None) -> RaggedArray:
    """Rows with the first of their steps."""
    if max_length is None or not len(lengths) or lengths.max() <= max_length:
        return RaggedArray(steps, lengths)
    return RaggedArray(steps[places_within(lengths) < max_length], np.minimum(lengths, max_length))


Rows = np.ndarray[Any, Any] | RowNumbers
"""Numbers of rows, whole `[M]`."""
GATHERED: Final = 2**16
"""Rows of a column that are gathered at once, where there are many."""


def take(values: Any, rows: Rows) -> Any:
    """Some rows of the values of a field: without a copy where they follow one another, as nobody changes values that were read."""
    if isinstance(rows, RowNumbers):
        return _taken(values, rows)
    if len(rows) and int(rows[-1]) - int(rows[0]) == len(rows) - 1 and _follow(rows):
        if len(rows) == len(values) and not _is_array(values):
            return values
        if _can_be_shared(values):
            return values[int(rows[0]) : int(rows[-1]) + 1]
    if isinstance(values, RaggedArray):
        lengths = values.lengths[rows]
        starts = (values.lengths.cumsum() - values.lengths)[rows]
        index = cast("Array", np.repeat(starts, lengths) + places_within(lengths))
        return RaggedArray(values.values[index], lengths)
    return _gathered(values, rows)


def _gathered(values: Any, rows: Array) -> Any:
    """Some rows of what has one value for each; of text a portion at a time, as polars makes numbers of its own of all rows first."""
    if len(rows) <= GATHERED or isinstance(values, np.ndarray | Coded):
        return cast("Any", values[rows])
    import polars as pl

    if not isinstance(values, pl.Series):
        return values[rows]
    return pl.concat([values[rows[start : start + GATHERED]] for start in range(0, len(rows), GATHERED)], rechunk=True)


def _taken(values: Any, rows: RowNumbers) -> Any:
    """The same, and the numbers of the rows are made a portion at a time."""
    if len(rows) == rows.total:
        return values
    if isinstance(values, RaggedArray | Coded):
        return take(values, rows[:].numpy())
    parts = [values[rows[start : start + GATHERED].numpy()] for start in range(0, max(1, len(rows)), GATHERED)]
    if isinstance(values, np.ndarray):
        return np.concatenate(parts)
    import polars as pl

    return pl.concat(parts, rechunk=True)


def _follow(rows: Array) -> bool:
    """Whether each number of a row `[N]` is the one after that before it."""
    return all((np.diff(rows[start : start + GATHERED + 1]) == 1).all() for start in range(0, len(rows), GATHERED))


def _is_array(values: Any) -> bool:
    return isinstance(values, np.ndarray)


def _can_be_shared(values: Any) -> bool:
    """Whether a part of some values is a view that torch takes as it is."""
    return isinstance(values, np.ndarray) and cast("Array", values).flags.writeable


def fit_scaling(values: Array, normalize: Normalize, missing: str | float, *, constant: float = 1.0) -> State:
    """Offset, scale and stand-in of each feature of training values `[N, F]`, NaN where missing.

    A feature that never changes has the scale `constant`; one without any value counts as 0.

    Returns:
        `offset`, `scale` and `fill` as float64 tensors `[F]`; `has_fill` says whether missing values are allowed.

    Raises:
        DataError: The numbers of a feature are so large or so small that float64 has no mean or spread of them.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        return scaling_state(Moments.of(values), values, normalize, missing, constant=constant)


def fit_logarithms(values: Array, name: Logarithmic, missing: str | float) -> State:
    """The same of the logarithms of training values.

    Returns:
        What `fit_scaling` gives of the logarithms; `curve`, and `spread`, the standard deviation of the values, float64 `[F]`.
    """
    curve = Logarithm(name)
    fill = missing if isinstance(missing, str) else float(curve.bent(np.array(missing)))
    with np.errstate(over="ignore"):
        spread = np.array([column[~np.isnan(column)].std() if (~np.isnan(column)).any() else 1.0 for column in values.T])
    spread = np.where(spread > 0, spread, 1.0)
    return {**fit_scaling(curve.bent(values), "standard", fill), "curve": name, "spread": torch.from_numpy(spread)}


def scaling_state(moments: Moments, values: Array | None, normalize: Normalize, missing: str | float, *, constant: float = 1.0) -> State:
    """What `fit_scaling` gives, of rows that were looked at before.

    Args:
        moments: Of all rows.
        values: Rows `[N, F]` of which quantiles are taken; `None` where none are needed.
        normalize: How the values are scaled.
        missing: What stands for a missing value.
        constant: Scale of a feature that never changes; with `inf` whatever comes later is 0.

    Raises:
        DataError: The numbers of a feature are so large or so small that float64 has no mean or spread of them.
    """
    low, high, mean, counts = moments.low, moments.high, moments.mean, moments.counts

    def quantile(share: float) -> Array:
        assert values is not None
        return _quantile(values, ~np.isnan(values), share)

    is_constant = low == high  # its mean may be off by rounding, and its spread then a tiny number instead of none
    if normalize == "standard":
        offset = mean
        scale = np.sqrt(moments.squares / np.maximum(counts, 1))
    elif normalize == "robust":
        offset, scale = quantile(0.5), quantile(0.75) - quantile(0.25)
        scale = np.where(scale > 0, scale, (high - low) / 2)  # half of the values are one: their range is all there is
    elif normalize == "minmax":
        offset, scale = low, high - low
    else:
        offset, scale = np.zeros_like(mean), np.ones_like(mean)
    fill = {"mean": mean, "error": mean, "median": quantile(0.5) if missing == "median" else mean}.get(str(missing))
    fill = np.full_like(mean, missing) if fill is None else fill
    is_lost = ~is_constant & ~(np.isfinite(offset) & np.isfinite(scale) & (scale > 0) & np.isfinite(fill))
    if is_lost.any():
        feature = int(is_lost.argmax())
        which = f"feature {feature}: " if len(is_lost) > 1 else ""
        raise DataError(
            f"{which}numbers from {low[feature]:.3g} to {high[feature]:.3g} have no mean and spread in float64",
            "limit them: clip: [LOW, HIGH], or change their unit in the file",
        )
    return {
        "offset": torch.from_numpy(offset.copy()),
        "scale": torch.from_numpy(np.where(is_constant, constant, scale)),
        "fill": torch.from_numpy(fill.copy()),
        "has_fill": missing != "error",
    }


def scale(values: Array, state: State, smooth_clip: float | None = None) -> Array:
    """Scale values `[N, F]` and fill missing ones; float32.

    Args:
        values: In their own unit.
        state: What `fit_scaling`, `fit_logarithms` or `fit_curve` gave.
        smooth_clip: What scaled values come near to and never pass, above and below 0.

    Raises:
        DataError: A value is missing where that is an error, or too large for float32.
    """
    offset, factor, fill = (state[key].numpy() for key in ("offset", "scale", "fill"))
    if values.shape[1] != len(factor):
        raise DataError(f"{values.shape[1]} values per row, and training had {len(factor)}")
    if not state["has_fill"]:
        missing = sum(int(np.isnan(values[rows]).any(axis=1).sum()) for rows in portions(values))
        if missing:
            raise DataError(f"{missing:,} rows have missing values, and missing: error allows none")

    curve = curve_of(state)

    def complete(rows: slice) -> Array:
        part = in_float64(values, rows)
        part = part if curve is None else curve.bent(part)
        is_missing = np.isnan(part)
        return np.where(is_missing, fill, part) if is_missing.any() else part

    found = np.empty(values.shape, dtype=np.float32)
    for rows in portions(values):
        with np.errstate(over="ignore"):
            scaled = (complete(rows) - offset) / factor
        scaled = scaled if smooth_clip is None else _smoothly_clipped(scaled, smooth_clip)
        if scaled.size and np.abs(scaled).max() > np.finfo(np.float32).max:
            largest = max(np.abs(complete(rows)).max() for rows in portions(values))
            raise DataError(f"values up to {largest:.3g} are too large for float32", "normalize: standard, or clip: [low, high]")
        found[rows] = scaled
    return found


def unscaled(values: Array, state: State, smooth_clip: float | None = None) -> Array:
    """Numbers that `scale` gave, `[N, F]`, back in their own unit, float64.

    Those that were filled in are what they were filled with, those that all became 0 the one value that training rows had.
    """
    offset, factor = (state[key].numpy() for key in ("offset", "scale"))
    values = values.astype(np.float64)
    if smooth_clip is not None:
        values = values / np.sqrt(np.clip(1 - (values / smooth_clip) ** 2, np.finfo(np.float64).tiny, None))
    bent, curve = values * np.where(np.isinf(factor), 0.0, factor) + offset, curve_of(state)
    return bent if curve is None else curve.straightened(torch.from_numpy(bent)).numpy()


def neutral_row(state: State, normalize: str, smooth_clip: float | None = None, *, zero: bool = False) -> Array:
    """Numbers that say nothing, float32 `[F]`: those that values are scaled about, or the mean where they are scaled about another end.

    Args:
        state: What `fit_scaling`, `fit_logarithms` or `fit_curve` gave.
        normalize: How they are scaled: `minmax` and `none` are not about a middle.
        smooth_clip: As of `scale`.
        zero: Take 0 in its own unit instead.
    """
    count = len(state["scale"])
    if zero:
        return scale(np.zeros((1, count)), state, smooth_clip)[0]
    if normalize not in ("minmax", "none"):
        return np.zeros(count, dtype=np.float32)
    offset, factor, fill = (state[key].numpy() for key in ("offset", "scale", "fill"))
    found = ((fill - offset) / factor).astype(np.float32)
    return found if smooth_clip is None else _smoothly_clipped(found, smooth_clip).astype(np.float32)


def _smoothly_clipped(values: Array, limit: float) -> Array:
    """X / sqrt(1 + (x / limit)^2) (RealMLP; Holzmüller, Grinsztajn, Steinwart, 2024), also of what is too large to be squared."""
    values = values.clip(-1e150, 1e150)
    return values / np.hypot(1.0, values / limit)


def _quantile(values: Array, is_present: Array, share: float) -> Array:
    columns = (column[mask].astype(np.float64, copy=False) for column, mask in zip(values.T, is_present.T, strict=True))
    return np.array([np.quantile(column, share) if len(column) else 0.0 for column in columns])
