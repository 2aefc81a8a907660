"""Data sets that ship with the package."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final, Literal

from nntrain.data.facts import Facts
from nntrain.data.header import Header, HeaderColumn
from nntrain.data.sources.source import Part, Source

if TYPE_CHECKING:
    from nntrain.data.table import Table

_FOLDER: Final = Path(__file__).parents[1] / "builtin"
_DIGITS: Final = tuple(str(digit) for digit in range(10))
_MAX_INK: Final = 16
"""Largest pixel value of digits: how many of 4 x 4 scanned pixels are black."""


class Builtin(Source):
    """A data set that ships with nntrain."""

    main: ClassVar[str | None] = "name"

    type: Literal["builtin"] = "builtin"
    name: Literal["digits"]
    """`digits`: 1,797 handwritten digits of 8 x 8 pixels; fields `image` and `label`."""

    @property
    def has_types(self) -> bool:
        """It is part of the package."""
        return True

    @property
    def target(self) -> str | None:
        """The digit."""
        return "label"

    def written_paths(self) -> Mapping[Part, str]:
        """The file in the package."""
        return {"train": str(_FOLDER / f"{self.name}.npz")}

    def peek(self, path: Path, name: str) -> Header:
        """Known without a look."""
        facts = Facts(1797, 0, 10, 1797, is_whole=True, has_leading_zeros=False, is_row_number=False, values=_DIGITS)
        columns = (HeaderColumn("image", (8, 8), "uint8", rows=1797), HeaderColumn("label", (), "int", facts, 1797))
        return Header(self.name, columns, 1797, classes={"label": _DIGITS})

    def read(self, path: Path, name: str) -> Table:
        """Images `[1797, 8, 8]` in [0, 1] and labels `[1797]`."""
        import numpy as np

        from nntrain.data.table import Table

        with np.load(path, allow_pickle=False) as archive:
            columns = {"image": archive["image"].astype(np.float32) / _MAX_INK, "label": archive["label"]}
        return Table(self.name, columns, len(columns["label"]))
