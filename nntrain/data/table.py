"""Rows as they were read: columns of text, or arrays. Nothing is typed here but on request, and every fault is told with its place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, Final, Protocol, TextIO, cast

from nntrain.data.facts import MAX_SHOWN, quoted
from nntrain.data.npz_header import LARGEST_WHOLE
from nntrain.data.numerals import POINT, Numerals
from nntrain.errors import DataError

if TYPE_CHECKING:
    import numpy as np
    import polars as pl

    from nntrain.data.file_store import FileStore
    from nntrain.data.graphs import Graphs
    from nntrain.data.header import HeaderColumn
    from nntrain.data.words import Coded

    Array = np.ndarray[Any, Any]
    Column = pl.Series | Array

MAX_EXAMPLES: Final = 3

LARGEST_ITEM: Final = 8
"""Bytes of a number in float64: all types of fewer hold nothing that it does not."""

ROWS: Final = "rows"
"""Name of a table that comes from no file, for messages."""


@dataclass(frozen=True, slots=True)
class StepLengths:
    """Columns with a value for each step, those of one row after another."""

    columns: frozenset[str]
    lengths: Array
    """Steps of each row, int64 `[N]`."""


class LineNumbers(Protocol):
    """The line that each row starts at: an array `[N]`, or what makes its numbers when they are asked for."""

    def __getitem__(self, row: Any, /) -> Any: ...


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of one file.

    A column of text has the cells as they stand in the file, one of bytes what is in image files; an array has the rows as its first axis.
    """

    name: str
    """The file, for messages."""
    columns: Mapping[str, Column]
    rows: int
    lines: LineNumbers | None = None
    """The line in the file that each row starts at, `[N]`; `None` for arrays."""
    first: int = field(default=0, kw_only=True)
    """Number of the first row in its file, counted from 0: more than 0 for a block of a file that is not read whole."""
    is_block: bool = field(default=False, kw_only=True)
    """Whether these are some of the rows of its file."""
    missing: frozenset[str] = frozenset()
    """Cells that hold no value."""
    numerals: Numerals = POINT
    delimiter: str = ","
    dialect: str | None = None
    """How the file is written, in words; `None` for what is no text."""
    date_format: str | None = None
    """How dates are written, in the words of strptime, where the settings say it."""
    store: FileStore | None = None
    """Where the files are that cells name."""
    known: Mapping[str, HeaderColumn] = field(default_factory=dict[str, "HeaderColumn"])
    """Columns of which more is known than their cells tell."""
    classes: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    """Classes of columns, where they are known for sure."""
    notes: tuple[str, ...] = ()
    """What was left out in reading, in words."""
    findings: list[str] = field(default_factory=list[str], compare=False)
    """What was found in the files that its cells name, in words; complete once the fields are read."""
    graphs: Graphs | None = None
    """How the rows belong together, where they are the nodes of graphs."""
    steps: StepLengths | None = None
    """Columns with a value for each step, where rows are series."""

    @classmethod
    def of_cells(cls, columns: Mapping[str, Sequence[object]], missing: frozenset[str], numerals: Numerals, file: str = ROWS) -> Table:
        """Rows that a program has, read as a file with the same words for missing values and the same marks in numbers would be.

        Args:
            columns: By name, one value for each row, all of one length. `None`, NaN and pandas' `NA` are missing, and numbers, truth
                values and text stand for themselves; a column of lists or arrays is one array.
            missing: Text that stands for no value.
            numerals: Marks of numbers that are given as text.
            file: Where they come from, for messages.

        Raises:
            DataError: There is no row, or the arrays of a column have different shapes.
        """
        from nntrain.data.program_columns import column_of

        rows = len(next(iter(columns.values()), ()))
        if not rows:
            raise DataError("there are no rows")
        return cls(file, {name: column_of(file, name, cells, numerals) for name, cells in columns.items()}, rows, None, missing, numerals)

    def __len__(self) -> int:
        return self.rows

    def column(self, name: str) -> Column:
        """A column by name.

        Raises:
            DataError: There is none.
        """
        if name not in self.columns:
            raise DataError(f"{self.name}: no column {name!r}; columns: {listed(tuple(self.columns))}")
        return self.columns[name]

    def texts(self, name: str) -> pl.Series:
        """Single values as text `[N]`, without blanks around them; null where missing. Raises `DataError` for an array of more axes."""
        import polars as pl

        column = self.column(name)
        if not isinstance(column, pl.Series):
            return text_of_array(name, _flat(self.name, name, column))
        if column.dtype == pl.Binary:
            raise DataError(f"{self.name}: {name} holds what is in image files, and should be one value per row", "images: type: image")
        if column.dtype == pl.Enum:
            return column.cast(pl.String)
        return column.alias("cell").to_frame().select(_present(self.missing)).to_series().alias(name)

    def words(self, name: str) -> pl.Series | Coded:
        """As `texts`, but for an array, or a column that is an enumeration of its texts: each row takes no more than a number does."""
        import numpy as np

        column = self.column(name)
        if isinstance(column, np.ndarray):
            from nntrain.data.words import words_of_array

            return words_of_array(name, _flat(self.name, name, column))
        import polars as pl

        return column if column.dtype == pl.Enum else self.texts(name)

    def required_texts(self, name: str) -> pl.Series:
        """The same of a column in which no cell may be missing. Raises `DataError` that names the rows that lack one."""
        texts = self.texts(name)
        self.check_complete(name, texts)
        return texts

    def check_complete(self, name: str, cells: pl.Series | Coded) -> None:
        """Refuse missing cells. Raises `DataError` that names their rows."""
        from nntrain.data.words import are_missing

        rows = [int(row) for row in are_missing(cells).nonzero()[0]]
        if rows:
            raise DataError(f"{self.name}: {name} is missing in {self.places(rows)}, and missing: error allows none")

    def numbers(self, name: str, *, strip: str | None = None) -> Array:
        """Single values as float64 `[N]`; NaN where missing. `strip` is taken off the start and the end of each cell.

        Raises:
            DataError: Cells hold no number; the message names their lines and what may be meant.
        """
        import polars as pl

        column = self.column(name)
        if not isinstance(column, pl.Series):
            return as_numbers(self.name, name, _flat(self.name, name, column), self.first).astype("float64", copy=False)
        if strip is None and (numbers := self._plain_numbers(column)) is not None:
            return numbers
        texts = self.texts(name)
        cells = texts if strip is None else texts.str.strip_prefix(strip.strip()).str.strip_suffix(strip.strip()).str.strip_chars()
        numbers = self.numerals.read_all(cells)
        unread = (numbers.is_null() & texts.is_not_null()).to_numpy()
        if unread.any():
            raise self.unreadable(
                name, "a number", [int(row) for row in unread.nonzero()[0]], _number_hints(texts, unread, name, self.numerals)
            )
        return numbers.to_numpy().astype("float64") if numbers.null_count() == 0 else numbers.fill_null(float("nan")).to_numpy().copy()

    def _plain_numbers(self, column: pl.Series) -> Array | None:
        """The numbers of a column of text in which nothing else stands, no blank and no word for a missing value; else `None`."""
        import polars as pl

        if not self.numerals.is_plain or column.dtype != pl.String:
            return None
        numbers = column.cast(pl.Float64, strict=False)
        if numbers.null_count() or not numbers.is_finite().all() or any(self.numerals.read(word) is not None for word in self.missing):
            return None
        return numbers.to_numpy().copy()

    def unreadable(self, name: str, wanted: str, rows: Sequence[int], hint: str) -> DataError:
        """The error for cells of a column that are not what it holds."""
        texts = self.texts(name)
        cells = ", ".join(f"{self.place(row)} {quoted(texts[row])}" for row in rows[:MAX_EXAMPLES])
        more = f" and {len(rows) - MAX_EXAMPLES:,} more" if len(rows) > MAX_EXAMPLES else ""
        are = "is" if len(rows) == 1 else "are"
        among = f" in rows {self.first} to {self.first + self.rows - 1}" if self.is_block else ""
        count = f"{len(rows):,} of {self.rows:,} values{among} {are}"
        return DataError(f"{self.name}: {name} should be {wanted}; {count} not: {cells}{more}", hint)

    def place(self, row: int) -> str:
        """Where a row stands: `line 77` of a text file, `row 75` of an array, counted from 0."""
        return f"row {self.first + row}" if self.lines is None else f"line {int(self.lines[row])}"

    def places(self, rows: Sequence[int]) -> str:
        """Where some rows stand, the first few: `lines 77, 4018, 4020 and 12 more`."""
        word = "row" if self.lines is None else "line"
        shown = [str(self.first + row if self.lines is None else int(self.lines[row])) for row in rows[:MAX_EXAMPLES]]
        more = f" and {len(rows) - MAX_EXAMPLES:,} more" if len(rows) > MAX_EXAMPLES else ""
        return f"{word if len(rows) == 1 else word + 's'} {', '.join(shown)}{more}"

    def write(self, file: TextIO, added: Mapping[str, Sequence[object]], *, with_names: bool = True) -> None:
        """Write the rows as a text table: its own columns of single values as they were read, then the added ones (`N` values each).

        Numbers of the added columns have the decimal mark of the file. The names of the columns stand above, unless others did already.
        """
        import polars as pl

        own: dict[str, Sequence[object] | pl.Series] = {}
        for name, column in self.columns.items():
            if isinstance(column, pl.Series):
                if column.dtype != pl.Binary:
                    own[name] = column
            elif column.ndim == 1 and len(column) == self.rows:
                own[name] = cast("Sequence[object]", column.tolist())
        columns = {**own, **{name: self._in_marks(values) for name, values in added.items()}}
        frame = pl.DataFrame([_as_cells(name, values) for name, values in columns.items()])
        frame.select(pl.when(pl.all() != "").then(pl.all())).write_csv(file, separator=self.delimiter, include_header=with_names)

    def _in_marks(self, values: Sequence[object]) -> Sequence[object]:
        """Values whose numbers are written as those of the file are."""
        mark = self.numerals.decimal
        return values if mark == "." else [str(value).replace(".", mark) if isinstance(value, float) else value for value in values]


