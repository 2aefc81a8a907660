"""Tables with a row for each step of a series: the rows of one id become one row, whose steps are in their order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from nntrain.data.facts import quoted
from nntrain.data.fields.series import Series
from nntrain.data.header import Header
from nntrain.data.sources.labelled import LabelledFiles
from nntrain.errors import DataError

if TYPE_CHECKING:
    import numpy as np

    from nntrain.data.settings import DataSettings
    from nntrain.data.table import Column, Table

    Array = np.ndarray[Any, Any]

NAMES_SERIES: Final = "names the series"


@dataclass(frozen=True, slots=True)
class LongSeries:
    """How the rows of a table are the steps of series."""

    by: str
    """The column that says which series a row is a step of."""
    order: str | None
    """The column by which the steps are sorted; `None` for the order of the file."""
    settings: DataSettings

    @classmethod
    def of(cls, settings: DataSettings) -> LongSeries | None:
        """As a field says it; `None` where a row is a row."""
        fields = (field for field in settings.fields.values() if isinstance(field, Series))
        return next((cls(field.by, field.order, settings) for field in fields if field.by is not None), None)

    def header(self, header: Header, path: Path) -> Header:
        """The head of a table of steps as that of a table of series. Raises `DataError` for columns that are not there."""
        source = self.settings.source
        labels = source.peek_labels(path) if isinstance(source, LabelledFiles) else None
        self._require(header.names, header.name)
        own = [
            replace(column, key=NAMES_SERIES if column.name == self.by else column.key)
            for column in header.columns
            if column.name != self.order
        ]
        if labels is None:
            return replace(header, columns=tuple(own), rows=None)
        self._require_label(labels.names, labels.name, header.names, header.name)
        more = [column for column in labels.columns if column.name != self.by]
        return replace(header, columns=(*own, *more), rows=labels.rows)

    def gather(self, table: Table, path: Path | None) -> Table:
        """A table of steps as one of series, in the order in which their ids come first.

        Args:
            table: A row for each step.
            path: Its file, beside which the labels lie; `None` for rows of a program.

        Raises:
            DataError: A column is not there, a step has no id or no place, two steps of a series have the same place, a column that is
                one of the series changes within it, or the labels lack a series.
        """
        import numpy as np
        import polars as pl

        from nntrain.data.table import StepLengths

        source = self.settings.source
        labels = source.read_labels(path) if isinstance(source, LabelledFiles) and path is not None else None
        names = tuple(table.columns)
        self._require(names, table.name)
        ids = table.texts(self.by)
        self._refuse_missing(table, self.by, ids.is_null().to_numpy())
        number = ids.to_frame("id").select(pl.col("id").rank("dense")).to_series().to_numpy()
        _, first, number = np.unique(number, return_index=True, return_inverse=True)
        rank = np.empty(len(first), dtype=np.int64)
        rank[np.argsort(first)] = np.arange(len(first))
        number, first = rank[number], np.sort(first)
        order = np.lexsort((self._places(table, number, ids), number)) if self.order is not None else np.argsort(number, kind="stable")
        steps = self.step_columns(names)
        columns: dict[str, Column] = {}
        for name in names:
            if name in steps:
                columns[name] = table.numbers(name)[order]
            elif name == self.by or (name != self.order and not self._is_ignored(name)):
                columns[name] = self._of_series(table, name, ids, first, number)
        lines = None if table.lines is None else table.lines[first]
        more, notes = self._labelled(labels, ids[first], names, table.name) if labels is not None else ({}, ())
        known = {self.by: replace(_column_of(self.by, columns[self.by]), key=NAMES_SERIES)}
        told = f"{table.name}: {table.rows:,} steps of {len(first):,} series, by {self.by}"
        return replace(
            table,
            columns={**columns, **more},
            rows=len(first),
            lines=lines,
            known={**table.known, **known},
            notes=(*table.notes, told, *notes),
            steps=StepLengths(steps, np.bincount(number, minlength=len(first)).astype(np.int64)),
        )

    def step_columns(self, names: tuple[str, ...]) -> frozenset[str]:
        """Columns that hold steps: those of the fields with `by`."""
        from nntrain.data.naming import claimed, matching

        found: set[str] = set()
        for key, field in self.settings.fields.items():
            if isinstance(field, Series) and field.by is not None:
                written, others = field.source_columns or (key,), claimed(self.settings, key)
                found |= set(matching(written, [name for name in names if name in written or name not in others]))
        return frozenset(found)

    def _is_ignored(self, name: str) -> bool:
        fields = self.settings.fields
        field = fields.get(name) or next((field for key, field in fields.items() if fnmatchcase(name, key)), None)
        return field is not None and "ignore" in field.role_set

    def _places(self, table: Table, number: Array, ids: Any) -> Array:
        """Where each step is in its series: numbers, or times. Raises `DataError`."""
        import numpy as np

        from nntrain.data.fields.date import Date

        assert self.order is not None
        cells = table.texts(self.order)
        self._refuse_missing(table, self.order, cells.is_null().to_numpy())
        try:
            places = table.numbers(self.order)
        except DataError as fault:
            try:
                places = np.asarray(Date().read(table, (self.order,)))
            except DataError:
                raise fault from None
        order = np.lexsort((places, number))
        is_same = (np.diff(places[order]) == 0) & (np.diff(number[order]) == 0)
        if is_same.any():
            at = int(is_same.argmax())
            rows = [int(order[at]), int(order[at + 1])]
            what = f"{self.by} {quoted(ids[rows[0]])} has two steps at {self.order} {quoted(cells[rows[0]])}"
            raise DataError(f"{table.name}: {what} ({table.places(rows)})", "each step of a series has a place of its own")
        return places

    def _of_series(self, table: Table, name: str, ids: Any, first: Array, number: Array) -> Column:
        """A column that says the same of all steps of a series. Raises `DataError` that names the first series where it does not."""
        import numpy as np

        column = table.column(name)
        if getattr(column, "ndim", 1) != 1:
            raise DataError(f"{table.name}: {name} has several values a row, and a series has one step a row", "read it as .npz")
        texts = table.texts(name)
        differs: Array = np.flatnonzero(~texts.eq_missing(texts[first[number]]).to_numpy())
        if len(differs):
            row = int(differs[0])
            start = int(first[number[row]])
            values = f"{_shown(texts[start])} and {_shown(texts[row])}"
            raise DataError(
                f"{table.name}: {name} changes within {self.by} {quoted(ids[row])}: {values} ({table.places([start, row])})",
                f"a step of the series? add it to columns; not needed? data.fields: {{{name}: {{role: ignore}}}}",
            )
        return column[first]

    def _labelled(self, labels: Table, ids: Any, names: tuple[str, ...], steps: str) -> tuple[dict[str, Column], tuple[str, ...]]:
        """The columns of the labels for some series, and what is to be told. Raises `DataError`."""
        self._require_label(tuple(labels.columns), labels.name, names, steps)
        found: dict[str, int] = {}
        for row, cell in enumerate(labels.texts(self.by)):
            if cell in found:
                raise DataError(f"{labels.name}: {self.by} {quoted(str(cell))} stands twice ({labels.places([found[cell], row])})")
            found[cell] = row
        lost = [cell for cell in ids if cell not in found]
        if lost:
            more = f", and of {len(lost) - 1:,} more" if len(lost) > 1 else ""
            raise DataError(f"{labels.name}: no row of {self.by} {quoted(lost[0])}{more}, of which {steps} has steps")
        rows = [found[cell] for cell in ids]
        unused = len(found) - len(rows)
        notes = (f"{labels.name}: {unused:,} rows of series without a step are not used",) if unused else ()
        return {name: column[rows] for name, column in labels.columns.items() if name != self.by}, notes

    def _require(self, names: tuple[str, ...], file: str) -> None:
        """Refuse a table without the columns of ids and places. Raises `DataError`."""
        for option, name in (("by", self.by), ("order", self.order)):
            if name is not None and name not in names:
                raise DataError(f"{file}: no column {name!r}, which is {option} of the series; columns: {', '.join(names)}")

    def _require_label(self, names: tuple[str, ...], file: str, others: tuple[str, ...], other: str) -> None:
        """Refuse labels that can't be told apart by series. Raises `DataError`."""
        if self.by not in names:
            raise DataError(f"{file}: no column {self.by!r}, which tells the series apart; columns: {', '.join(names)}")
        clash = next((name for name in names if name in others and name != self.by), None)
        if clash is not None:
            raise DataError(f"{file} and {other} both have a column {clash!r}", "rename one of the two")

    def _refuse_missing(self, table: Table, name: str, is_missing: Array) -> None:
        if is_missing.any():
            rows = [int(row) for row in is_missing.nonzero()[0]]
            raise DataError(f"{table.name}: {name} is missing in {table.places(rows)}", "each row is a step of a series")


def check_long(fields: Mapping[str, Any], source: object, *, has_window: bool) -> None:
    """Refuse settings of series that don't go together. Raises `ValueError`."""
    long = {name: field for name, field in fields.items() if isinstance(field, Series) and field.by is not None}
    if not long:
        if isinstance(source, LabelledFiles) and source.labels is not None:
            raise ValueError("source.labels has a row for each series, and no series field says by: the column that tells series apart")
        return
    first = next(iter(long))
    for name, field in long.items():
        if (field.by, field.order) != (long[first].by, long[first].order):
            raise ValueError(f"{first} and {name} are series of the same rows; by and order must be the same in both")
    if has_window:
        raise ValueError(f"window is cut from rows, and by of {first} makes a row of each series; remove one of the two")


def _column_of(name: str, column: Column) -> Any:
    from nntrain.data.header import HeaderColumn

    kinds: Any = {"i": "int", "u": "int", "f": "float"}
    return HeaderColumn(name, (), kinds.get(getattr(column.dtype, "kind", ""), "text"))


def _shown(cell: str | None) -> str:
    return "nothing" if cell is None else quoted(cell)
