"""Tables in Parquet files."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeVar

from nntrain.data.dialect import PEEK_ROWS
from nntrain.data.file_rows import MAX_PEEKED
from nntrain.data.header import ArrayKind, FileFacts, Header, HeaderColumn
from nntrain.data.image_header import HEADER_BYTES, image_size
from nntrain.data.sources.labelled import LabelledFiles
from nntrain.errors import DataError

if TYPE_CHECKING:
    import polars as pl

    from nntrain.data.blocks import Blocks
    from nntrain.data.facts import RowFacts
    from nntrain.data.table import Column, Table

T = TypeVar("T")


class Parquet(LabelledFiles):
    """A table in a Parquet file.

    Lists of one length are arrays; dates become text; image files, as bytes or in structs that have them as `bytes`, are images.
    """

    reads_blocks: ClassVar[bool] = True

    type: Literal["parquet"] = "parquet"
    missing: tuple[str, ...] = ("",)
    """Texts that stand for no value, beside null and NaN."""

    @property
    def missing_words(self) -> frozenset[str]:
        """The words of `missing`."""
        return frozenset(self.missing)

    def peek(self, path: Path, name: str) -> Header:
        """Names and types from the footer, and the first 1,000 rows. Raises `DataError` for what is no such file."""
        rows, frame = read_rows(path, name, PEEK_ROWS)
        is_complete = len(frame) == rows
        columns: list[HeaderColumn] = []
        opened = {values.name: values for values in map(_content, frame.get_columns())}
        counted = _counting(opened, name, self.missing_words, is_complete=is_complete)
        for values in opened.values():
            if _is_foreign(values):
                continue
            shape, kind = _kind(values, name)
            if kind == "image":
                columns.append(HeaderColumn(values.name, (), kind, files=_image_facts(values)))
                continue
            columns.append(HeaderColumn(values.name, shape, kind, None if shape else partial(counted, values.name)))
        return Header(name, tuple(columns), rows)

    def blocks(self, path: Path, name: str, size: int) -> Blocks:
        """All rows, a block at a time. Raises `DataError` for what is no such file."""
        from nntrain.data.parquet_reading import parquet_blocks

        return parquet_blocks(path, self, name, size)

    def read(self, path: Path, name: str) -> Table:
        """All rows. Raises `DataError` for what is no such file."""
        from nntrain.data.table import Table

        rows, frame = read_rows(path, name, None)
        return Table(name, frame_columns(frame, name), rows, missing=self.missing_words, notes=foreign_notes(frame))


def _counting(columns: Mapping[str, pl.Series], file: str, missing: frozenset[str], *, is_complete: bool) -> Callable[[str], RowFacts]:
    """What counts a column when it is asked for, once: of a thousand columns that make one vector nobody asks."""

    @cache
    def facts(name: str) -> RowFacts:
        import polars as pl

        from nntrain.data.facts import facts_of_series
        from nntrain.data.table import Table

        values = columns[name]
        column = values.cast(pl.String) if values.dtype.is_integer() else _column(values, file)  # as the array reads, without making one
        table = Table(file, {values.name: column}, len(values), missing=missing)
        return facts_of_series(table.texts(values.name), is_complete=is_complete)

    return facts


def read_rows(path: Path, name: str, most: int | None) -> tuple[int, pl.DataFrame]:
    """The number of rows of a file, and its rows, or the first of them. Raises `DataError`."""
    import polars as pl

    rows, frame = scanned(
        path, name, lambda scan: (int(scan.select(pl.len()).collect().item()), (scan if most is None else scan.head(most)).collect())
    )
    if not rows:
        raise DataError(f"{name} has no rows")
    return rows, frame


def scanned(path: Path, name: str, take: Callable[[pl.LazyFrame], T]) -> T:
    """What is taken from a file. Raises `DataError` for what is no such file."""
    import polars as pl

    try:
        return take(pl.scan_parquet(path, glob=False))
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
        has_panicked = isinstance(error, pl.exceptions.PanicException)  # of the reader, in words for its developers
        why = "its content is not what its head says" if has_panicked else str(error).partition("\n")[0]
        raise DataError(f"{name} is no Parquet file, or is damaged: {why}", "polars: frame.write_parquet(FILE) writes such files") from None


def frame_columns(frame: pl.DataFrame, file: str) -> dict[str, Column]:
    """The columns of a polars frame as a table has them. Raises `DataError` for lists of different lengths."""
    opened = map(_content, frame.get_columns())
    return {column.name: _column(column, file) for column in opened if not _is_foreign(column)}


def block_columns(frame: pl.DataFrame, file: str, with_nulls: Collection[str]) -> dict[str, Column]:
    """The same of some rows of a file, of which these columns have nulls somewhere. Raises `DataError`."""
    return {column.name: _column(column, file, column.name in with_nulls) for column in map(_content, frame.get_columns())}


def columns_with_nulls(frame: pl.DataFrame) -> set[str]:
    """The columns that have nulls in some rows, and whose type depends on it."""
    return {column.name for column in frame.get_columns() if column.dtype.is_numeric() and column.null_count()}


def foreign_notes(frame: pl.DataFrame) -> tuple[str, ...]:
    """What is told of the columns that no field type reads."""
    return tuple(
        f"left out: {column.name} ({column.dtype}, which no field type reads)"
        for column in frame.get_columns()
        if _is_foreign(_content(column))
    )


def read_columns(frame: pl.DataFrame) -> list[str]:
    """The columns that field types read, as the first rows of a file tell."""
    return [column.name for column in frame.get_columns() if not _is_foreign(_content(column))]


def _is_foreign(column: pl.Series) -> bool:
    import polars as pl

    if isinstance(column.dtype, pl.Binary):
        return not _image_facts(column).sizes
    return isinstance(column.dtype, (pl.Struct, pl.Object, pl.Null, pl.Duration))


def _content(column: pl.Series) -> pl.Series:
    """A column of structs that hold a file, as Hugging Face's datasets have images, as the column of what is in the files."""
    import polars as pl

    is_file = isinstance(column.dtype, pl.Struct) and any(part == pl.Field("bytes", pl.Binary) for part in column.dtype.fields)
    return column.struct.field("bytes").alias(column.name) if is_file else column


