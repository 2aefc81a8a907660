"""A sequence of numbers per row."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import PositiveInt

from nntrain.data.fields.field import Field, Role
from nntrain.data.fields.number import Normalize


class Series(Field):
    """A series [T, F]: columns of a table in their order, an array [N, T] or [N, T, F], or rows of different lengths."""

    main: ClassVar[str | None] = "columns"
    roles: ClassVar[frozenset[Role]] = frozenset({"input", "ignore"})

    type: Literal["series"] = "series"
    columns: str | tuple[str, ...] | None = None
    """Names of the columns that hold the steps of one feature, in which `*` stands for any text: `t*`."""
    values: str | None = None
    """Array with the steps of all rows one after another, [sum of lengths] or [sum of lengths, F]; needs `lengths`."""
    lengths: str | None = None
    """Array [N] with the number of steps of each row."""
    max_length: PositiveInt | None = None
    """Longer series are cut to their first steps."""
    normalize: Normalize = "standard"
    """How the values are scaled, each feature over all steps; fitted on the training rows."""
    missing: Literal["mean", "median", "error"] | float = "mean"
    """What stands for a missing value: the mean or median of its feature in the training rows, a number, or an error."""
