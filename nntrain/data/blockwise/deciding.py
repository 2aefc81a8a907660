"""The columns that decide which rows are used for what: all rows of them are in memory, in as few bytes as hold them."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
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
    lines: list[Array | int] = []
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
            own_lines = np.asarray(table.lines)
            follow = int(own_lines[-1]) - int(own_lines[0]) == table.rows - 1 and bool((np.diff(own_lines) == 1).all())
            lines.append(int(own_lines[0]) if follow else own_lines)
    found: dict[str, Column] = {}
    for name, own in parts.items():
        if name in words:
            found[name] = words[name].joined(cast("list[pl.Series]", own))
        elif own:
            is_text = isinstance(own[0], pl.Series)
            found[name] = pl.concat(cast("list[pl.Series]", own)) if is_text else np.concatenate(cast("list[Array]", own))
    return replace(blocks.frame, columns=found, rows=blocks.rows, lines=BlockLines(blocks.starts, tuple(lines)) if lines else None)


@dataclass(frozen=True, slots=True)
class BlockLines:
    """The lines that rows start at, of a file whose rows lie in blocks."""

    starts: tuple[int, ...]
    """Number of the first row of each block, and behind them that of all rows."""
    lines: tuple[Array | int, ...]
    """Of each block the lines `[N]`; the first alone where each row has the line after that of the one before."""

    def __getitem__(self, row: int, /) -> int:
        block = bisect_right(self.starts, row) - 1
        own, place = self.lines[block], row - self.starts[block]
        return own + place if isinstance(own, int) else int(own[place])


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