def _image_facts(column: pl.Series) -> FileFacts:
    """Sizes of the first images of a column of bytes; none where these are no images."""
    sizes: dict[tuple[int, int, int], str] = {}
    for row, content in enumerate(column.head(MAX_PEEKED).to_list()):
        size = None if content is None else image_size(content[:HEADER_BYTES])
        if size is not None:
            sizes.setdefault((size.channels, size.height, size.width), f"row {row}")
    return FileFacts((), sizes)


def _column(values: pl.Series, file: str, has_nulls: bool | None = None) -> Column:
    """Single values as text, numbers without a missing one as an array, lists of one length as an array.

    `has_nulls` says whether a value is missing in some row of the file, of which these may be a few; `None`: these are all.
    """
    import polars as pl

    kind = values.dtype
    has_nulls = values.null_count() > 0 if has_nulls is None else has_nulls
    if isinstance(kind, pl.Binary):
        return values
    if isinstance(kind, (pl.List, pl.Array)):
        return _array(values, file)
    if kind.is_numeric() and not kind.is_decimal() and not has_nulls:
        return values.to_numpy()
    if kind.is_decimal() or (kind.is_float() and has_nulls):
        return values.cast(pl.Float64).fill_null(float("nan")).to_numpy()
    if kind == pl.Boolean or kind.is_numeric() or isinstance(kind, (pl.Categorical, pl.Enum)):
        return values.cast(pl.String)
    if isinstance(kind, pl.Datetime):
        return values.dt.to_string("%Y-%m-%d %H:%M:%S%.f" if kind.time_zone is None else "%Y-%m-%d %H:%M:%S%.f%:z")
    return values.cast(pl.String)


def _array(values: pl.Series, file: str) -> Any:
    import polars as pl

    width = values.list.len().unique() if isinstance(values.dtype, pl.List) else None
    if values.null_count() or (width is not None and len(width) > 1):
        raise DataError(
            f"{file}: {values.name} holds lists of different lengths, or none in some rows", "pad them, or save steps and lengths as .npz"
        )
    return values.to_numpy() if width is None else values.list.to_array(int(width[0])).to_numpy()


def _kind(values: pl.Series, file: str) -> tuple[tuple[int, ...], ArrayKind]:
    """Shape and kind of what `_column` makes of a column; of single values its type tells, and no copy is made. Raises `DataError`."""
    import polars as pl

    kind = values.dtype
    if isinstance(kind, (pl.List, pl.Array)):
        made = _array(values, file)
        kinds: dict[str, ArrayKind] = {"b": "bool", "i": "int", "u": "int", "f": "float"}
        return tuple(made.shape[1:]), "uint8" if made.dtype == "uint8" else kinds.get(made.dtype.kind, "text")
    if isinstance(kind, pl.Binary):
        return (), "image"
    if kind.is_decimal() or kind.is_float():
        return (), "float"
    if not kind.is_numeric() or values.null_count():
        return (), "text"
    return (), "uint8" if kind == pl.UInt8 else "int"
