"""Rows of a table that are read and encoded a block at a time, when their batch comes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, cast
from weakref import WeakValueDictionary

import numpy as np
import torch
from torch import Tensor

from nntrain.data.blocks import Blocks
from nntrain.data.blockwise.cache import BlockCache
from nntrain.data.cache_folder import NotKeptError
from nntrain.data.packed import PackedSteps, Stored
from nntrain.data.packed_sounds import PackedSounds
from nntrain.data.values import read_values
from nntrain.modules.narrow import wide

if TYPE_CHECKING:
    from nntrain.data.batches import TensorData
    from nntrain.data.fitted import FittedFields

STRETCH_BYTES: Final = 16 * 2**20
"""Encoded rows that are shuffled together, and kept in memory while they are used, have about this size."""
READ_BYTES: Final = 2 * 2**20
"""The same of rows that are read in their order: no more of them are needed at once than a batch has."""
MEASURED: Final = 256
"""Rows of the first block that tell how large a row is."""
VALUES, OFFSETS = "{}\0values", "{}\0offsets"
"""What rows of different lengths are called on their way from another process."""


class BlockStore:
    """The inputs of a table. A block is read, encoded whole, and what is asked for is taken of it."""

    def __init__(self, blocks: Blocks, fields: FittedFields, origin: Mapping[str, Any] | None = None) -> None:
        """Look at the first rows.

        Args:
            blocks: The table.
            fields: The inputs, fitted.
            origin: The fingerprint of the file and the settings it is read with; `None` where encoded blocks are not to be kept.

        Raises:
            DataError: The first rows can't be read.
            UsageError: The folder that the user has named for kept blocks can't be written.
        """
        self.blocks = blocks
        self.fields = fields
        self.starts = torch.tensor(blocks.starts[:-1])
        self.columns = tuple(dict.fromkeys(column for field in fields.fields for column in field.plan.columns))
        self.first = self._encoded(0, torch.arange(min(MEASURED, blocks.sizes[0])))
        """The first few rows: they tell what others look like."""
        whole = self.bytes_per_row * blocks.rows
        content = {**(origin or {}), "read": blocks.way, "sizes": blocks.sizes}
        self.cache: BlockCache | None = None
        """Where encoded blocks are kept; `None` where they are not."""
        self.not_kept = ""
        """Why they are not, where they should be."""
        try:
            self.cache = None if origin is None else BlockCache.of(content, fields.state(), whole)
        except NotKeptError as why:
            self.not_kept = str(why)
        self.open_as(id(self))

    def open_as(self, number: int) -> None:
        """Be found by requests that name this number."""
        OPEN[number] = self

    @property
    def in_blocks(self) -> bool:
        """They do."""
        return True

    @property
    def lost(self) -> str | None:
        """Why an encoded block could not be kept."""
        return None if self.cache is None else self.cache.lost

    @property
    def names(self) -> tuple[str, ...]:
        """The inputs."""
        return tuple(field.name for field in self.fields.fields)

    @property
    def values_per_row(self) -> int:
        """Values of a row; of the longest of the first ones where rows differ in length."""
        return self.first.values_per_row

    @property
    def bytes_per_row(self) -> int:
        """Of the first rows, on average."""
        dense = sum(tensor[:1].numel() * tensor.element_size() for tensor in self.first.inputs.values())
        return max(1, dense + sum(rows.row_bytes for rows in self.first.stored.values()))

    @property
    def stretch_rows(self) -> int:
        """Rows that are shuffled together, about."""
        return max(1, STRETCH_BYTES // self.bytes_per_row)

    @property
    def read_rows(self) -> int:
        """Rows that are read together in their order, about."""
        return max(1, READ_BYTES // self.bytes_per_row)

    def request(self, places: Tensor) -> BlockRequest:
        """Some rows by their number in the table, int64 `[B]`."""
        return BlockRequest(id(self), places.long().numpy())

    def rows(self, places: Tensor) -> TensorData:
        """Some rows by their number in the table, int64 `[B]`, in this order: inputs alone. Raises `DataError`."""
        if not len(places):
            return self.first.narrow(0, 0)
        blocks = torch.bucketize(places, self.starts, right=True) - 1
        dense = {name: values.new_empty((len(places), *values.shape[1:])) for name, values in self.first.inputs.items()}
        parts: list[dict[str, Stored]] = []
        asked: list[Tensor] = []
        for block in cast("list[int]", blocks.unique().tolist()):
            where = (blocks == block).nonzero()[:, 0]
            local = places[where] - self.starts[block]
            found, local = self._some(block, local)
            for name, values in dense.items():
                values.index_copy_(0, where, found.inputs[name].index_select(0, local))
            parts.append({name: rows.take(local) for name, rows in found.stored.items()})
            asked.append(where)
        stored: dict[str, Stored] = {name: _joined_stored([part[name] for part in parts]) for name in self.first.stored}
        if stored and len(parts) > 1:
            order = _inverse(torch.cat(asked))
            stored = {name: rows.take(order) for name, rows in stored.items()}
        return self._made(dense, stored, len(places))

    def _some(self, block: int, rows: Tensor) -> tuple[TensorData, Tensor]:
        """Rows of a block, and at which places of them those lie that are meant, int64 `[M]`: all of it where it is kept."""
        if self.cache is None:
            return self._encoded(block, rows), torch.arange(len(rows))
        kept = self.cache.read(block)
        if kept is not None and self._are_alike(kept, self.blocks.sizes[block]):
            return self.unpacked(kept), rows
        whole = self._encoded(block, torch.arange(self.blocks.sizes[block]))
        self.cache.write(block, self.packed(whole))
        return whole, rows

    def _are_alike(self, kept: Mapping[str, Tensor], rows: int) -> bool:
        """Whether tensors have the names, types and shapes of the encoded rows of a block."""
        first = self.packed(self.first)
        ragged = {VALUES.format(name) for name in self.first.stored}
        offsets = {OFFSETS.format(name) for name in self.first.stored}
        lengths = {name: rows + (name in offsets) for name in first if name not in ragged}
        return kept.keys() == first.keys() and all(
            values.dtype == first[name].dtype
            and values.shape[1:] == first[name].shape[1:]
            and len(values) == lengths.get(name, len(values))
            for name, values in kept.items()
        )

    def _encoded(self, block: int, rows: Tensor) -> TensorData:
        """Some rows of a block by their place in it, int64 `[M]`."""
        table = self.blocks.read(block, self.columns)
        values = read_values([field.plan for field in self.fields.fields], table)
        return self.fields.encode_rows(table, values, rows.numpy().astype(np.int64), with_targets=False)[0]

    def filled(self, data: TensorData, found: Mapping[str, Tensor]) -> TensorData:
        """Some rows with their inputs, which were read for them."""
        own = self.unpacked(found).to(data.numbers.device)
        return replace(
            data,
            targets={name: wide(values) for name, values in data.targets.items()},
            inputs={**data.inputs, **own.inputs},
            stored={**data.stored, **own.stored},
            pixels={**data.pixels, **own.pixels},
            numbers=data.rows.long(),
            streamed=None,
        )

    def packed(self, data: TensorData) -> dict[str, Tensor]:
        """Inputs as single tensors, which another process can send."""
        found = dict(data.inputs)
        for name, rows in data.stored.items():
            steps = _steps(rows)
            found |= {VALUES.format(name): steps.values, OFFSETS.format(name): steps.offsets}
        return found

    def unpacked(self, found: Mapping[str, Tensor]) -> TensorData:
        """Undo `packed`."""
        stored: dict[str, Stored] = {}
        for name, rows in self.first.stored.items():
            steps = replace(_steps(rows), values=found[VALUES.format(name)], offsets=found[OFFSETS.format(name)])
            stored[name] = replace(rows, rows=steps) if isinstance(rows, PackedSounds) else steps
        inputs = {name: found[name] for name in self.first.inputs}
        return self._made(inputs, stored, len(next(iter(inputs.values()), next(iter(stored.values()), ()))))

    def _made(self, inputs: Mapping[str, Tensor], stored: Mapping[str, Stored], count: int) -> TensorData:
        return replace(self.first, inputs=inputs, stored=stored, numbers=torch.zeros(count, dtype=torch.int64))


OPEN: Final[WeakValueDictionary[int, BlockStore]] = WeakValueDictionary()
"""The stores that requests may name."""


@dataclass(frozen=True, slots=True)
class BlockRequest:
    """Rows of a store, by their number in the table. It is small: a process that reads knows the store already."""

    store: int
    places: np.ndarray[tuple[int], np.dtype[np.int64]]

    def read(self) -> dict[str, Tensor]:
        """Their inputs, packed. Raises `DataError`."""
        store = OPEN[self.store]
        return store.packed(store.rows(torch.from_numpy(self.places)))


def joined(parts: Sequence[TensorData]) -> TensorData:
    """The rows of several, one after another. What they are not made of, such as how pixels are scaled, is that of the first."""
    first = parts[0]
    if len(parts) == 1:
        return first
    return replace(
        first,
        inputs={name: torch.cat([part.inputs[name] for part in parts]) for name in first.inputs},
        targets={name: torch.cat([part.targets[name] for part in parts]) for name in first.targets},
        weights=None if first.weights is None else torch.cat([cast("Tensor", part.weights) for part in parts]),
        numbers=torch.cat([part.rows for part in parts]),
        stored={name: _joined_stored([part.stored[name] for part in parts]) for name in first.stored},
        stored_targets={name: _joined_steps([_steps(part.stored_targets[name]) for part in parts]) for name in first.stored_targets},
    )


def _steps(rows: Stored) -> PackedSteps:
    found = rows.rows if isinstance(rows, PackedSounds) else rows
    assert isinstance(found, PackedSteps)
    return found


def _joined_stored(parts: Sequence[Stored]) -> Stored:
    if len(parts) == 1:
        return parts[0]
    first, steps = parts[0], _joined_steps([_steps(part) for part in parts])
    return replace(first, rows=steps) if isinstance(first, PackedSounds) else steps


def _joined_steps(parts: Sequence[PackedSteps]) -> PackedSteps:
    lengths = torch.cat([part.lengths for part in parts])
    return PackedSteps.of(torch.cat([part.values for part in parts]), lengths, parts[0].fill)


def _inverse(order: Tensor) -> Tensor:
    found = torch.empty_like(order)
    found[order] = torch.arange(len(order))
    return found
