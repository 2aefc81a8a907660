"""Rows as tensors: which of them can be used, and where the numbers of each field go."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, cast

import numpy as np
import torch

from nntrain.data.batches import TensorData
from nntrain.data.fields.field import Encoded, RaggedArray
from nntrain.data.mask_rows import MaskRows
from nntrain.data.packed import PackedSteps, Stored
from nntrain.data.packed_sounds import PackedSounds
from nntrain.data.pixels import PixelScaling
from nntrain.data.scaling import take
from nntrain.data.streaming import Reading, Streamed
from nntrain.data.table import Table, counted
from nntrain.errors import DataError
from nntrain.specs import CATEGORY_BLOCK, NUMBER_BLOCK, Spec, blocks

if TYPE_CHECKING:
    from nntrain.data.fields.field import Array


def left_out(table: Table, encoded: Mapping[tuple[str, str], Encoded], rows: Array) -> tuple[Array, list[tuple[str, str]]]:
    """Which of some rows can be used, bool `[M]`, and of which field training never showed a value, in words.

    Raises:
        DataError: A weight is negative.
    """
    keep = np.ones(len(rows), dtype=bool)
    notes: list[tuple[str, str]] = []
    for (role, name), found in encoded.items():
        if role == "weight" and (found.values < 0).any():
            raise DataError(f"{table.name}: weight {name} is negative in {table.places([int(row) for row in rows[found.values < 0]])}")
        if found.unknown is None or not found.unknown.any():
            continue
        if role == "target":
            keep &= ~found.unknown
        told = never_shown(table, name, rows[found.unknown], is_left_out=role == "target")
        notes.append((role, told if found.unknown_words is None else f"{told}: {found.unknown_words}"))
    return keep, notes


def never_shown(table: Table, name: str, rows: Array, *, is_left_out: bool = False) -> str:
    """Of a field the rows `[K]` whose value training never showed, in words."""
    places = table.places([int(row) for row in rows])
    left = ", left out" if is_left_out else ""
    return f"{name}: {counted(len(rows))} with a value that training never showed{left} ({places})"


def row_tensors(
    inputs: Mapping[str, Spec], encoded: Mapping[tuple[str, str], Encoded], rows: Array, keep: Array, reading: Reading | None
) -> TensorData:
    """Put the single values of inputs into blocks, rows of different lengths one after another, everything else under its name.

    Numbers of rows stay int32 where they are.
    """
    index = slice(None) if keep.all() else keep
    found: dict[str, Array] = {}
    grouped = blocks(inputs)
    for block, dtype in ((NUMBER_BLOCK, np.float32), (CATEGORY_BLOCK, np.int64)):
        if block in grouped:
            found[block] = np.stack([encoded["input", name].values for name in grouped[block]], axis=1).astype(dtype, copy=False)
    stored: dict[str, Stored] = {}
    for name in inputs:
        field = encoded["input", name]
        if field.lengths is not None:
            packed = _packed(field, keep, 0.0)
            stored[name] = packed if field.sounds is None else PackedSounds(packed, field.sounds)
        elif field.files is None and not any(name in names for names in grouped.values()):
            found[name] = field.values
    pixels = {key: PixelScaling.of(*field.pixels) for key, field in encoded.items() if field.pixels}
    wanted = {name: field for (role, name), field in encoded.items() if role == "target"}
    targets = {name: field.values for name, field in wanted.items() if field.lengths is None and not field.is_map}
    maps = {name: MaskRows(torch.from_numpy(field.values[index])) for name, field in wanted.items() if field.is_map}
    weights = next((encoded[role, name].values for role, name in encoded if role == "weight"), None)
    return TensorData(
        {name: torch.from_numpy(np.ascontiguousarray(array[index])) for name, array in found.items()},
        {name: torch.from_numpy(np.ascontiguousarray(array[index])) for name, array in targets.items()},
        None if weights is None else torch.from_numpy(np.ascontiguousarray(weights[index])),
        torch.from_numpy(np.ascontiguousarray(rows[index] if rows.dtype == np.int32 else rows[index].astype(np.int64))),
        stored,
        {name: scaling for (role, name), scaling in pixels.items() if role == "input"},
        stored_targets={
            name: _packed(field, keep, -1 if field.values.dtype.kind in "iu" else np.nan)
            for name, field in wanted.items()
            if field.lengths is not None
        }
        | maps,
        target_pixels={name: scaling for (role, name), scaling in pixels.items() if role == "target"},
        streamed=_streamed(inputs, encoded, rows[index], reading),
    )


def _packed(field: Encoded, keep: Array, fill: float) -> PackedSteps:
    """The kept rows of a field whose rows differ in length."""
    assert field.lengths is not None
    kept = take(RaggedArray(field.values, field.lengths), np.flatnonzero(keep))
    return PackedSteps.of(torch.from_numpy(kept.values), torch.from_numpy(kept.lengths), fill)


def _streamed(
    inputs: Mapping[str, Spec], encoded: Mapping[tuple[str, str], Encoded], rows: Array, reading: Reading | None
) -> Streamed | None:
    """The inputs that are read when their batch comes, of some rows by their number in the table."""
    files = {name: found for name in inputs if (found := encoded["input", name].files) is not None}
    if reading is None or not files:
        return None
    from nntrain.data.image_stream import ImageStore

    shapes = {name: cast("tuple[int, int, int]", inputs[name].sizes) for name in files}
    return Streamed(ImageStore(files, shapes), torch.from_numpy(np.ascontiguousarray(rows.astype(np.int64))), reading)
