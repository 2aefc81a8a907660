"""What stands in the cells of some rows of a table, as it was read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

from nntrain.data.facts import beginning

if TYPE_CHECKING:
    from nntrain.data.input_columns import InputColumn
    from nntrain.data.table import Table


class Cells:
    """Some rows of a table, by their places among them."""

    def __init__(self, table: Table, rows: Sequence[int]) -> None:
        """Take rows by their numbers in the table."""
        self._table, self._rows = table, rows
        self._texts: dict[str, list[str | None]] = {}

    def place(self, place: int) -> str:
        """Where a row stands: `line 77`."""
        return self._table.place(self._rows[place])

    def text(self, column: InputColumn, place: int) -> str | None:
        """What stands there; `None` for a missing value, and for what is no single cell."""
        names = column.field.plan.columns
        if column.feature is not None and len(names) == 1:
            array: Any = self._table.column(names[0])
            return f"{float(array[self._rows[place], column.feature]):.6g}"
        if len(names) > 1 and column.feature is None:
            return None
        return self.cell(names[column.feature or 0], place)

    def cell(self, name: str, place: int) -> str | None:
        """What stands in a column; `None` for a missing value, for what is no single cell, and for what a source adds to its rows."""
        if name not in self._table.columns or getattr(self._table.column(name), "ndim", 1) > 1:
            return None
        if name not in self._texts:
            texts = self._table.texts(name)
            self._texts[name] = [cast("str | None", texts[row]) for row in self._rows]
        found = self._texts[name][place]
        return None if found is None else beginning(found)
