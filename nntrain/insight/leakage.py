"""What in a table flatters a network: a column that knows the target, copies of training rows, rows that belong together and are split.

All of it is a suspicion, told with its evidence and the line to change: only the person knows whether a column is known in time.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from nntrain.data.doubts import WHO
from nntrain.data.layout import splits_at_random
from nntrain.insight.copies import find_copies
from nntrain.insight.suspicion import MOST_ROWS, Column, Suspicion, columns_of

if TYPE_CHECKING:
    from nntrain.data.preparing import Prepared
    from nntrain.data.settings import DataSettings

__all__ = ["Suspicion", "find_suspicions"]

Array = np.ndarray[Any, Any]
FIRST_ROWS: Final = 1_000
"""Rows that a column of many is looked at first."""
MANY: Final = 50
"""Columns above which most are looked at by a few rows alone."""
FEWEST_ROWS: Final = 20
"""Rows below which nothing is suspected."""
CERTAIN: Final = 0.99
"""Rank correlation, R2, or share of rows that are told right, above which a column alone tells the target."""
LEAST_ERRORS: Final = 10
"""Rows that who always says the commonest class gets wrong, at least: else right answers say nothing."""
LEAST_GROUPS: Final = 20
"""Values of a column that are taken for groups, at least."""
MOST_IN_GROUP: Final = 50
"""Rows of a group on average, at most."""
ID: Final = re.compile(r"(.*[_ .-])?(id|ID|Id|uuid|UUID|guid|nr|Nr|no|key|index)|.*[a-z](Id|ID|Nr|Key)")
"""Names of columns that tell rows apart."""
LEAST_OWN: Final = 2
"""Columns that are the groups' own, at least."""
ALIKE: Final = 0.95
"""Share of rows that equal another one of their group in a column that is the group's own."""


def find_suspicions(prepared: Prepared, settings: DataSettings) -> list[Suspicion]:
    """Look at a sample of the training rows, and at how many validation and test rows are there in training.

    Args:
        prepared: The data of a run. Rows that are no single values, are read when their batch comes, or make windows are not looked at.
        settings: The data section, which says how rows are split.
    """
    train, fields = prepared.train, prepared.fields
    if not fields.stand_alone or train.streamed is not None or len(train) < FEWEST_ROWS:
        return []
    columns = columns_of(fields, train)
    found = [*_knowing(prepared, columns), *_ids(columns)]
    has_column = any(plan.role in ("split", "fold") for plan in prepared.layout.fields)
    if splits_at_random(settings, has_column=has_column) and not any(plan.role == "group" for plan in prepared.layout.fields):
        known = {each.name for each in found}
        found += _groups([column for column in columns if column.name not in known])
    held = {part: data for part, data in prepared.splits.items() if part != "train"}
    copies = find_copies(fields, train, held)
    return found if copies is None else [*found, copies]


# columns that know the target


def _knowing(prepared: Prepared, columns: Sequence[Column]) -> Iterator[Suspicion]:
    """Columns of which each alone tells a target."""
    draw = np.random.default_rng(0)
    count = len(prepared.train)
    rows = draw.permutation(count) if count <= MOST_ROWS else draw.choice(count, MOST_ROWS, replace=False)
    for name, target in prepared.fields.targets.items():
        goal = prepared.train.targets.get(name)
        if goal is None or goal.ndim != 1:
            continue
        truth: Array = goal.numpy()[rows].astype(np.int64 if target.classes else np.float64)
        judge, first = (_Classes(part, len(target.classes)) if target.classes else _Values(part) for part in (truth, truth[:FIRST_ROWS]))
        if not judge.can_tell:
            continue
        for column in columns:
            lets_be = len(columns) > MANY and not first.may_tell(column.take(rows[:FIRST_ROWS]))
            evidence = None if lets_be else judge.evidence(column.take(rows))
            if evidence is not None:
                yield _told(column.name, name, evidence, count)


def _told(column: str, target: str, evidence: Mapping[str, float], count: int) -> Suspicion:
    words = {"rank_correlation": "rank correlation {:.3f}", "r2": "R2 {:.3f} on rows left out", "right": "{:.1%} of rows left out right"}
    shown = ", ".join(words[key].format(value).replace("%", " %") for key, value in evidence.items() if key in words)
    rows = int(evidence["rows"])
    looked = f"{rows:,} of {count:,} training rows" if rows < count else f"{rows:,} training rows"
    return Suspicion(
        "tells_target",
        column,
        evidence,
        f"{column} alone tells {target} ({shown}; {looked} looked at): if it is not known before {target} is, or is made from it,"
        f" leave it out: data.fields.{column}: {{role: ignore}}",
        f"data.fields.{column}.role=ignore",
    )


