"""Yes or no."""

from __future__ import annotations

from typing import ClassVar, Literal

from nntrain.data.fields.field import Field, Role, Words


class Boolean(Field):
    """One of two values: 0 or 1 for the network."""

    roles: ClassVar[frozenset[Role]] = frozenset({"input", "target", "ignore"})

    type: Literal["boolean"] = "boolean"
    true: Words | None = None
    """Words for 1. Default: true, yes, y, t, 1, on and the like in any case; of two other words the later in the alphabet."""
    false: Words | None = None
    """Words for 0."""
    missing: Literal["mean", "error"] = "mean"
    """What stands for a missing input: the share of ones among the training rows, or an error."""
