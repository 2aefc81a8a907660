"""Rows of a part that are in training too: copies, as far as they are too rare to be alike by chance."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

import numpy as np

from nntrain.data.packed import PackedSteps
from nntrain.insight.suspicion import MOST_ROWS, Column, Suspicion, columns_of
from nntrain.specs import CATEGORY_BLOCK, NUMBER_BLOCK
from nntrain.wording import percent

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nntrain.data.batches import TensorData
    from nntrain.data.fitted import FittedFields
    from nntrain.data.packed import Stored

Array = np.ndarray[Any, Any]

BY_CHANCE: Final = 1e-4
"""Training rows that equal a row by chance, if columns had nothing to do with each other: a row that is as rare and is there twice is
a copy. They have to do with each other, so that it is far below 1."""
LEAST_SHARE: Final = 0.01
"""Share of rows that are copies, from which it is told."""
LEAST_COPIES: Final = 3
"""Rows that are copies, at least."""
LONG: Final = 8
"""Numbers or tokens of a row from which it has no equal by chance: of a text, a sound, an image."""
AT_ONCE: Final = 8192
"""Rows whose digests are made at once."""
SPREAD: Final = np.uint64(0x9E3779B97F4A7C15)
"""An odd number that spreads what is multiplied by it over all bits."""


def find_copies(fields: FittedFields, train: TensorData, parts: Mapping[str, TensorData]) -> Suspicion | None:
    """How many rows of other parts equal a training row in all inputs and targets; all parts that have such rows are told of at once.

    Args:
        fields: What the rows were made with.
        train: The training rows, all of which are looked through.
        parts: The others by what they are called: `test`; of many rows, a sample is looked for.
    """
    if train.stored_targets or not all(isinstance(stored, PackedSteps) for stored in train.stored.values()):
        return None
    known = _digests(train)
    counts = {part: count for part, held in parts.items() if (count := _copies(fields, train, known, held)) is not None}
    if not counts:
        return None
    told = " and ".join(f"{percent(each.share)} of the {part} rows{each.looked}" for part, each in counts.items())
    sentence = (
        f"{told} are copies of training rows, target and all, which flatters the network: leave"
        " copies out of the file, or number the rows that are one in a column ID, and data.fields.ID: {role: group} keeps them together"
    )
    copies, rows = (float(sum(each[place] for each in counts.values())) for place in (0, 1))
    return Suspicion("copies", " and ".join(counts), {"share": copies / rows, "copies": copies, "rows": rows}, sentence)


class _Copies(NamedTuple):
    """Copies in a part."""

    copies: int
    rows: int
    """That were looked at."""
    all_rows: int

    @property
    def share(self) -> float:
        return self.copies / self.rows

    @property
    def looked(self) -> str:
        """Where not all rows were looked at."""
        return "" if self.rows == self.all_rows else f" ({self.rows:,} of {self.all_rows:,} looked at)"


def _copies(fields: FittedFields, train: TensorData, known: Array, held: TensorData) -> _Copies | None:
    """How many rows of a part are copies; `None` where there are too few to be told.

    Args:
        fields: What the rows were made with.
        train: The training rows.
        known: Their digests, uint64 `[N]`.
        held: The part.
    """
    rows = np.arange(len(held)) if len(held) <= MOST_ROWS else np.linspace(0, len(held) - 1, MOST_ROWS).astype(np.int64)
    own = _digests(held)[rows]
    sizes = np.unique(own)
    places = np.minimum(np.searchsorted(sizes, known), len(sizes) - 1)
    found = rows[np.isin(own, sizes[places[sizes[places] == known]])]
    least = max(LEAST_COPIES, LEAST_SHARE * len(rows))
    if len(found) < least:
        return None
    copies = int((_by_chance(_all_columns(fields, train), _all_columns(fields, held), found, _long(held)[found]) < BY_CHANCE).sum())
    return None if copies < least else _Copies(copies, len(rows), len(held))


def _by_chance(train: list[Column], held: list[Column], rows: Array, is_long: Array) -> Array:
    """How many training rows would equal each of some rows if columns had nothing to do with each other."""
    count = len(train[0].values) if train else 0
    expected = np.where(is_long, 0.0, float(count))
    for column, own in zip(train, held, strict=True):
        sample = np.sort(column.values if count <= MOST_ROWS else column.values[:: count // MOST_ROWS])
        values = own.values[rows]
        equal = np.searchsorted(sample, values, side="right") - np.searchsorted(sample, values, side="left")
        expected *= np.maximum(equal, 1) / len(sample)
        if expected.max(initial=0.0) < BY_CHANCE:
            break
    return expected


def _all_columns(fields: FittedFields, data: TensorData) -> list[Column]:
    """Inputs with one value a row, and digests of short vectors."""
    short = [Column(name, _digest(values, 1), is_code=True) for name, values in _beside(data).items() if values.shape[1] < LONG]
    return [*columns_of(fields, data), *short]


def _long(data: TensorData) -> Array:
    """Whether a row holds something that has no equal by chance, bool `[N]`."""
    found = np.full(len(data), any(values.shape[1] >= LONG for values in _beside(data).values()))
    for stored in data.stored.values():
        found |= cast("PackedSteps", stored).lengths.numpy() >= LONG
    return found


def _beside(data: TensorData) -> dict[str, Array]:
    """Inputs that are no single values, `[N, K]` each: vectors, images."""
    return {
        name: tensor.reshape(len(data), -1).numpy() for name, tensor in data.inputs.items() if name not in (NUMBER_BLOCK, CATEGORY_BLOCK)
    }


def _digests(data: TensorData) -> Array:
    """A number for each row that two rows share if inputs and targets are equal, uint64 `[N]`."""
    found = np.zeros(len(data), dtype=np.uint64)
    for tensors in (data.inputs, data.targets):
        for place, name in enumerate(sorted(tensors)):
            found = found * SPREAD + _digest(tensors[name].contiguous().numpy(), place)
    for name in sorted(data.stored):
        found = found * SPREAD + _digest_of_steps(data.stored[name])
    return found


def _digest(values: Array, seed: int) -> Array:
    """Rows `[N, …]` as one number each: their bytes, eight at a time, times odd numbers that are drawn."""
    cells = values.reshape(len(values), -1)
    size = cells.shape[1] * cells.itemsize
    odd = _odd(-(-size // 8), seed)
    found = np.empty(len(values), dtype=np.uint64)
    for start in range(0, len(values), AT_ONCE):
        part = np.ascontiguousarray(cells[start : start + AT_ONCE])
        padded = np.zeros((len(part), 8 * len(odd)), dtype=np.uint8)
        padded[:, :size] = part.view(np.uint8).reshape(len(part), size)
        found[start : start + AT_ONCE] = _mixed(padded.view(np.uint64), odd).sum(axis=1, dtype=np.uint64)
    return found


def _digest_of_steps(stored: Stored) -> Array:
    """Rows of different lengths as one number each."""
    steps = cast("PackedSteps", stored)
    lengths = steps.lengths.numpy()
    own = _digest(steps.values.contiguous().numpy(), 2)
    ends = np.cumsum(lengths)
    places = np.arange(len(own)) - np.repeat(ends - lengths, lengths)
    sums = np.concatenate(
        [np.zeros(1, np.uint64), np.cumsum(_mixed(own, _odd(int(lengths.max(initial=0)) + 1, 3)[places]), dtype=np.uint64)]
    )
    return sums[ends] - sums[ends - lengths] + lengths.astype(np.uint64)


def _odd(count: int, seed: int) -> Array:
    """Odd numbers, uint64 `[count]`."""
    return np.random.default_rng(seed).integers(0, 2**63, count, dtype=np.uint64) * np.uint64(2) + np.uint64(1)


def _mixed(words: Array, odd: Array) -> Array:
    """Words times odd numbers, of which the upper bits are laid over the lower ones."""
    found = (words ^ (words >> np.uint64(29))) * odd
    return found ^ (found >> np.uint64(32))
