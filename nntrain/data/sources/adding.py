"""The adding problem: a test of how far back a sequence network remembers, made of random numbers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final, Literal

from pydantic import Field as Option
from pydantic import NonNegativeInt, PositiveInt

from nntrain.data.fields.field import Field
from nntrain.data.fields.number import Number
from nntrain.data.fields.series import Series
from nntrain.data.header import Header, HeaderColumn
from nntrain.data.noise import derive_seed
from nntrain.data.sources.source import Part, Source

if TYPE_CHECKING:
    from nntrain.data.table import Table

SEQUENCE: Final = "sequence"
SUM: Final = "sum"


class Adding(Source):
    """Rows of the adding problem (Hochreiter and Schmidhuber 1997), made when they are read: `sequence` [length, 2] and `sum`.

    Each step has a number from 0 to 1 and a mark, which is 1 at two steps, one in each half, and 0 elsewhere; the target is the sum of the
    two marked numbers. Saying always 1 has a mean squared error of 1/6, which a network beats only by remembering over half the length.
    """

    main: ClassVar[str | None] = "length"

    type: Literal["adding"] = "adding"
    length: PositiveInt = Option(default=200, ge=2)
    """Steps of a sequence."""
    rows: PositiveInt = 10_000
    """Rows that training and validation rows are taken from."""
    test: PositiveInt = 1000
    """Test rows, drawn apart from the others."""
    seed: NonNegativeInt = Option(default=0, lt=2**32)
    """Decides which numbers are drawn."""

    @property
    def has_order(self) -> bool:
        """Rows are drawn one apart from another."""
        return False

    @property
    def target(self) -> str | None:
        """The sum."""
        return SUM

    @property
    def fields(self) -> Mapping[str, Field]:
        """The sequence as it is, and the sum."""
        return {SEQUENCE: Series(normalize="none", role="input"), SUM: Number(role="target")}

    def written_paths(self) -> Mapping[Part, str]:
        """No files: names of the parts."""
        return {"train": "train", "test": "test"}

    def files(self, folder: Path) -> dict[Part, Path]:
        """No files: names of the parts."""
        return {part: Path(written) for part, written in self.written_paths().items()}

    def peek(self, path: Path, name: str) -> Header:
        """Columns and sizes, from the settings alone."""
        rows = self._rows(path)
        columns = (HeaderColumn(SEQUENCE, (self.length, 2), "float", rows=rows), HeaderColumn(SUM, (), "float", rows=rows))
        return Header(self._told(path), columns, rows)

    def read(self, path: Path, name: str) -> Table:
        """Draw the rows of a part."""
        import numpy as np

        from nntrain.data.table import Table

        rows, half = self._rows(path), self.length // 2
        draw = np.random.default_rng(derive_seed(self.seed, "adding", path.name))
        numbers, marks = draw.random((rows, self.length)), np.zeros((rows, self.length))
        every = np.arange(rows)
        places = draw.integers(0, half, rows), draw.integers(half, self.length, rows)
        for place in places:
            marks[every, place] = 1.0
        sequence = np.stack([numbers, marks], axis=2).astype(np.float32)
        return Table(self._told(path), {SEQUENCE: sequence, SUM: (numbers * marks).sum(axis=1)}, rows)

    def fingerprint(self, path: Path) -> str:
        """What is drawn, hashed."""
        from nntrain.data.fingerprint import fingerprint_table

        return fingerprint_table(self.read(path, path.name))

    def _rows(self, path: Path) -> int:
        return self.rows if path.name == "train" else self.test

    def _told(self, path: Path) -> str:
        return f"adding of {self.length} steps" + (", test rows" if path.name == "test" else "")
