"""Rows of a later day with their targets, whose inputs are read a block at a time: to measure on more of them than memory holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nntrain.data.blocks import Blocks
from nntrain.data.blockwise.deciding import deciding
from nntrain.data.blockwise.preparing import encoded_targets, in_blocks
from nntrain.data.blockwise.store import BlockStore
from nntrain.data.drift import Departures, Drift
from nntrain.data.file_rows import SOUNDS
from nntrain.data.fitted import FittedFields
from nntrain.data.row_numbers import RowNumbers
from nntrain.data.streaming import Reading
from nntrain.data.table import counted
from nntrain.data.values import are_usable, read_values
from nntrain.errors import DataError

if TYPE_CHECKING:
    from nntrain.data.batches import TensorData


def can_be_in_blocks(fields: FittedFields) -> bool:
    """Whether rows of some fields can be read so: each stands for itself, and neither inputs are images in files nor targets ragged."""
    alone = fields.stand_alone and all(field.plan.field.encodes_apart for field in fields.fields)
    names = {field.name for field in fields.fields if field.plan.role == "target"}
    return alone and all(
        not field.plan.spec.is_ragged
        if field.plan.role == "target"
        else field.plan.field.file_kind in (None, SOUNDS) and field.name not in names
        for field in fields.fields
    )


def rows_in_blocks(blocks: Blocks, fields: FittedFields, workers: int) -> tuple[TensorData, tuple[str, ...]]:
    """The rows that can be measured; which were left out, and what is unlike training, in words.

    Args:
        blocks: The file, with all columns that the network reads.
        fields: Fitted, as `can_be_in_blocks` wants them.
        workers: Processes that read ahead.

    Raises:
        DataError: A cell can't be read, or no row can be used.
    """
    inputs = FittedFields(tuple(field for field in fields.fields if field.plan.role == "input"))
    told = tuple(plan for plan in (field.plan for field in fields.fields) if plan.role in ("target", "weight") or plan.field.drops_rows)
    table = deciding(blocks, [column for plan in told for column in plan.columns], {})
    values = read_values(told, table)
    keep, notes = are_usable(told, table, values, None)
    numbers = RowNumbers.where(keep)
    found, kept, more = encoded_targets(fields, table, values, numbers)
    notes += [note for role, note in more if role == "target"]
    if not len(kept):
        raise DataError(f"{table.name}: none of {counted(table.rows)} can be used", "; ".join(notes) or None)
    reading = Reading(workers)
    store = BlockStore(blocks, inputs)
    reading.know(id(store), store)
    return in_blocks(found, kept, store, reading), (*notes, *_drift(blocks, inputs, kept).lines)


def _drift(blocks: Blocks, inputs: FittedFields, rows: RowNumbers) -> Drift:
    """Where some rows of a file are unlike training. Raises `DataError`."""
    drift = Drift()
    columns = dict.fromkeys(column for field in inputs.fields for column in field.plan.columns)
    for block, start in enumerate(blocks.starts[:-1]):
        table = blocks.read(block, columns)
        values = read_values([field.plan for field in inputs.fields], table)
        own = rows.within(start, start + table.rows) - start
        encoded = inputs.encoded(table, values, own, with_targets=False)
        unknown = {name: found.unknown for (_, name), found in encoded.items() if found.unknown is not None}
        drift.add(Departures.of(inputs.fields, values, own, unknown))
    return drift
