"""How many steps the rows of ragged inputs have, and how many tokens their targets: what an output must be long enough for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, cast

if TYPE_CHECKING:
    from torch import Tensor

    from nntrain.data.batches import TensorData


class Tokens(NamedTuple):
    """A target of one row."""

    number: int
    repeats: int
    """How many of them are the same as the one before."""


@dataclass(frozen=True, slots=True)
class RowSteps:
    """Of all training rows, in their order; before these are read, of one that stands for them, as far as the head of the data tells."""

    inputs: Mapping[str, Sequence[int]] = field(default_factory=dict[str, Sequence[int]])
    """Steps by input; of those that have lengths."""
    targets: Mapping[str, Sequence[Tokens]] = field(default_factory=dict[str, Sequence[Tokens]])
    """Tokens by target; of those that are sequences of indices."""
    is_complete: bool = False
    """Whether these are all training rows."""

    @classmethod
    def of(cls, train: TensorData) -> RowSteps:
        """Of the training rows."""
        from nntrain.data.packed import PackedSteps
        from nntrain.data.packed_sounds import ragged_lengths

        lengths = {name: ragged_lengths(rows) for name, rows in train.stored.items()}
        inputs = {name: _listed(found) for name, found in lengths.items() if found is not None}
        ragged = {name: rows for name, rows in train.stored_targets.items() if isinstance(rows, PackedSteps)}
        return cls(inputs, {name: _tokens(rows) for name, rows in ragged.items() if rows.values.ndim == 1}, is_complete=True)


def _tokens(rows: object) -> list[Tokens]:
    import torch

    from nntrain.data.packed import PackedSteps

    assert isinstance(rows, PackedSteps)
    same = torch.zeros(len(rows.values) + 1, dtype=torch.long)
    same[2:] = (rows.values[1:] == rows.values[:-1]).long().cumsum(0)  # how many of the tokens before repeat the one before them
    starts, ends = rows.offsets[:-1], rows.offsets[1:]
    repeats = torch.where(ends > starts, same[ends] - same[(starts + 1).clamp(max=len(rows.values))], 0)
    return [Tokens(count, again) for count, again in zip(_listed(rows.lengths), _listed(repeats), strict=True)]


def _listed(numbers: Tensor) -> list[int]:
    return cast("list[int]", numbers.tolist())
