"""The values of fields as a table has them: typed, not yet fitted, and which of its rows can be used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from nntrain.data.field_plan import FieldPlan
from nntrain.data.table import Table, counted
from nntrain.data.window import WindowSettings
from nntrain.errors import DataError

if TYPE_CHECKING:
    from nntrain.data.fields.field import Array, Values

    Read = Mapping[str, Values]


def read_values(plans: Sequence[FieldPlan], table: Table, *, streams: bool = False) -> dict[str, Values]:
    """Typed values of some fields, of all rows. Raises `DataError`, for all columns at once.

    Args:
        plans: The fields. What is a target, input or not, is kept in memory.
        table: The rows.
        streams: Whether inputs that can be are read when their batch comes.
    """
    values: dict[str, Values] = {}
    targets = {plan.name for plan in plans if plan.role == "target"}
    faults: list[DataError] = []
    for plan in plans:
        try:
            if plan.name not in values:
                later = plan.field.stream(table, plan.columns) if streams and plan.name not in targets else None
                values[plan.name] = plan.field.read(table, plan.columns) if later is None else later
        except DataError as fault:
            faults.append(fault)
    if len(faults) == 1:
        raise faults[0]
    if faults:
        raise DataError("\n".join(map(str, faults)))
    return values


def usable_rows(plans: tuple[FieldPlan, ...], table: Table, values: Read, window: WindowSettings | None) -> tuple[Array, list[str]]:
    """Numbers of the rows that can be used, int64 `[M]`; arguments and words as of `are_usable`."""
    keep, notes = are_usable(plans, table, values, window)
    return np.flatnonzero(keep), notes


def are_usable(plans: tuple[FieldPlan, ...], table: Table, values: Read, window: WindowSettings | None) -> tuple[Array, list[str]]:
    """Which rows have every target and a weight and are not left out by an option, bool `[N]`; what was dropped, in words.

    With a window, rows without a target are kept: they are the past of others.
    """
    keep = np.ones(table.rows, dtype=bool)
    notes: list[str] = []
    for plan in plans:
        if plan.name not in values:
            continue
        dropped = plan.field.is_dropped(values[plan.name])
        if dropped is not None:
            notes += _dropped(table, keep & dropped, f"with a value of data.fields.{plan.name}.drop")
            keep &= ~dropped
        if window is None and plan.role in ("target", "weight"):
            is_missing = plan.field.is_missing(values[plan.name])
            notes += _dropped(table, keep & is_missing, f"without {plan.name}")
            keep &= ~is_missing
    return keep, notes


def _dropped(table: Table, mask: Array, why: str) -> list[str]:
    rows = [int(row) for row in np.flatnonzero(mask)]
    return [f"{counted(len(rows))} dropped {why} ({table.places(rows)})"] if rows else []