class _Values:
    """Judges columns by how well each tells a number."""

    def __init__(self, truth: Array) -> None:
        self.truth = truth
        self.ranks = _ranks(truth)
        self.can_tell = len(np.unique(truth[:FIRST_ROWS])) > 2

    def may_tell(self, column: Column) -> bool:
        """Whether more rows may show that a column tells the target."""
        return column.is_code or max(self.scores(column).values()) > CERTAIN - 0.1

    def evidence(self, column: Column) -> dict[str, float] | None:
        """How well a column tells the target, where that is nearly perfect."""
        if column.is_code and not _are_few(column.values):
            return None
        scores = self.scores(column)
        return {**scores, "rows": float(len(self.truth))} if max(scores.values()) > CERTAIN else None

    def scores(self, column: Column) -> dict[str, float]:
        errors = 0.0
        for fit, held in _halves(len(self.truth)):
            known, goal = column.values[fit], self.truth[fit]
            told = _means(known, goal, column.values[held]) if column.is_code else _curve(known, goal, column.values[held])
            errors += float(((self.truth[held] - told) ** 2).sum())
        r2 = 1 - errors / max(float(((self.truth - self.truth.mean()) ** 2).sum()), 1e-300)
        if column.is_code:
            return {"r2": r2}
        return {"rank_correlation": abs(_correlation(_ranks(column.values), self.ranks)), "r2": r2}


class _Classes:
    """Judges columns by how well each tells a class."""

    def __init__(self, truth: Array, classes: int) -> None:
        self.truth, self.classes = truth, max(classes, int(truth.max(initial=0)) + 1)
        self.least = len(truth) - int(np.bincount(truth).max(initial=0))
        """Rows that the commonest class gets wrong."""
        self.can_tell = self.least >= LEAST_ERRORS

    def may_tell(self, column: Column) -> bool:
        """Whether more rows may show that a column tells the target."""
        return column.is_code or self.wrong(column) <= (1 - CERTAIN + 0.1) * len(self.truth)

    def evidence(self, column: Column) -> dict[str, float] | None:
        """How well a column tells the target, where that is nearly perfect."""
        if column.is_code and not _are_few(column.values):
            return None
        wrong, rows = self.wrong(column), len(self.truth)
        if wrong > (1 - CERTAIN) * rows or wrong > 0.1 * self.least:
            return None
        return {"right": 1 - wrong / rows, "rows": float(rows)}

    def wrong(self, column: Column) -> int:
        """Rows that are told wrong by the other half of them."""
        found = 0
        for fit, held in _halves(len(self.truth)):
            known, asked = column.values[fit], column.values[held]
            if column.is_code:
                size = int(column.values.max(initial=0)) + 1
                bins, places = known, asked
            else:
                edges, bins = _bins(known)
                size, places = len(edges) + 1, np.searchsorted(edges, asked)
            votes = np.bincount(bins * self.classes + self.truth[fit], minlength=size * self.classes).reshape(size, self.classes)
            found += int((votes.argmax(axis=1)[places] != self.truth[held]).sum())
        return found


