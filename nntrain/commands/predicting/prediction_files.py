"""Where predictions are written: text tables, Parquet and JSON lines, replaced whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from io import BytesIO, StringIO
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

from nntrain.errors import ResourceError, UsageError
from nntrain.runs import opened_anew, write_atomically

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
    """Write the rows of a table with columns beside them, as the name of the file says. Raises `ResourceError` as `writing` does."""
    with writing(output) as write:
        write(table, added)


Write = Callable[["Table", Columns], None]
"""Writes rows of a table with columns beside them."""


@contextmanager
def writing(output: Path) -> Generator[Write]:
    """What writes the blocks of a table one after another, as the name of the file says.

    The file is replaced when all are written, and stays as it was where anything goes wrong before; no more than a block is in memory.

    Raises:
        ResourceError: The disk is full, or the file can't be written; what was there before is whole.
    """
    suffix = output.suffix.lower()
    try:
        if output.exists() and not output.is_file():
            with output.open("wb") as file:
                yield _text_writer(file, suffix)
        elif suffix == ".parquet":
            with _parquet_writer(output.resolve()) as write:
                yield write
        else:
            with opened_anew(output.resolve()) as file:
                yield _json_writer(file) if suffix == ".jsonl" else _text_writer(file, suffix)
    except OSError as error:
        raise ResourceError(f"cannot write {output.as_posix()}: {error.strerror}") from None


def as_text(table: Table, added: Columns, suffix: str = ".csv", *, with_names: bool = True) -> str:
    """A text table: the columns of the input as they were read, then the added ones, in the marks of the input.

    Tabs stand between the columns of a `.tsv`, and in a `.csv` what stands there in the input if that is no tab.
    """
    fallback = ";" if table.numerals.decimal == "," else ","
    delimiter = "\t" if suffix == ".tsv" else fallback if table.delimiter == "\t" and suffix == ".csv" else table.delimiter
    text = StringIO()
    replace(table, delimiter=delimiter, columns=dict(_columns(table))).write(text, added, with_names=with_names)
    return text.getvalue()


def _text_writer(file: IO[bytes], suffix: str) -> Write:
    first = iter((True,))

    def write(table: Table, added: Columns) -> None:
        file.write(as_text(table, added, suffix, with_names=next(first, False)).encode())

    return write


def _json_writer(file: IO[bytes]) -> Write:
    def write(table: Table, added: Columns) -> None:
        content = BytesIO()
        _frame(table, added).write_ndjson(content)
        file.write(content.getvalue())

    return write


@contextmanager
def _parquet_writer(goal: Path) -> Generator[Write]:
    """Writes one block as it is; several each to a file of its own, which are joined in the end, as no block may be added to a file."""
    import polars as pl

    with tempfile.TemporaryDirectory(prefix=f".{goal.name}-", suffix=".tmp", dir=goal.parent, ignore_cleanup_errors=True) as folder:
        waiting: list[bytes] = []
        parts: list[Path] = []

        def keep(content: bytes) -> None:
            parts.append(Path(folder) / f"{len(parts)}.parquet")
            parts[-1].write_bytes(content)

        def write(table: Table, added: Columns) -> None:
            for content in waiting:
                keep(content)
            content = BytesIO()
            _frame(table, added).write_parquet(content)
            waiting[:] = [content.getvalue()]

        yield write
        if parts:
            keep(waiting[0])
            whole = Path(folder) / goal.name
            try:
                scans = [pl.scan_parquet(part, glob=False) for part in parts]
                pl.concat(scans, how="vertical_relaxed").sink_parquet(whole)
            except pl.exceptions.PolarsError as error:
                raise ResourceError(f"cannot write {goal.name}: {str(error).partition(chr(10))[0]}") from None
            with whole.open("rb+") as file:
                os.fsync(file.fileno())
            whole.replace(goal)
        elif waiting:
            write_atomically(goal, waiting[0])


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
