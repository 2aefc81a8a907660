"""What the head of the data tells before anything is read: names, shapes, first values. Plain Python."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from nntrain.data.facts import Facts

ArrayKind = Literal["text", "bool", "uint8", "int", "float"]


@dataclass(frozen=True, slots=True)
class HeaderColumn:
    """A column of a table, or an array."""

    name: str
    shape: tuple[int, ...]
    """Axes beside the rows: `()` for single values."""
    kind: ArrayKind
    facts: Facts | None = None
    """Counts over the first values, for single values."""
    rows: int | None = None
    """Length of the first axis of an array; a column has as many rows as its table."""


@dataclass(frozen=True, slots=True)
class Header:
    """The head of one file."""

    name: str
    columns: tuple[HeaderColumn, ...]
    rows: int | None
    """Number of rows, where the head tells it."""
    dialect: str | None = None
    """How a text file is written, in words."""
    classes: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    """Classes of columns, where they are known for sure."""
    decimal: str | None = None
    """Decimal mark of a text file."""
    by_name: Mapping[str, HeaderColumn] = field(init=False, repr=False, compare=False)
    """The columns by their names, in the order of the file."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_name", {column.name: column for column in self.columns})

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns, in the order of the file."""
        return tuple(self.by_name)

    def column(self, name: str) -> HeaderColumn:
        """A column that is there."""
        return self.by_name[name]
