"""The base of all forms in which predictions are written. A field type says which one is its own (`Field.form`)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final, Protocol

if TYPE_CHECKING:
    from nntrain.data.fields.field import Array, Decoded
    from nntrain.data.fitted import FittedField, FittedFields
    from nntrain.data.table import Table

File = tuple[str, bytes]
"""Name of a file, with folders if it has some, and what is in it."""


@dataclass(frozen=True, slots=True)
class Beside:
    """The rows that predictions are of."""

    fields: FittedFields
    table: Table
    rows: Sequence[int]
    """Which rows of the table, counted from 0, in the order of the predictions."""

    def input(self, kind: str) -> FittedField | None:
        """The first input of a type of field; `None` where there is none."""
        return next((field for field in self.fields.fields if field.plan.role == "input" and field.plan.field.type == kind), None)


class Overlay(Protocol):
    """What draws predictions over the inputs that they are of."""

    def files(self, found: Decoded, rows: Sequence[int]) -> Iterator[File]:
        """A picture for each of some rows of the table."""
        ...


@dataclass(frozen=True, slots=True)
class Form:
    """Values that fit in the cells of a table. Other forms say what holds them, and make it."""

    plural: ClassVar[str] = "values"
    """What they are, in messages."""
    in_cells: ClassVar[bool] = True
    """Whether a table has columns for them."""
    arrays: ClassVar[str | None] = None
    """What they are as arrays, in words; `None` for what is not written so."""
    each: ClassVar[str | None] = None
    """What file each row becomes in a folder, in words: `a PNG`; `None` for what is not written so."""
    sheet: ClassVar[str | None] = None
    """Ending of a file that shows many rows at once; `None` where there is none."""
    legend: ClassVar[str | None] = None
    """What is to be seen where they are drawn over the images beside them; `None` where they can't be."""

    def columns(self, found: Decoded) -> dict[str, Sequence[object]]:
        """What a table has of them, one value a row."""
        from nntrain.data.forms.cells import cell_columns

        return cell_columns(found)

    def array(self, found: Decoded) -> Array:
        """All rows, `[N, …]`; labels as text."""
        import numpy as np

        return np.asarray(found.values if found.separator is None else [found.separator.join(labels) for labels in found.values])

    def files(self, found: Decoded, beside: Beside) -> Iterator[File]:
        """A file for each row, or none for what `each` says nothing of. Raises `DataError` or `UsageError`."""
        return iter(())

    def on_sheet(self, found: Decoded) -> bytes:
        """All rows in one file. Raises `UsageError` where they are too many."""
        raise NotImplementedError

    def overlay(self, name: str, beside: Beside) -> Overlay:
        """What draws the predictions of a target over the images of the rows of a table; it is told of the rows again.

        Raises:
            DataError: What the rows have themselves can't be read.
            UsageError: There are no images.
        """
        raise NotImplementedError


CELLS: Final = Form()
