"""Rows that a program has, as a table: data frames, lists of dictionaries, dictionaries of columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, Protocol, cast

from nntrain.data.table import Table, listed
from nntrain.errors import DataError

if TYPE_CHECKING:
    from nntrain.data.sources.source import Source
    from nntrain.data.table import Column


class DataFrame(Protocol):
    """A data frame of pandas or polars, as far as it is used."""

    @property
    def columns(self) -> Any:
        """Names of the columns."""
        ...

    def __getitem__(self, name: Any, /) -> Any:
        """One column."""
        ...


PLAIN_NUMBERS: Final[frozenset[type]] = frozenset({int, float, type(None)})

Rows = Sequence[Mapping[str, Any]] | Mapping[str, Sequence[Any]] | DataFrame
"""A list of dictionaries, a dictionary of columns, or a data frame of pandas or polars."""

ROWS: Final = "a list of dictionaries, a dictionary of lists, a data frame of pandas or polars, or the path of a file"
"""What may stand for rows, for messages."""


def table_of(rows: Rows, source: Source, numbers: frozenset[str] = frozenset()) -> Table:
    """Rows from Python as a table, as if they had been read from a file of the source.

    Args:
        rows: The rows.
        source: What stands for no value in text, and the marks of numbers in it.
        numbers: Columns that are read as numbers: where they hold nothing else they become arrays at once, without a way over text.

    Raises:
        DataError: There is no row, columns have different lengths or one name, or it is nothing that has rows.
    """
    if _is_polars(rows):
        from nntrain.data.sources.parquet import frame_columns

        frame = cast("Any", rows)
        return _table(frame_columns(frame, "rows"), {}, source)
    cells = _columns(rows)
    lengths = {name: len(column) for name, column in cells.items()}
    if len(set(lengths.values())) > 1:
        raise DataError(f"columns have different lengths: {listed([f'{name} {length:,}' for name, length in lengths.items()])}")
    cells |= {name: _numbers(cells[name]) for name in numbers & cells.keys()}
    lists: dict[str, list[Any]] = {name: column for name, column in cells.items() if isinstance(column, list)}
    arrays = {name: column for name, column in cells.items() if name not in lists}
    return _table(arrays, lists, source, tuple(cells))


def _table(arrays: Mapping[str, Column], cells: Mapping[str, list[Any]], source: Source, order: tuple[str, ...] | None = None) -> Table:
    """A table of finished columns and of values that are not typed yet."""
    if not arrays and not cells:
        raise DataError("there are no rows")
    if cells:
        table = Table.of_cells(cells, source.missing_words, source.numerals)
    else:
        table = Table("rows", {}, len(next(iter(arrays.values()))), None, source.missing_words, source.numerals)
    if not table.rows:
        raise DataError("there are no rows")
    columns = {**table.columns, **arrays}
    return replace(table, columns={name: columns[name] for name in order or columns})


def _numbers(cells: Any) -> Any:
    """Numbers and nothing else as an array, with NaN for None; other cells as they are."""
    import numpy as np

    if not isinstance(cells, list) or not {type(cell) for cell in cast("list[object]", cells)} <= PLAIN_NUMBERS:
        return cast("Any", cells)
    return np.array(cells, dtype=np.float64)  # None becomes NaN


def _is_polars(rows: Rows) -> bool:
    kind = type(rows)
    return kind.__module__.partition(".")[0] == "polars" and kind.__name__ == "DataFrame"


def _columns(rows: Rows) -> dict[str, Any]:
    """Lists of values, or arrays of numbers, by name."""
    if isinstance(rows, Mapping):
        return {str(name): _listed(str(name), column) for name, column in rows.items()}
    if isinstance(rows, Sequence) and not isinstance(rows, str | bytes):
        other = next((place for place, row in enumerate(cast("Sequence[object]", rows)) if not isinstance(row, Mapping)), None)
        if other is not None:
            what = f"rows are a list whose item {other} is {_kind(rows[other])}, and each must be a dictionary of cells by column"
            raise DataError(what, ROWS)
        names = dict.fromkeys(name for row in rows for name in row)
        return {str(name): [row.get(name) for row in rows] for name in names}
    frame = cast("Any", rows)
    if not hasattr(frame, "columns"):
        raise DataError(f"rows are {_kind(rows)}, which has no columns", ROWS)
    names = cast("Sequence[Any]", list(frame.columns))
    texts = [str(name) for name in names]
    twice = next((name for place, name in enumerate(texts) if name in texts[:place]), None)
    if twice is not None:
        raise DataError(f"two columns are called {twice!r}")
    return {str(name): _cells(frame[name]) for name in names}


def _listed(name: str, column: Any) -> list[Any]:
    """The cells of a column. Raises `DataError` for a single one."""
    is_single = isinstance(column, str | bytes) or not hasattr(column, "__iter__") or getattr(column, "ndim", 1) == 0
    if is_single:
        raise DataError(f"column {name} is {_kind(column)}, and must be a list of cells", f"of one row:  [{{{name!r}: {column!r}, …}}]")
    return list(column)


def _kind(value: object) -> str:
    """What a value is, for messages."""
    return f"of type {type(value).__name__}"


def _cells(column: Any) -> Any:
    """A column of a frame: an array where it holds plain numbers or truth values, else its values."""
    import numpy as np

    array: Any = column.to_numpy() if hasattr(column, "to_numpy") else None
    is_plain = isinstance(array, np.ndarray) and array.ndim == 1 and array.dtype.kind in "biuf"
    return cast("Any", array) if is_plain else list(column)
