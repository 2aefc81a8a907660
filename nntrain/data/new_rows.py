"""Rows of later days for a fitted network: from a file or a folder of files, with all columns that it reads."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final, Literal, get_args

from nntrain.data.blocks import NAMED_BYTES, Blocks, Cut, Whole
from nntrain.data.file_rows import SOUNDS, FileKind, FileRows, labelled_rows
from nntrain.data.file_store import FileStore
from nntrain.data.naming import no_column
from nntrain.data.reading import header_of, read_blocks, read_file
from nntrain.data.settings import SOURCE_OF_SUFFIX, DataSettings
from nntrain.data.sources.files import Files
from nntrain.data.sources.source import PART_OF_WORD
from nntrain.data.table import Table, listed
from nntrain.errors import DataError, UsageError

if TYPE_CHECKING:
    from nntrain.data.fitted import FittedField, FittedFields

Missing = Literal["error", "as-missing"]
"""What a column that the network reads and the rows do not have is: an error, or a missing value in every row."""

_FLAG: Final = "--missing-columns as-missing"


def missing_columns(word: str | None) -> Missing:
    """Read the word of `--missing-columns`. Raises `UsageError`."""
    for known in get_args(Missing):
        if word == known:
            return known
    if word is None:
        return "error"
    raise UsageError(f"--missing-columns: no way {word!r}", f"one of: {', '.join(get_args(Missing))}")


def read_new(settings: DataSettings, path: Path, fields: FittedFields, folder: Path = Path()) -> Table:
    """Read new rows as training files are read, in the dialect of the settings; a folder of files for a network that reads nothing else.

    Where a source is asked about its training rows, such as about pairs of nodes of a graph, its files count from `folder`.

    Raises:
        DataError: The file is not there, is not what it should be, or has no rows.
    """
    inputs = [field for field in fields.fields if field.plan.role == "input"]
    kind = inputs[0].plan.field.file_kind if len(inputs) == 1 else None
    if kind is not None and _is_of_files(settings, path, kind):
        return _files(path, kind, inputs[0].plan.columns[0])
    if settings.source.asks_of_training_rows and path.is_file():
        return settings.source.read_asked(path, folder)
    return read_file(settings, path)


def new_blocks(settings: DataSettings, path: Path, fields: FittedFields) -> Blocks:
    """The same block by block; in one where a row's tensors are made of other rows too, or rows are images or asked of the training rows.

    Raises:
        DataError: As of `read_new`.
    """
    inputs = [field for field in fields.fields if field.plan.role == "input"]
    has_sounds = any(field.plan.field.file_kind is SOUNDS for field in inputs)
    is_of_files = len(inputs) == 1 and inputs[0].plan.field.file_kind is not None and path.suffix.lower() not in SOURCE_OF_SUFFIX
    if settings.source.asks_of_training_rows or not fields.stand_alone:
        return Whole.of(read_new(settings, path, fields))
    if is_of_files or not path.is_file() or (has_sounds and settings.source.reads(path)):
        table = read_new(settings, path, fields)
        return Cut.of_files(table) if has_sounds else Whole.of(table)
    return read_blocks(settings, path, NAMED_BYTES) if has_sounds else read_blocks(settings, path)


def _lies_as_in_training(settings: DataSettings, folder: Path) -> bool:
    """Whether the source finds in a folder what it looks for: images may lie there without the folders that training had."""
    if not settings.source.reads(folder):
        return False
    return not isinstance(settings.source, Files) or settings.source.finds(folder)


def _is_of_files(settings: DataSettings, path: Path, kind: FileKind) -> bool:
    """Whether a path is a file of a kind, or a folder of such that do not lie as in training."""
    return not _lies_as_in_training(settings, path) if path.is_dir() else path.is_file() and path.suffix.lower() in kind.suffixes


def complete(table: Table, fields: FittedFields, missing: Missing | None = None) -> Table:
    """The rows with all columns that the network reads; other columns and another order are fine.

    Args:
        table: The rows as they were read.
        fields: What the network reads.
        missing: What a column that is not there is; `None` for an error of a command that leaves no choice.

    Raises:
        DataError: A column is missing, and may not be: the message names it and the nearest.
    """
    lost = {column: field for field, column in _read_by(fields) if column not in table.columns}
    if not lost:
        return table
    if missing != "as-missing":
        first, *others = lost
        problem = no_column(first, header_of(table), ())
        more = f", and {listed(others)}, which {'is' if len(others) == 1 else 'are'} missing too" if others else ""
        all_may = missing is not None and all(_may_be_missing(field) for field in lost.values())
        hints = [problem.hint, f"left out on purpose? {_FLAG}" if all_may else None]
        raise DataError(f"{problem.message}; the network reads it{more}", "   ".join(hint for hint in hints if hint) or None)
    for column, field in lost.items():
        if not _may_be_missing(field):
            raise DataError(f"{table.name}: no column {column!r}, and {field.name} ({field.plan.field.type}) can't be missing")
    return replace(table, columns={**table.columns, **_empty(tuple(lost), table.rows)})


def _read_by(fields: FittedFields) -> Iterator[tuple[FittedField, str]]:
    for field in fields.fields:
        if field.plan.role == "input":
            yield from ((field, column) for column in field.plan.columns)


def _may_be_missing(field: FittedField) -> bool:
    """Whether a value of each row is one column's, and stands for something where it is missing."""
    settings = field.plan.field
    is_array = settings.type in ("vector", "series") and len(field.plan.columns) == 1
    return getattr(settings, "missing", "error") != "error" and settings.step_column is None and not is_array


def _empty(columns: tuple[str, ...], rows: int) -> dict[str, object]:
    import polars as pl

    return {column: pl.Series(column, [None] * rows, dtype=pl.String) for column in columns}


def _files(path: Path, kind: FileKind, column: str) -> Table:
    """All files of a kind in a folder, or a single one, under the name that the network knows them by. Raises `DataError`."""
    if path.is_dir():
        store = FileStore(path)
        rows = labelled_rows(store, path.name, PART_OF_WORD, kind)
        names = [name for name in store.names()[0] if PurePosixPath(name).suffix.lower() in kind.suffixes]
    else:
        store, names = FileStore(path.parent), [path.name]
        rows = FileRows(store, {kind.column: names}, {})
    if len(rows) < len(names):  # some are in no folder of a class: the others' are none either
        rows = FileRows(store, {kind.column: names}, {})
    table = rows.table(path.name)
    return replace(table, columns={column if name == kind.column else name: values for name, values in table.columns.items()}, known={})
