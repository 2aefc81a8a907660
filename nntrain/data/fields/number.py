"""A number per row."""

from __future__ import annotations

from typing import ClassVar, Literal

from nntrain.data.fields.field import Field, Role

Normalize = Literal["standard", "minmax", "none"]
"""`standard`: mean 0 and standard deviation 1 of the training rows. `minmax`: the range of the training rows to [0, 1]."""


class Number(Field):
    """A number: one value for the network, standardised. As a target it is trained standardised and reported in its own unit."""

    main: ClassVar[str | None] = "normalize"
    roles: ClassVar[frozenset[Role]] = frozenset({"input", "target", "weight", "ignore"})

    type: Literal["number"] = "number"
    normalize: Normalize = "standard"
    """How the values are scaled; fitted on the training rows."""
    missing: Literal["mean", "median", "error"] | float = "mean"
    """What stands for a missing input: the mean or median of the training rows, a number, or an error."""
    clip: tuple[float, float] | None = None
    """Lowest and highest value of an input, in its own unit; what is beyond is set to the limit."""
    strip: str | None = None
    """Text to be taken off a cell's end before it is read, such as a unit: ` m²`."""
