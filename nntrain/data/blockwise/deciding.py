"""The columns that decide which rows are used for what: all rows of them are in memory, in as few bytes as hold them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, cast

import numpy as np
import polars as pl

from nntrain.data.blocks import Blocks
from nntrain.data.blockwise.facts import ColumnFacts
from nntrain.data.blockwise.lessons import cells_of
from nntrain.data.table import Table

if TYPE_CHECKING:
    from nntrain.data.table import Column

    Array = np.ndarray[Any, Any]

MOST_WORDS: Final = 2**16
"""Different texts of a column up to which it is an enumeration of them; more are kept as they are."""


def deciding(blocks: Blocks, columns: Iterable[str], facts: Mapping[str, ColumnFacts]) -> Table:
    """Some columns of a table, all rows of them. Raises `DataError`.

    Args:
        blocks: The table.
        columns: Which.
        facts: Takes what all rows show, by column.
    """
    wanted = list(dict.fromkeys(columns))
    parts: dict[str, list[Column]] = {name: [] for name in wanted}
    words = {name: _Words() for name in wanted}
    lines: list[Array] = []
    for block, first in enumerate(blocks.starts[:-1]):
        table = blocks.read(block, wanted)
        every = np.arange(table.rows)
        for name, told in facts.items():
            told.add(cells_of(table, name, every), every + first)
        for name, values in table.columns.items():
            own = words[name].coded(table, name) if name in words else None
            if own is None and words.pop(name, None) is not None and parts[name]:
                parts[name] = [blocks.read(earlier, [name]).columns[name] for earlier in range(block)]
            parts[name].append(values if own is None else own)
        if table.lines is not None:
            is_small = int(table.lines[-1]) <= np.iinfo(np.int32).max
            lines.append(table.lines.astype(np.int32) if is_small else table.lines)
    found: dict[str, Column] = {}
    for name, own in parts.items():
        if name in words:
            found[name] = words[name].joined(cast("list[pl.Series]", own))
        elif own:
            is_text = isinstance(own[0], pl.Series)
            found[name] = pl.concat(cast("list[pl.Series]", own)) if is_text else np.concatenate(cast("list[Array]", own))
    return replace(blocks.frame, columns=found, rows=blocks.rows, lines=np.concatenate(lines) if lines else None)


class _Words:
    """The different texts of a column."""

    def __init__(self) -> None:
        self._known: dict[str, None] = {}

    def coded(self, table: Table, name: str) -> pl.Series | None:
        """A column of some rows as an enumeration; `None` where it is neither text nor whole numbers, or has too many."""
        values = table.columns[name]
        if isinstance(values, np.ndarray) and (values.ndim != 1 or values.dtype.kind not in "iu"):
            return None
        if isinstance(values, pl.Series) and values.dtype != pl.String:
            return None
        texts = table.texts(name)
        self._known |= dict.fromkeys(texts.drop_nulls().unique().to_list())
        return None if len(self._known) > MOST_WORDS else texts.cast(pl.Enum(list(self._known)))

    def joined(self, parts: list[pl.Series]) -> pl.Series:
        """All rows, as an enumeration whose order is that of the texts."""
        kind = pl.Enum(sorted(self._known))
        return pl.concat([part.cast(kind) for part in parts])
