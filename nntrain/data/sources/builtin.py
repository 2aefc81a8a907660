"""Data sets that ship with the package."""

from __future__ import annotations

from typing import ClassVar, Literal

from nntrain.data.sources.source import Source


class Builtin(Source):
    """A data set that ships with nntrain."""

    main: ClassVar[str | None] = "name"

    type: Literal["builtin"] = "builtin"
    name: Literal["digits"]
    """`digits`: 1,797 handwritten digits of 8 x 8 pixels; fields `image` and `label`."""