@cache
def _present(missing: frozenset[str]) -> pl.Expr:
    """A cell without the blanks around it; null for a missing one. Made once: for one row that takes longer than its use."""
    import polars as pl

    cell = pl.col("cell").str.strip_chars()
    return pl.when(~cell.is_in(list(missing))).then(cell)


def _as_cells(name: str, values: Sequence[object] | pl.Series) -> pl.Series:
    """Values as a text table has them, all digits of numbers included; null for `None`."""
    import polars as pl

    if isinstance(values, pl.Series):
        if values.dtype == pl.String or values.dtype.is_integer():
            return values.cast(pl.String).alias(name)
        values = cast("Sequence[object]", values.to_list())
    kinds = {*map(type, values)}
    texts = (
        map(repr, values)
        if kinds == {float}
        else values
        if kinds <= {str, type(None)}
        else (None if value is None else str(value) for value in values)
    )
    return pl.Series(name, list(texts), dtype=pl.String)


def text_of_array(name: str, array: Array) -> pl.Series:
    """Single values of an array `[N]` as text: whole numbers without a point, bytes as Latin-1, null for NaN.

    What a value becomes depends on no other: a block of a file reads as the whole of it.
    """
    import numpy as np
    import polars as pl

    if array.dtype.kind == "O":  # texts as they are
        return pl.Series(name, array.tolist(), dtype=pl.String)
    if array.dtype.kind in "US":
        from nntrain.data.words import stripped

        return pl.Series(name, stripped(array), dtype=pl.String)
    if array.dtype.kind == "f":
        numbers = array.astype("float64")
        is_whole = (np.abs(numbers) < LARGEST_WHOLE) & (numbers == np.floor(numbers))
        series = pl.Series(name, numbers, nan_to_null=True)
        if (is_whole | np.isnan(numbers)).all():
            return series.cast(pl.Int64).cast(pl.String)
        texts = series.cast(pl.String)
        return texts.zip_with(pl.Series(~is_whole), series.cast(pl.Int64, strict=False).cast(pl.String)) if is_whole.any() else texts
    return pl.Series(name, array).cast(pl.String)


