"""Which rows are used for what, and which type each column has: what decides is read first, inputs are typed by the training rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from nntrain.data.audio.sound_heads import looked_at
from nntrain.data.facts import RowFacts, facts_of_series
from nntrain.data.fields.link import Link
from nntrain.data.graphs import splits_graphs
from nntrain.data.header import Header
from nntrain.data.inference import Guess
from nntrain.data.layout import SPLITTING, Layout, assemble_layout, check_split, guess_column
from nntrain.data.links import Links, split_links
from nntrain.data.naming import NamedField, name_fields, no_column
from nntrain.data.reading import header_of
from nntrain.data.row_numbers import RowNumbers
from nntrain.data.settings import DataSettings
from nntrain.data.sources.source import Part
from nntrain.data.split import Parts
from nntrain.data.splitting import PARTS, Splitting
from nntrain.data.table import Table
from nntrain.data.values import are_usable, read_values, usable_rows
from nntrain.errors import ConfigError, DataError, Problem

if TYPE_CHECKING:
    from nntrain.data.field_plan import FieldPlan
    from nntrain.data.fields.field import Array, Values

DECIDING: Final = frozenset({"target", "weight", *SPLITTING})
"""Roles whose columns are read before the rows are split."""


FactsOf = Callable[[str], RowFacts]
"""What the training rows show of a column."""


class Sorting:
    """Which rows are used for what, and which type each column has."""

    def __init__(
        self,
        settings: DataSettings,
        tables: Mapping[Part, Table],
        named: list[NamedField],
        header: Header | None = None,
        told: FactsOf | None = None,
    ) -> None:
        """Look at what decides about the rows.

        Args:
            settings: The data section.
            tables: The rows by file: the columns that decide, and those whose type is not known, unless they are told.
            named: The fields.
            header: All columns; `None` where the tables have them.
            told: Who tells what the rows show of columns without a type; `None`: the tables.
        """
        self.told = told
        """Who tells what the training rows show of columns, where it is not the tables."""
        self.settings = settings
        self.table = tables["train"]
        self.given: list[Part] = [part for part in PARTS if part in tables]
        self.named = named
        own = settings.source.peek(Path(), self.table.name) if settings.source.has_types else None
        self.header = header or own or header_of(self.table)
        self.notes: list[str] = [note for table in tables.values() for note in table.notes]
        self.links: Links | None = None
        """The edges by split, where they are predicted."""
        self.how = ""
        """How rows were split off, for the screen."""
        self.guesses = {field.name: self.guess(field, None) for field in named if field.roles & DECIDING}

    def guess(self, field: NamedField, rows: Array | RowNumbers | None) -> Guess | None:
        """The type of a field that has none, from some rows; `None`: from all."""
        if field.field.type != "auto":
            return None
        column = self.header.column(field.columns[0])
        if not column.shape and column.files is None and column.kind != "image":
            column = replace(column, counts=self.facts(field.columns[0], rows))
            column = column if self.table.store is None else looked_at(column, self.table.store)
        return guess_column(field, column)

    def facts(self, column: str, rows: Array | RowNumbers | None) -> RowFacts:
        """What some rows show of a column."""
        if self.told is not None:
            return self.told(column)
        assert not isinstance(rows, RowNumbers)
        texts = self.table.texts(column)
        rows = np.arange(len(texts)) if rows is None else rows
        return facts_of_series(
            texts if len(rows) == len(texts) else texts[rows], rows, self.table.numerals, date_format=self.table.date_format
        )

    def split(self, seed: int) -> Parts:
        """Drop the rows that cannot be used, then split the others. Raises `DataError` where too few are left."""
        plans, values = self._deciding()
        rows, dropped = usable_rows(plans, self.table, values, self.settings.window)
        self._check_left(len(rows), dropped)
        if self.settings.source.has_links:
            ratio = next(field.field.negatives for field in self.named if isinstance(field.field, Link))
            self.links, self.how = split_links(self.table, self.settings, ratio, seed)
            return Parts(rows, rows[:0], rows[:0])
        splitting = Splitting(self.settings, self.table, self.given, plans, values, self.guesses)
        graphs = self.table.graphs
        if graphs is None or not splits_graphs(self.table, [plan.columns[0] for plan in plans if plan.role == "split"]):
            parts, self.how = splitting.split(rows, seed)
            return parts
        parts, self.how = splitting.split(graphs.firsts(rows), seed)
        return graphs.whole(parts, rows)

    def split_many(self, seed: int) -> dict[Part, RowNumbers]:
        """The same of rows of which not even the numbers are to be in memory; neither edges nor graphs. Raises `DataError`."""
        plans, values = self._deciding()
        keep, dropped = are_usable(plans, self.table, values, None)
        rows = RowNumbers.where(keep)
        self._check_left(len(rows), dropped)
        parts, self.how = Splitting(self.settings, self.table, self.given, plans, values, self.guesses).split_many(rows, seed)
        return parts

    def _deciding(self) -> tuple[tuple[FieldPlan, ...], dict[str, Values]]:
        """The fields that decide which rows can be used and what they do, and their values."""
        first = [field for field in self.named if field.name in self.guesses or field.field.drops_rows]
        leaders = {field.field.shares for field in first}
        plans = self.plan([field for field in self.named if field in first or field.name in leaders]).fields
        return plans, read_values(plans, self.table)

    def _check_left(self, rows: int, dropped: list[str]) -> None:
        self.notes += dropped
        if rows < 2:
            raise DataError(
                f"{self.table.name}: {rows} of {self.table.rows:,} rows can be used; training needs at least 2", "; ".join(dropped) or None
            )

    def layout(self, train: Array | RowNumbers) -> Layout:
        """All fields with their types, those of inputs from the training rows. Raises `ConfigError` and `DataError`."""
        for field in self.named:
            if field.name not in self.guesses:
                self.guesses[field.name] = self.guess(field, train)
        layout = self.plan(self.named)
        faults = check_split(self.settings, layout)
        if faults:
            raise ConfigError(faults)
        if not layout.inputs:
            raise DataError(
                f"{self.table.name}: no column is left as input", "; ".join(f"{name}: {why}" for name, why in layout.left_out) or None
            )
        return layout

    def plan(self, named: list[NamedField]) -> Layout:
        """The layout of some fields. Raises `ConfigError`."""
        guesses = {field.name: self.guesses.get(field.name) for field in named}
        layout, problems = assemble_layout(self.settings, self.header, named, guesses)
        if problems:
            raise ConfigError(problems)
        return layout


def named_fields(settings: DataSettings, tables: Mapping[Part, Table]) -> list[NamedField]:
    """The fields of the data. Raises `ConfigError` for names that are not there, `DataError` for arrays of other lengths."""
    named, problems = name_fields(settings, header_of(tables["train"]))
    for part, table in tables.items():
        for field in named:
            problems += _check_columns(field, table, part)
    if problems:
        raise ConfigError(problems)
    return named


def _check_columns(field: NamedField, table: Table, part: Part) -> list[Problem]:
    problems: list[Problem] = []
    for column in field.columns:
        if column not in table.columns:
            if not field.roles <= SPLITTING:
                problems.append(no_column(column, header_of(table), ("data", "source", part)))
        elif table.steps is not None and column in table.steps.columns:
            continue
        elif column != field.field.step_column and len(table.columns[column]) != table.rows:
            found = f"{table.name}: {column} has {len(table.columns[column]):,} rows, and most arrays have {table.rows:,}"
            raise DataError(found, f"leave it out: data.fields.{column}: {{role: ignore}}, or name it in values of a series")
    return problems
