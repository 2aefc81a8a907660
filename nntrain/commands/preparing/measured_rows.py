"""The rows that a run is measured on or explained by: those of a split, or new ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from nntrain.commands.preparing.unchanged import unchanged_data
from nntrain.commands.stored.new_tables import new_table, new_table_blocks
from nntrain.commands.stored.opening import Stored
from nntrain.errors import UsageError
from nntrain.runs import count_test_look

if TYPE_CHECKING:
    from nntrain.data.batches import TensorData
    from nntrain.data.sources.source import Part
    from nntrain.data.table import Table


@dataclass(frozen=True, slots=True)
class MeasuredRows:
    """Encoded rows, and where they are from."""

    name: str
    """`train`, `validation`, `test`, or the file."""
    data: TensorData
    notes: tuple[str, ...]
    table: Callable[[], Table]
    """Reads the file that they are from."""
    part: Part | None = None
    """The split that they are; `None` for new rows."""
    has_targets: bool = True


def new_rows(stored: Stored, given: Path | Table, *, with_targets: bool = True, may_stream: bool = False) -> MeasuredRows:
    """Rows of a file or a table. Raises `DataError`.

    Args:
        stored: The run.
        given: The file or table.
        with_targets: Whether rows need their targets.
        may_stream: Whether inputs of a large file may be read a block at a time: where the run has read its own so, and where the file
            will clearly not fit into memory.
    """
    from nntrain.data.new_rows import complete

    if may_stream and isinstance(given, Path) and (found := _streamed(stored, given)) is not None:
        return found
    table = new_table(stored, given) if isinstance(given, Path) else given
    table = complete(table, stored.fields)
    rows = stored.fields.encode_new(table, with_targets=with_targets)
    name = given.as_posix() if isinstance(given, Path) else table.name
    return MeasuredRows(name, rows.data, (*rows.notes, *rows.departures.lines), lambda: table, has_targets=with_targets)


def _streamed(stored: Stored, path: Path) -> MeasuredRows | None:
    """Rows of a file whose inputs are read a block at a time; `None` where they are better, or can only be, read at once."""
    from nntrain.commands.preparing.table_size import is_too_large
    from nntrain.data.blockwise.measured import can_be_in_blocks, rows_in_blocks
    from nntrain.data.new_rows import complete

    settings = stored.config.experiment.data
    compares = stored.objective.compared_rows is not None or stored.objective.repeated is not None
    if compares or not can_be_in_blocks(stored.fields):
        return None
    if not (settings.streaming or (path.is_file() and is_too_large(path))):
        return None
    blocks = new_table_blocks(stored, path)
    if len(blocks) < 2:
        return None
    complete(blocks.frame, stored.fields)
    data, notes = rows_in_blocks(blocks, stored.fields, settings.workers)
    return MeasuredRows(path.as_posix(), data, notes, lambda: new_table(stored, path))


def split_rows(stored: Stored, split: str | None, *, first: Sequence[Part] = ("test", "validation", "train")) -> MeasuredRows:
    """The rows of a split, if the data are still those that the run was trained on.

    Args:
        stored: The run.
        split: The split; `None` for the first that there is.
        first: In which order.

    Raises:
        DataError: The data have changed since, or can't be read.
        UsageError: The run has no such split, or has trained on it.
    """
    config, prepared = unchanged_data(stored.run)
    splits: dict[Part, TensorData] = {part: prepared.splits[part] for part in first if part in prepared.splits}
    name: Part | None = next((part for part in splits if split in (None, part)), None)
    if name is None:
        raise UsageError(f"{stored.run.name} has no {split} rows", f"it has: {', '.join(splits)}")

    if stored.members and name != "test" and config.experiment.data.split.validation_folds is not None:
        message = f"{stored.run.name} is a bag: all but the test rows have trained most of its members"
        others = f"figures of rows that its members have not seen are in its summary.json; one member alone: {stored.members[0].run.name}"
        raise UsageError(message, f"the test rows: --split test\n   {others}" if "test" in splits else others)

    def table() -> Table:
        from nntrain.data.reading import read_tables

        tables: Mapping[str, Table] = {str(part): table for part, table in read_tables(config.experiment.data, config.folder).items()}
        return tables.get(name, tables["train"])

    if name != "test":
        return MeasuredRows(name, splits[name], (), table, name)
    looks = count_test_look(prepared.fingerprints["test"], stored.run)
    told = f"these test rows were looked at by {looks} run{'s' if looks != 1 else ''}"
    return MeasuredRows(name, splits[name], (told,), table, name)
