"""Something in a table that may flatter a network, and the columns in which it is looked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

from nntrain.specs import CATEGORY_BLOCK, blocks

if TYPE_CHECKING:
    import numpy as np

    from nntrain.data.batches import TensorData
    from nntrain.data.fitted import FittedFields

Kind = Literal["tells_target", "copies", "group", "id", "few"]

MOST_ROWS: Final = 20_000
"""Rows of a sample that is looked at in place of all."""


@dataclass(frozen=True, slots=True)
class Suspicion:
    """Something that may make figures too good."""

    kind: Kind
    name: str
    """The column; of copies and few rows the part that they are in, `test`, or the class."""
    evidence: Mapping[str, float]
    """By name: `rank_correlation`, `r2`, `right` (share), `rows` (looked at), `share`, `copies`, `values`, `rows_each`."""
    sentence: str
    override: str | None = None
    """What changes it, as an override of the command line; `None` where only the file can be changed."""


@dataclass(frozen=True, slots=True)
class Column:
    """An input with one value a row."""

    name: str
    values: np.ndarray[Any, Any]
    """Float32 or int64 `[N]`, as the network reads them."""
    is_code: bool
    """Whether these are places in a list of categories."""

    def take(self, rows: np.ndarray[Any, Any] | slice) -> Column:
        """Some rows, by position."""
        return Column(self.name, self.values[rows], self.is_code)


def columns_of(fields: FittedFields, data: TensorData) -> list[Column]:
    """The inputs of some rows that have one value a row."""
    found: list[Column] = []
    for block, names in blocks(fields.inputs).items():
        values = data.inputs[block].numpy()
        found += [Column(name, values[:, place], block == CATEGORY_BLOCK) for place, name in enumerate(names)]
    return found
