"""Which rows of a table train, validate and test: what files and columns say, and what is split off the training rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from nntrain.data.facts import in_order, quoted
from nntrain.data.graphs import in_a_split
from nntrain.data.inference import Guess
from nntrain.data.layout import FieldPlan, split_rule
from nntrain.data.noise import derive_seed
from nntrain.data.row_numbers import RowNumbers
from nntrain.data.scaling import take
from nntrain.data.settings import DataSettings, SplitSettings
from nntrain.data.sources.source import Part
from nntrain.data.split import (
    TESTS,
    TRAINS,
    VALIDATES,
    Fold,
    FoldBy,
    Parts,
    folds,
    split_by_time,
    split_by_words,
    split_groups,
    split_marks,
    split_rows,
)
from nntrain.data.table import Table, counted, listed
from nntrain.data.window_cutting import group_numbers, places_in_groups
from nntrain.data.words import Coded, words_in
from nntrain.errors import ConfigError, DataError, Problem

if TYPE_CHECKING:
    from nntrain.data.fields.field import Array, Values

PARTS: tuple[Part, Part] = ("validation", "test")


@dataclass(frozen=True, slots=True)
class Splitting:
    """The rows of the training file and what decides about them."""

    data: DataSettings
    table: Table
    given: Sequence[Part]
    """Parts that have files of their own."""
    plans: tuple[FieldPlan, ...]
    """Targets, and the columns that split."""
    values: Mapping[str, Values]
    """Values of the plans, of all rows."""
    guesses: Mapping[str, Guess | None]

    @property
    def settings(self) -> SplitSettings:
        """How rows are split."""
        return self.data.split

    def split(self, rows: Array, seed: int) -> tuple[Parts, str]:
        """Split the rows that can be used; how, in words.

        Raises:
            DataError: There are too few rows, groups or rows of a class, or the split column has other words.
            ConfigError: A part is set that the split column gives.
        """
        if self.settings.folds is not None and self.settings.fold is not None:
            return self._fold(rows, self.settings.folds, self.settings.fold, seed)
        column = self._plan("split")
        none = rows[:0].copy()  # a view would keep the numbers of all rows in memory
        fixed = Parts(rows, none, none) if column is None else self._by_column(rows, column)
        how = "" if column is None else f"by column {column.name}"
        sizes = {part: self._size(part, fixed) for part in PARTS}
        parts = fixed
        if any(sizes.values()):
            parts, rule = self._split_off(fixed.train, sizes, seed)
            off = "" if column is None else f"{how}; {' and '.join(part for part in PARTS if sizes[part])} split off the training rows: "
            found = {part: getattr(parts, part) if sizes[part] else getattr(fixed, part) for part in PARTS}
            parts, how = Parts(parts.train, found["validation"], found["test"]), f"{off}{rule}"
        return self._with_validation_fold(parts, how, seed)

    def _with_validation_fold(self, parts: Parts, how: str, seed: int) -> tuple[Parts, str]:
        """The same with one of several parts of the training rows as validation rows, where that is wanted."""
        count, fold = self.settings.validation_folds, self.settings.validation_fold
        if count is None or fold is None:
            return parts, how
        cut, by = self._cut(parts.train, count, fold, seed)
        told = f"part {fold} of {count} validates ({by})"
        return Parts(cut.train, cut.validation, parts.test), f"{how}; {told}" if how else told

    def _fold(self, rows: Array, count: int, fold: int, seed: int) -> tuple[Parts, str]:
        """One of several folds as test rows, and validation rows off the others."""
        given = self._plan("fold")
        if given is not None:
            return self._given_fold(rows, given, count, fold, seed)
        found, by = self._cut(rows, count, fold, seed)
        return self._beside_fold(found.train, found.validation, f"fold {fold} of {count} is tested", f"; {by}, seed {seed}", seed)

    def _cut(self, rows: Array, count: int, fold: int, seed: int) -> tuple[Fold, FoldBy]:
        """One of several cuts of rows, by the rule of the settings. Raises `DataError` where there are too few."""
        rule = split_rule(self.data, {plan.role for plan in self.plans})
        target = self._stratifying(rule)
        by: FoldBy = rule if rule in ("group", "time") else "random" if target is None else "stratified"
        values: Array | None = None
        if by == "group":
            values = self._groups(rows)[1]
        elif by == "time":
            values = self._order(rows)[0]
        elif target is not None:
            values = self._classes(target, rows)
        return folds(rows, count, by=by, seed=derive_seed(seed, "split"), values=values)[fold - 1], by

    def _given_fold(self, rows: Array, plan: FieldPlan, count: int, fold: int, seed: int) -> tuple[Parts, str]:
        """The same of the folds that a column gives, numbered in the order of its values. Raises `DataError`."""
        values = self._complete(plan, rows)
        names = in_order(np.unique(values).tolist(), self.table.numerals)
        if len(names) != count:
            shown = listed([quoted(name) for name in names])
            hint = f"--folds {len(names)}" if len(names) > 1 else "another column, or its role: ignore"
            raise DataError(
                f"{self.table.name}: {plan.name} says which of {len(names):,} folds a row is in ({shown}), not of {count}", hint
            )
        is_tested = values == names[fold - 1]
        how = f"fold {fold} of {count} is tested ({plan.name} {names[fold - 1]})"
        return self._beside_fold(rows[~is_tested], rows[is_tested], how, "", seed)

    def _beside_fold(self, others: Array, tested: Array, how: str, rule: str, seed: int) -> tuple[Parts, str]:
        """A fold as test rows, and validation rows split off the others."""
        size = None if "validation" in self.given else self.settings.validation
        if size is None or self.settings.validation_folds is not None:
            return self._with_validation_fold(Parts(others, others[:0], tested), f"{how}{rule}", seed)
        parts, off = self._split_off(others, {"validation": size, "test": None}, seed, among=np.concatenate([others, tested]))
        return Parts(parts.train, parts.validation, tested), f"{how}; {off}"

    def _stratifying(self, rule: str | None) -> FieldPlan | None:
        """The target whose classes keep their shares; `None` where rows are split at random."""
        target = next((plan for plan in self.plans if plan.role == "target" and plan.field.stratifies), None)
        return None if rule == "random" else target

    def _groups(self, rows: Array) -> tuple[FieldPlan, Array]:
        """The column of the groups, or that of folds, and the group of each row."""
        plan = self._plan("group") or self._plan("fold")
        assert plan is not None
        return plan, self._complete(plan, rows)

    def _complete(self, plan: FieldPlan, rows: Array) -> Array:
        """The group or fold of each row. Raises `DataError` where a row has none: nobody knows which others it belongs to."""
        texts = self.table.texts(plan.columns[0])[rows]
        lost = [int(rows[row]) for row in np.flatnonzero(texts.is_null().to_numpy())]
        if lost:
            raise DataError(
                f"{self.table.name}: {plan.name} says no {plan.role} in {self.table.places(lost)}",
                f"fill these cells in or remove these rows, or  fix:  fields: {{{plan.name}: {{role: ignore}}}}",
            )
        return texts.to_numpy().astype(str)

    def _classes(self, target: FieldPlan, rows: Array) -> Array:
        """The class of each row, by its place among all in the order of their texts, whole `[N]`: a number takes less than a text."""
        words = take(self.table.words(target.columns[0]), rows)
        if isinstance(words, Coded):
            return words.ranks
        import polars as pl

        return words.to_physical().to_numpy() if words.dtype == pl.Enum else words.rank("dense").to_numpy().astype(np.int64)

    def _plan(self, role: str) -> FieldPlan | None:
        return next((plan for plan in self.plans if plan.role == role), None)

    def _size(self, part: Part, fixed: Parts) -> float | int | None:
        """What is to be split off for a part; `None` where it is given, or not wanted."""
        size = getattr(self.settings, part)
        rows = len(getattr(fixed, part))
        if rows and size != SplitSettings.model_fields[part].default:
            column = self._plan("split")
            assert column is not None
            message = f"has no effect: {column.name} says {part} in {counted(rows)}"
            raise ConfigError([Problem(("data", "split", part), message, "remove one of the two")])
        if part == "validation" and self.settings.validation_folds is not None:
            return None
        return None if part in self.given or rows or self.settings.by in ("given", "column") else size

    def _by_column(self, rows: Array, plan: FieldPlan) -> Parts:
        """Split as a column says. Raises `DataError` for other words, and for parts that a file gives already."""
        words: list[str | None] = self.table.texts(plan.columns[0])[rows].to_list()
        if self.table.graphs is not None:
            rows, words = in_a_split(rows, words)
        parts, unknown = split_by_words(rows, words, plan.name)
        if len(unknown):
            words_known = "train, validation or test" if self.table.graphs is None else "train, validation, test or none"
            raise self.table.unreadable(plan.columns[0], words_known, [int(row) for row in unknown], "another column? data.split.column")
        for part, found in (("validation", parts.validation), ("test", parts.test)):
            if part in self.given and len(found):
                raise DataError(
                    f"{self.table.name}: {plan.name} says {part} in {counted(len(found))}, and data.source.{part} gives the {part} rows",
                    f"remove data.source.{part}, or these rows",
                )
        return parts

    def _split_off(
        self, rows: Array, sizes: Mapping[str, float | int | None], seed: int, *, among: Array | None = None
    ) -> tuple[Parts, str]:
        """Split rows by the rule of the settings; groups are told of the rows `among`. Raises `DataError` where there are too few."""
        rule = split_rule(self.data, {plan.role for plan in self.plans})
        if rule == "group":
            plan, groups = self._groups(rows)
            parts = split_groups(rows, groups, sizes, seed=derive_seed(seed, "split"))
            every = len(np.unique(groups if among is None else self._groups(among)[1]))
            return parts, f"by group {plan.name} ({every:,} groups), seed {seed}"
        if rule == "time":
            times, told = self._order(rows)
            return split_by_time(rows, times, sizes), told
        target = self._stratifying(rule)
        if target is None:
            return split_rows(rows, sizes, seed=derive_seed(seed, "split")), f"random, seed {seed}"
        classes, told = self._classes(target, rows), partial(self._target_in_words, target, rows)
        return split_rows(rows, sizes, seed=derive_seed(seed, "split"), classes=classes, told=told), f"stratified, seed {seed}"

    def split_many(self, rows: RowNumbers, seed: int) -> tuple[dict[Part, RowNumbers], str]:
        """As `split`, of rows that are more than memory should hold the numbers of, where they are split at random. Raises the same."""
        rule = split_rule(self.data, {plan.role for plan in self.plans})
        settings = self.settings
        if rule in ("group", "time") or self._plan("split") or settings.fold is not None or settings.validation_fold is not None:
            found, how = self.split(rows[:].numpy(), seed)
            return {part: RowNumbers.of(getattr(found, part), rows.total) for part in ("train", *PARTS)}, how
        none = np.zeros(0, dtype=np.int32)
        sizes = {part: self._size(part, Parts(none, none, none)) for part in PARTS}
        if not any(sizes.values()):
            return {"train": rows, **{part: RowNumbers.of(none, rows.total) for part in PARTS}}, ""
        target, seed_of = self._stratifying(rule), derive_seed(seed, "split")
        if target is None:
            marks, how = split_marks(rows, sizes, seed=seed_of), f"random, seed {seed}"
        else:

            def told() -> str:
                return self._target_in_words(target, rows[:].numpy())

            marks, how = (
                split_marks(rows, sizes, seed=seed_of, classes=self._classes_of(target, rows), told=told),
                f"stratified, seed {seed}",
            )
        codes: dict[Part, int] = {"train": TRAINS, "validation": VALIDATES, "test": TESTS}
        return {part: rows.chosen(marks, code) for part, code in codes.items()}, how

    def _classes_of(self, target: FieldPlan, rows: RowNumbers) -> Array:
        """As `_classes`, without a copy where all rows are meant."""
        words = self.table.words(target.columns[0])
        if isinstance(words, Coded) or len(rows) < len(words):
            return self._classes(target, rows[:].numpy())
        import polars as pl

        return words.to_physical().to_numpy() if words.dtype == pl.Enum else self._classes(target, rows[:].numpy())

    def _order(self, rows: Array) -> tuple[Array | None, str]:
        """What some rows are sorted by, `None` for the order of the file; and which are split off, in words."""
        plan, group = self._plan("time"), self._plan("group")
        if plan is not None:
            return self.times(plan)[rows], f"the latest by {plan.name}"
        if group is None or self.data.window is None:
            return None, "the last rows of the file"
        numbers = group_numbers(self.table, [group])
        assert numbers is not None
        return places_in_groups(numbers)[rows], f"the last rows of each {group.name}"

    def times(self, plan: FieldPlan) -> Array:
        """What rows are sorted by, float64 `[N]`. Raises `DataError` where a row has none."""
        found = np.asarray(self.values[plan.name], dtype=np.float64)
        lost = [int(row) for row in np.flatnonzero(np.isnan(found))]
        if lost:
            raise DataError(
                f"{self.table.name}: {plan.name} has no time in {self.table.places(lost)}", "remove these rows, or data.split.by: random"
            )
        return found

    def _target_in_words(self, target: FieldPlan, rows: Array) -> str:
        """What a target was taken for, for messages."""
        values = sorted(words_in(take(self.table.words(target.columns[0]), rows)))
        shown = ", ".join(quoted(str(value)) for value in values[:3])
        guess = self.guesses.get(target.name)
        doubt = f"\n   {target.name}: {guess.doubt}" if guess is not None and guess.doubt else ""
        verb = "is" if guess is None else "was taken for"
        return f". {target.name} {verb} a {target.field.type} of {len(values):,} classes: {shown}{', …' if len(values) > 3 else ''}{doubt}"
