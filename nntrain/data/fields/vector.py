"""Several numbers that belong together."""

from __future__ import annotations

from typing import ClassVar, Literal

from nntrain.data.fields.field import Field, Role
from nntrain.data.fields.number import Normalize


class Vector(Field):
    """F numbers per row: columns of a table, or one array [N, F]. Each is scaled by itself."""

    main: ClassVar[str | None] = "columns"
    roles: ClassVar[frozenset[Role]] = frozenset({"input", "target", "ignore"})

    type: Literal["vector"] = "vector"
    columns: str | tuple[str, ...] | None = None
    """Names of the columns, in which `*` stands for any text: `pixel*`. Columns keep the order of the file."""
    normalize: Normalize = "standard"
    """How the values are scaled, each feature by itself; fitted on the training rows."""
    missing: Literal["mean", "median", "error"] | float = "mean"
    """What stands for a missing input: the mean or median of its feature in the training rows, a number, or an error."""
