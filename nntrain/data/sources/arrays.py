"""Named arrays from `.npz` files."""

from __future__ import annotations

from typing import ClassVar, Literal

from nntrain.data.sources.source import Source


class Arrays(Source):
    """A `.npz` file of named arrays with one row per record; never unpickled."""

    main: ClassVar[str | None] = "path"

    type: Literal["arrays"] = "arrays"
    path: str
    """The file, counted from the config's folder. Its rows are the training rows, and what is split off them."""
    validation: str | None = None
    """File with the validation rows, where they are given."""
    test: str | None = None
    """File with the test rows, where they are given."""