def as_numbers(file: str, name: str, array: Array, first: int = 0) -> Array:
    """An array of numbers, with NaN as the missing value: as it is where that takes less than float64, else as float64.

    Args:
        file: Where it comes from, for messages.
        name: Its name.
        array: Whole numbers, truth values or floating-point numbers, of any shape.
        first: Number of its first row in the file.

    Raises:
        DataError: It is text, or holds infinities.
    """
    import numpy as np

    if array.dtype.kind not in "biuf":
        raise DataError(f"{file}: {name} should be numbers and is an array of {array.dtype}", f"text? data.fields.{name}: category")
    numbers = array if array.dtype.itemsize < LARGEST_ITEM else array.astype("float64", copy=False)
    infinite = np.isinf(numbers)
    if infinite.any():
        row = first + int(np.argwhere(infinite)[0][0])
        raise DataError(f"{file}: {name} holds infinity, first in row {row}", "a missing value is NaN")
    return numbers


def _flat(file: str, name: str, array: Array) -> Array:
    if array.ndim != 1:
        raise DataError(
            f"{file}: {name} should be one value per row and is an array {list(array.shape)}", "several values: type: vector, series, image"
        )
    return array


def listed(names: Sequence[str], most: int = 5) -> str:
    """Some names: `a, b, c, d, e and 11 more`."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def counted(rows: int) -> str:
    """A number of rows in words: `1 row`, `1,200 rows`."""
    return "1 row" if rows == 1 else f"{rows:,} rows"


_EXPONENT: Final = r"[eE][+-]?\d+"


def _number_hints(texts: pl.Series, unread: Array, name: str, numerals: Numerals) -> str:
    """What cells that are no numbers may be: missing values, numbers with a unit, numbers with other marks, or text."""
    import re

    if unread.sum() > 0.5 * len(texts):
        return "text? type: category"
    cells = texts.filter(unread).unique(maintain_order=True).to_list()[:MAX_EXAMPLES]
    units = {match[1] for cell in cells if (match := re.fullmatch(r"[+-]?[\d.,]*\d(\s*[^\d\s.,].*)", cell)) is not None}
    units = {unit for unit in units if len(unit) <= MAX_SHOWN and not re.fullmatch(_EXPONENT, unit)}
    is_too_large = any(re.fullmatch(rf"[+-]?(\d{{300,}}|[\d.,]*\d{_EXPONENT})", cell) for cell in cells)
    hints = ["numbers end at 1.8e308"] if is_too_large else []
    words = [cell for cell in cells if len(cell) <= MAX_SHOWN and not any(char.isdigit() for char in cell)]
    if words:
        hints.append(f"missing? data.source.missing: [{', '.join(repr(word) for word in words)}]")
    hints += [f"unit? data.fields.{name}: {{type: number, strip: {unit!r}}}" for unit in sorted(units)[:1]]
    if any(re.fullmatch(r"[+-]?\d+([.,' ]\d+)+", cell) for cell in cells):
        hints.append(f"marks? data.source.decimal is {numerals.decimal!r}, data.source.thousands {numerals.thousands or 'none'!r}")
    return "   ".join([*hints, "text? type: category"])
