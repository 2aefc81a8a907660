"""Where predictions are written: text tables, Parquet and JSON lines, replaced whole or not at all."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from io import BytesIO, StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from nntrain.errors import ResourceError, UsageError
from nntrain.runs import write_atomically

if TYPE_CHECKING:
    from nntrain.data.table import Column, Table

Columns = Mapping[str, Sequence[object]]
"""Columns that are added to a table, by name."""

TEXT_SUFFIXES: Final = (".csv", ".tsv", ".txt")
FRAME_SUFFIXES: Final = (".parquet", ".jsonl")
ARRAY_SUFFIX: Final = ".npz"
"""For predictions that are whole arrays, such as images and masks."""


def check_output(output: Path | None, source: Path) -> None:
    """Refuse what can't be written before anything is computed. Raises `UsageError`."""
    if output is None:
        return
    if output.is_dir() or (output.name and not output.suffix and not output.exists()):
        return  # files of their own may be written to a folder; whether there are any, the run tells
    if not output.name:
        raise UsageError(f"-o needs a file, got {output.as_posix()!r}", "-o predictions.csv")
    if output.exists() and source.exists() and output.samefile(source):
        raise UsageError(f"{output.as_posix()} is the input", "another file: -o predictions.csv")
    if output.exists() and not output.is_file():
        return  # a pipe or device: written to as it is
    if output.suffix.lower() not in (*TEXT_SUFFIXES, *FRAME_SUFFIXES, ARRAY_SUFFIX):
        raise UsageError(
            f"{output.as_posix()}: predictions are not written as {output.suffix or 'such'} files",
            f"a name that ends in {', '.join(TEXT_SUFFIXES + FRAME_SUFFIXES)}",
        )
    if not output.parent.is_dir():
        raise UsageError(f"no folder {output.parent.as_posix()} to write {output.name} in", "make it first")


def write_predictions(output: Path, table: Table, added: Columns) -> None:
    """Write the rows of a table with columns beside them, as the name of the file says.

    Raises:
        ResourceError: The disk is full, or the file can't be written; what was there before is whole.
    """
    try:
        if output.exists() and not output.is_file():
            output.write_text(as_text(table, added, output.suffix.lower()), encoding="utf-8")
            return
        write = _encoder(output.suffix.lower())
        write_atomically(output.resolve(), write(table, added))
    except OSError as error:
        raise ResourceError(f"cannot write {output.as_posix()}: {error.strerror}") from None


def as_text(table: Table, added: Columns, suffix: str = ".csv") -> str:
    """A text table: the columns of the input as they were read, then the added ones, in the marks of the input.

    Tabs stand between the columns of a `.tsv`, and in a `.csv` what stands there in the input if that is no tab.
    """
    fallback = ";" if table.numerals.decimal == "," else ","
    delimiter = "\t" if suffix == ".tsv" else fallback if table.delimiter == "\t" and suffix == ".csv" else table.delimiter
    text = StringIO()
    replace(table, delimiter=delimiter, columns=dict(_columns(table))).write(text, added)
    return text.getvalue()


def _encoder(suffix: str) -> Callable[[Table, Columns], bytes]:
    encoders: dict[str, Callable[[Table, Columns], bytes]] = {".parquet": _parquet, ".jsonl": _json_lines}
    return encoders.get(suffix, lambda table, added: as_text(table, added, suffix).encode())


def _parquet(table: Table, added: Columns) -> bytes:
    content = BytesIO()
    _frame(table, added).write_parquet(content)
    return content.getvalue()


def _json_lines(table: Table, added: Columns) -> bytes:
    content = BytesIO()
    _frame(table, added).write_ndjson(content)
    return content.getvalue()


def _frame(table: Table, added: Columns) -> Any:
    """A polars frame: text as it was read, arrays as they are, NaN as null."""
    import polars as pl

    own = [pl.Series(name, column) for name, column in _columns(table)]
    return pl.DataFrame([*own, *(pl.Series(name, list(cells)) for name, cells in added.items())])


def _columns(table: Table) -> Iterator[tuple[str, Column]]:
    """The columns that have a value for each row; NaN is a missing one."""
    import polars as pl

    for name, column in table.columns.items():
        if isinstance(column, pl.Series) and column.dtype == pl.Binary:  # images, which no text file holds
            continue
        if isinstance(column, pl.Series) or column.ndim > 1 or column.dtype.kind != "f":
            if len(column) == table.rows:
                yield name, column
        elif len(column) == table.rows:
            yield name, pl.Series(name, column, nan_to_null=True)


def free_names(table: Table, added: Columns) -> dict[str, Sequence[object]]:
    """The added columns under names that the table doesn't have."""
    columns: dict[str, Sequence[object]] = {}
    for name, values in added.items():
        free = name
        while free in table.columns or free in columns:
            free += "_"
        columns[free] = values
    return columns
