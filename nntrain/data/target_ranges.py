"""Between which values the targets of the training rows lie, for tasks whose predictions are held there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import torch

from nntrain.data.fields.number import Number
from nntrain.data.scaling import Rows, take

if TYPE_CHECKING:
    from nntrain.data.fields.field import Values
    from nntrain.data.fitted import FittedField, FittedFields


def with_ranges(fields: FittedFields, holds: Callable[[str], bool], values: Mapping[str, Values], rows: Rows) -> FittedFields:
    """Fields that know the lowest and the highest value of some targets: `low` and `high`, float64 `[F]` in the target's own unit.

    Args:
        fields: All fields of a run.
        holds: Which targets, by name; others learn nothing.
        values: What was read of the training file.
        rows: The rows that fields learn from, in which each of the targets has a value.
    """
    found = [_with_range(field, values, rows) if field.plan.role == "target" and holds(field.name) else field for field in fields.fields]
    return replace(fields, fields=tuple(found))


def _with_range(field: FittedField, values: Mapping[str, Values], rows: Rows) -> FittedField:
    own = field.plan.field
    numbers = own.magnitudes(take(values[field.name], rows))
    if numbers is None:  # which the task refuses
        return field
    if isinstance(own, Number) and own.clip is not None:
        numbers = numbers.clip(*own.clip)
    low, high = (torch.from_numpy(np.array(reduce(numbers, axis=0), dtype=np.float64)) for reduce in (np.fmin.reduce, np.fmax.reduce))
    return replace(field, state={**field.state, "low": low, "high": high})
