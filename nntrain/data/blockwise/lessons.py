"""One pass through the training rows in which fields learn, and columns show their type."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from nntrain.data.blocks import Blocks
from nntrain.data.blockwise.facts import ColumnFacts
from nntrain.data.blockwise.learning import Learner, Ranges
from nntrain.data.field_plan import FieldPlan
from nntrain.data.fitted import FittedField, FittedFields
from nntrain.data.row_numbers import RowNumbers
from nntrain.data.scaling import take
from nntrain.data.sources.source import Part
from nntrain.data.table import Table
from nntrain.data.values import read_values
from nntrain.errors import DataError

if TYPE_CHECKING:
    import polars as pl

    from nntrain.data.fields.field import Array, Field


@dataclass(slots=True)
class Lesson:
    """What an input has learned so far."""

    plan: FieldPlan
    learner: Learner
    ranges: Ranges = field(default_factory=Ranges)
    ways: list[Field] = field(default_factory=list["Field"])
    """How the cells of the blocks are written, each way once."""
    findings: dict[str, None] = field(default_factory=dict[str, None])
    """What was found in the files that its cells name, in words."""
    fault: DataError | None = None
    """Why it can't go on."""

    def add(self, table: Table, rows: Array) -> None:
        """Take in some rows of a block, int64 `[M]`; the others are read too, as they must be numbers as well."""
        if self.fault is not None:
            return
        try:
            own = self.plan.field.settled(table, self.plan.columns)
            values = own.read(table, self.plan.columns)
            self.findings |= dict.fromkeys(table.findings)
            table.findings.clear()
            if not self.ways:
                self.learner = own.learner() or self.learner  # of samples, whose rate the first files tell
            if own not in self.ways:
                self.ways.append(own)
            if len(rows):
                taken = take(values, rows)
                self.ranges.add(own, taken)
                self.learner.add(taken)
        except DataError as fault:
            self.fault = fault

    def settled_field(self, file: str) -> Field:
        """The field with how all cells are written. Raises `DataError` where it can't read them, or blocks are written in two ways."""
        if self.fault is not None:
            raise self.fault
        ways = [way for way in self.ways if way != self.plan.field]
        if len(ways) > 1:
            shown = " and ".join(sorted({repr(_option(way, self.plan.field)) for way in ways}))
            raise DataError(
                f"{file}: {self.plan.name}: some rows are written in one way and some in another: {shown}",
                f"say which in data.fields.{self.plan.name}, and remove or mend the others",
            )
        return ways[0] if ways else self.plan.field


def learn(blocks: Blocks, train: RowNumbers, plans: Sequence[FieldPlan], facts: Mapping[str, ColumnFacts]) -> dict[str, Lesson]:
    """Go through a table once.

    Args:
        blocks: The table.
        train: The training rows.
        plans: Inputs that learn from them.
        facts: Takes what the training rows show, by column.

    Returns:
        What was learned, by field.
    """
    found = {plan.name: Lesson(plan, learner) for plan in plans if (learner := plan.field.learner()) is not None}
    columns = dict.fromkeys([*facts, *(column for plan in plans for column in plan.columns)])
    starts = blocks.starts
    for block in range(len(blocks)) if columns else ():
        table = blocks.read(block, columns)
        rows = train.within(*starts[block : block + 2]) - starts[block]
        for column, told in facts.items():
            told.add(cells_of(table, column, rows), rows + starts[block])
        for lesson in found.values():
            lesson.add(table, rows)
    return found


def strangers(blocks: Blocks, fields: Iterable[FittedField], used: Mapping[Part, RowNumbers]) -> dict[Part, dict[str, Array]]:
    """Read all rows of a file with some fitted inputs, and look where training never showed a class.

    Args:
        blocks: The file.
        fields: The inputs.
        used: By part the rows that are.

    Returns:
        By part, and by field that has some, the rows that hold one, int64 `[K]`, rising.

    Raises:
        DataError: A field can't read a cell, or allows no such class.
    """
    fields = tuple(fields)
    with_classes = FittedFields(tuple(field for field in fields if "classes" in field.state))
    columns = dict.fromkeys(column for field in fields for column in field.plan.columns)
    found: dict[Part, dict[str, list[Array]]] = {part: {} for part in used}
    for block, start in enumerate(blocks.starts[:-1] if fields else ()):
        table = blocks.read(block, columns)
        values = read_values([field.plan for field in fields], table)
        for part, rows in used.items():
            own = rows.within(start, start + table.rows) - start
            for (_, name), encoded in with_classes.encoded(table, values, own, with_targets=False).items():
                if encoded.unknown is not None and encoded.unknown.any():
                    found[part].setdefault(name, []).append(own[encoded.unknown] + start)
    return {part: {name: np.concatenate(rows) for name, rows in own.items()} for part, own in found.items()}


def cells_of(table: Table, column: str, rows: Array) -> Array | pl.Series:
    """Some cells, as numbers where the file has numbers, else as text."""
    values = table.columns[column]
    if isinstance(values, np.ndarray) and values.dtype.kind in "iuf":
        return values[rows].astype(np.float64)
    return table.texts(column)[rows]


def _option(way: Field, plain: Field) -> object:
    return next(value for name, value in way if value != getattr(plain, name))
