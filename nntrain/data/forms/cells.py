"""Predictions as cells of a table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, cast

if TYPE_CHECKING:
    from nntrain.data.fields.field import Decoded

MANY: Final = 64
"""Values that are rounded together sooner than one by one."""


def cell_columns(found: Decoded) -> dict[str, Sequence[object]]:
    """`prediction`, `low` and `high` where there is an interval, `probability_<class>`."""
    low, high = found.interval or ((), ())
    ends = {**split_lists(low, "low"), **split_lists(high, "high")} if found.interval is not None else {}
    values = found.values if found.separator is None else tuple(found.separator.join(labels) for labels in found.values)
    probabilities = {f"probability_{label}": shares for label, shares in found.probabilities.items()}
    return {**split_lists(values, "prediction"), **ends, **probabilities}


def readable(value: Any) -> Any:
    """A value as it is written: numbers without digits that are none of the network's."""
    return float(f"{value:.10g}") if isinstance(value, float) else value


def readable_all(values: Sequence[Any]) -> Sequence[Any]:
    """The same of a column. Many numbers are rounded together, those on the edge between two alone, so that each is what it is alone."""
    if len(values) < MANY or {*map(type, values)} != {float}:
        return [readable(value) for value in values]
    import numpy as np

    numbers = np.array(values)
    size = np.abs(numbers)
    is_plain = (size >= 1e-12) & (size < 1e12)
    places = 9 - np.floor(np.log10(np.where(is_plain, size, 1.0)))
    up, down = 10.0 ** np.maximum(places, 0), 10.0 ** np.maximum(-places, 0)  # powers of ten up to 22 are exact, and so is what is divided
    shifted = np.where(is_plain, numbers, 1.0) * up / down
    rounded = np.rint(shifted)
    is_sure = is_plain & (np.abs(np.abs(shifted - rounded) - 0.5) > 1e-4) & (np.abs(rounded) < 1e10) & (np.abs(rounded) >= 1e9)
    found: list[Any] = np.where(is_sure, rounded / up * down, numbers).tolist()
    for place in np.flatnonzero(~is_sure).tolist():
        found[place] = readable(values[place])
    return found


def split_lists(values: Sequence[Any], name: str) -> dict[str, Sequence[Any]]:
    """Several numbers a row as a column each, `prediction_0`, `prediction_1`; in one cell where rows have different numbers of them."""
    if not values or not (isinstance(values[0], list) or hasattr(values[0], "tolist")):
        return {name: values}
    values = [value.tolist() if hasattr(value, "tolist") else value for value in values]
    if not isinstance(values[0], list):
        return {name: values}
    flat = [_flat(value) for value in values]
    if len({len(numbers) for numbers in flat}) > 1:
        return {name: [" ".join(f"{readable(number)}" for number in numbers) for numbers in flat]}
    return {f"{name}_{index}": column for index, column in enumerate(zip(*flat, strict=True))}


def _flat(value: Any) -> list[Any]:
    """The numbers of a row, of an image one after another."""
    return [number for item in cast("list[Any]", value) for number in _flat(item)] if isinstance(value, list) else [value]
