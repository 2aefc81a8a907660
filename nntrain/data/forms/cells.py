"""Predictions as cells of a table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from nntrain.data.fields.field import Decoded


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


def split_lists(values: Sequence[Any], name: str) -> dict[str, Sequence[Any]]:
    """Several numbers a row as a column each, `prediction_0`, `prediction_1`; in one cell where rows have different numbers of them."""
    values = [value.tolist() if hasattr(value, "tolist") else value for value in values]
    if not values or not isinstance(values[0], list):
        return {name: values}
    flat = [_flat(value) for value in values]
    if len({len(numbers) for numbers in flat}) > 1:
        return {name: [" ".join(f"{readable(number)}" for number in numbers) for numbers in flat]}
    return {f"{name}_{index}": column for index, column in enumerate(zip(*flat, strict=True))}


def _flat(value: Any) -> list[Any]:
    """The numbers of a row, of an image one after another."""
    return [number for item in cast("list[Any]", value) for number in _flat(item)] if isinstance(value, list) else [value]