def _halves(rows: int) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """Two halves of rows in random order, each of which is told by the other."""
    one, other = slice(0, rows // 2), slice(rows // 2, rows)
    return (one, other), (other, one)


def _are_few(codes: Array) -> bool:
    return len(np.unique(codes)) <= len(codes) / 10


def _grouped(values: Array) -> tuple[Array, Array, Array]:
    """Values `[N]` by size in groups of a few rows, equal ones in one: their order, where groups begin in it, and their sizes."""
    order = np.argsort(values, kind="stable")
    least = max(1, min(5, len(values) // 200))
    ordered = values[order]
    is_new = np.concatenate([[True], ordered[1:] != ordered[:-1]])
    starts = np.flatnonzero(is_new)
    number = starts // least  # a value of many rows begins a group with at most a few of those before
    starts = starts[np.concatenate([[True], number[1:] != number[:-1]])]
    return order, starts, np.diff(np.append(starts, len(values)))


def _curve(known: Array, goal: Array, asked: Array) -> Array:
    """What a curve through the means of a few neighbours each says of other values."""
    order, starts, sizes = _grouped(known)
    places, heights = (np.add.reduceat(each[order].astype(np.float64), starts) / sizes for each in (known, goal))
    return np.interp(asked, places, heights)


def _bins(known: Array) -> tuple[Array, Array]:
    """Borders between groups of a few neighbours, and the group of each value."""
    order, starts, sizes = _grouped(known)
    ordered = known[order]
    edges = (ordered[starts[1:] - 1] + ordered[starts[1:]]) / 2
    bins = np.empty(len(known), dtype=np.int64)
    bins[order] = np.repeat(np.arange(len(starts)), sizes)
    return edges, bins


def _means(codes: Array, goal: Array, asked: Array) -> Array:
    """The mean of each category; of one that is not there that of all."""
    size = int(max(codes.max(initial=0), asked.max(initial=0))) + 1
    counts = np.bincount(codes, minlength=size)
    sums = np.bincount(codes, weights=goal, minlength=size)
    return np.where(counts > 0, sums / np.maximum(counts, 1), goal.mean())[asked]


def _ranks(values: Array) -> Array:
    """Places by size, equal values at the middle of theirs."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    return ((2 * ends - counts - 1) / 2)[inverse]


def _correlation(one: Array, other: Array) -> float:
    one, other = one - one.mean(), other - other.mean()
    size = float(np.sqrt((one**2).sum() * (other**2).sum()))
    return float((one * other).sum()) / size if size else 0.0


# rows that belong together, and what only tells them apart


def _ids(columns: Sequence[Column]) -> Iterator[Suspicion]:
    """Numbers whose name says that they tell rows apart, and of which no two are the same."""
    for column in columns:
        if column.is_code or ID.fullmatch(column.name) is None or len(np.unique(column.values)) < len(column.values):
            continue
        sentence = (
            f"{column.name}: another value in each row, which tells nothing of new ones, but that a network may learn by heart:"
            f" leave it out: data.fields.{column.name}: {{role: ignore}}"
        )
        override = f"data.fields.{column.name}.role=ignore"
        yield Suspicion("id", column.name, {"values": float(len(column.values))}, sentence, override)


def _groups(columns: Sequence[Column]) -> Iterator[Suspicion]:
    """Columns that say of whom a row is, as other columns have one value in all rows of each."""
    theirs: set[str] = set()
    for column in sorted(columns, key=lambda each: not each.is_code):
        if column.name in theirs or not (column.is_code or len(columns) <= MANY):
            continue  # tells the same groups apart as a column before; or one of many numbers
        own = _own_columns(column, [other for other in columns if other is not column][: 2 * MANY])
        if len(own) < LEAST_OWN:
            continue
        theirs.update(own)
        if column.name.lower() not in WHO:  # which is told by its name, whatever it holds
            yield _told_group(column, own)


def _told_group(column: Column, own: Sequence[str]) -> Suspicion:
    rows, values = len(column.values), len(np.unique(column.values))
    shown = ", ".join(own[:3]) + (" and others" if len(own) > 3 else "")
    return Suspicion(
        "group",
        column.name,
        {"values": float(values), "rows_each": rows / values, "rows": float(rows)},
        f"{column.name}: {values:,} values with {rows / values:.1f} rows each, in which {shown} are the same: rows of one are trained on"
        f" and measured, which flatters a network that meets new ones; data.fields.{column.name}: {{role: group}} keeps them apart",
        f"data.fields.{column.name}.role=group",
    )


def _own_columns(column: Column, others: Sequence[Column]) -> list[str]:
    """Other columns that have one value in all rows of each value of a column; none where these are no groups of a few rows."""
    values, counts = np.unique(column.values, return_counts=True)
    each = len(column.values) / len(values)
    if len(values) < LEAST_GROUPS or not 2 <= each <= MOST_IN_GROUP or counts.max() > 10 * MOST_IN_GROUP:
        return []
    rows = _whole_groups(column.values, values, len(column.values))
    order = rows[np.argsort(column.values[rows], kind="stable")]
    same = column.values[order][1:] == column.values[order][:-1]
    return [other.name for other in others if _is_own(other.values[order], same)] if same.sum() >= FEWEST_ROWS else []


def _whole_groups(column: Array, values: Array, count: int) -> Array:
    """Rows of some of the groups, all of each."""
    if count <= MOST_ROWS:
        return np.arange(count)
    chosen = np.random.default_rng(0).choice(values, max(LEAST_GROUPS, len(values) * MOST_ROWS // count), replace=False)
    return np.flatnonzero(np.isin(column, chosen))


def _is_own(ordered: Array, same: Array) -> bool:
    """Whether a column, its rows ordered by group, has one value in each group, and many in all."""
    equal = ordered[1:] == ordered[:-1]
    _, counts = np.unique(ordered, return_counts=True)
    by_chance = float(((counts / len(ordered)) ** 2).sum())
    return by_chance < 0.5 and float(equal[same].mean()) >= ALIKE
