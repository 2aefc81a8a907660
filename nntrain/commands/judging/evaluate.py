"""`nntrain eval`: measure a trained network on one of its splits, or on new rows."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

from nntrain.commands.command_line.requirements import Bars
from nntrain.commands.judging.evaluation_screen import evaluation_screen
from nntrain.commands.preparing.measured_rows import MeasuredRows, new_rows, split_rows
from nntrain.commands.screens.output import emit, tell
from nntrain.commands.stored.opening import Stored, open_run
from nntrain.errors import RequirementError, UsageError
from nntrain.metrics.metric import Table as MetricTable
from nntrain.nearest import nearest
from nntrain.runs import find_run, runs_root

if TYPE_CHECKING:
    from nntrain.data.batches import TensorData
    from nntrain.data.sources.source import Part
    from nntrain.data.table import Table
    from nntrain.training.evaluation import Scores
    from nntrain.training.objective import Objective, TargetObjective
    from nntrain.training.session import Weighable

SPLITS = ("train", "validation", "test")
MAX_GROUPS: Final = 50
"""Values of a column by which rows are told apart, at most."""
MISSING: Final = "(missing)"

__all__ = ["Bars", "Evaluation", "Extras", "Where", "evaluate", "run"]


@dataclass(frozen=True, slots=True)
class Where:
    """The rows to measure on: a file or a table, or a split; the test rows if nothing is said, else the validation rows."""

    data: Path | Table | None = None
    split: str | None = None

    def __post_init__(self) -> None:
        if self.data is not None and self.split is not None:
            raise UsageError("--data and --split exclude each other")
        if self.split is not None and self.split not in SPLITS:
            raise UsageError(f"no split {self.split!r}", f"one of: {', '.join(SPLITS)}")


@dataclass(frozen=True, slots=True)
class Extras:
    """What is measured beside the metrics."""

    level: float | None = None
    """Share of the draws inside the interval of each metric; `None` for no intervals."""
    by: str | None = None
    """Column by whose values the metrics are told apart."""
    once: bool = False
    """Whether rows are seen as they are, without the further views that the run has of them."""

    @classmethod
    def of(cls, *, intervals: bool, sure: bool, level: float | None, by: str | None, once: bool = False) -> Extras:
        """Read the flags of the command line.

        Raises:
            UsageError: A level without intervals, or one that is no share.
        """
        if level is not None and not (intervals or sure):
            raise UsageError("--level has no effect without --intervals or --sure", "add --intervals")
        if level is not None and not 0 < level < 1:
            raise UsageError(f"--level is a share between 0 and 1, got {level:g}", "--level 0.95")
        return cls((0.95 if level is None else level) if intervals or sure else None, by, once)


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What was measured."""

    run: str
    split: str
    """`train`, `validation`, `test`, or the file."""
    rows: int
    metrics: dict[str, float | None]
    baseline: dict[str, float | None]
    """The same metrics of the trivial prediction."""
    tables: dict[str, MetricTable]
    notes: tuple[str, ...] = ()
    intervals: dict[str, tuple[float, float] | None] = field(default_factory=dict[str, tuple[float, float] | None])
    """Where each metric probably lies, where that was asked for; the loss has none."""
    groups: dict[str, dict[str, float | None]] = field(default_factory=dict[str, dict[str, float | None]])
    """By value of a column, where that was asked for: `rows`, and each metric."""

    def as_json(self) -> dict[str, Any]:
        """As `eval --json` prints it."""
        spans = {name: None if span is None else {"low": span[0], "high": span[1]} for name, span in self.intervals.items()}
        return {
            "run": self.run,
            "split": self.split,
            "rows": self.rows,
            "metrics": self.metrics,
            "baseline": self.baseline,
            "tables": self.tables,
            **({"intervals": spans} if spans else {}),
            **({"groups": self.groups} if self.groups else {}),
        }


def run(run_name: str | None, where: Where, bars: Bars, extras: Extras, *, runs: Path | None, as_json: bool) -> int:
    """Measure, print, and fail where a bar is missed.

    Raises:
        RequirementError: A metric missed what `--min` or `--max` ask, or with `--sure` the unfavourable end of its interval did.
    """
    stored = open_run(find_run(run_name, runs_root(runs)))
    found = evaluate(stored, where, extras)
    missed = bars.surely_missed(found.metrics, found.intervals, extras.level) if bars.sure else bars.missed(found.metrics)
    for note in found.notes:
        tell(note)
    emit(json.dumps(found.as_json(), indent=1) if as_json else evaluation_screen(stored, found, extras))
    if missed:
        raise RequirementError("\n".join(missed))
    return 0


def evaluate(stored: Stored, where: Where, extras: Extras = Extras()) -> Evaluation:
    """Measure the network of a run.

    Raises:
        DataError: The rows can't be read, or the data of the run have changed since.
        UsageError: The run has no such split, the rows no such column, or there are no further views to be left out.
    """
    from nntrain.data.scored_units import num_scored

    stored = stored.seeing_once() if extras.once else stored
    rows = new_rows(stored, where.data, may_stream=True) if where.data is not None else split_rows(stored, where.split)
    groups = None if extras.by is None else _groups(rows, extras.by)
    data = rows.data.to(stored.device)
    protocol, subject = stored.protocol, stored.subject
    scores = protocol.measure(replace(subject, objective=_with_class_tables(stored.objective)), data, rows.part)
    if not scores.metrics:
        raise UsageError(f"{stored.run.name} measures nothing on its {rows.name} rows", "--split validation, or --split test")
    baseline = protocol.measure_baseline(subject, data, rows.part)
    notes = (*stored.notes, *rows.notes)
    found = Evaluation(stored.run.name, rows.name, num_scored(data), scores.metrics, baseline, scores.tables, notes)
    if extras.level is None and groups is None:
        return found
    from nntrain.training.resampling import by_group, intervals

    judged = protocol.judge(subject, data, rows.part)
    if extras.level is not None:
        found = replace(found, intervals=intervals(judged, extras.level, stored.blueprint.experiment.seed))
    if groups is not None:
        found = replace(found, groups=_measured(judged, groups, by_group))
    return found


def score(stored: Stored, data: TensorData, part: Part | None) -> Scores:
    """Measure on encoded rows, of a split where one is named."""
    return stored.protocol.measure(stored.subject, data.to(stored.device), part)


@dataclass(frozen=True, slots=True)
class _Groups:
    """Rows told apart by a column."""

    names: tuple[str, ...]
    index: tuple[int, ...]
    """The group of each row."""


def _with_class_tables(objective: Objective) -> Objective:
    """The same targets, those of classes with a table of them: tokens of a text, which have no names, are none."""
    from nntrain.metrics.by_class import PerClass

    table = PerClass()

    def has_table(target: TargetObjective) -> bool:
        return target.metric_info.kind in table.fits and target.metric_info.to_text is None

    return replace(
        objective,
        targets={
            name: replace(target, metrics={**target.metrics, table.label: table}) if has_table(target) else target
            for name, target in objective.targets.items()
        },
    )


def _groups(rows: MeasuredRows, column: str) -> _Groups:
    """Tell rows apart. Raises `UsageError`."""
    table = rows.table()
    if column not in table.columns:
        near = nearest(column, table.columns)
        raise UsageError(
            f"--by: no column {column!r} in {table.name}", f"nearest: {near[0]}" if near else f"columns: {', '.join(table.columns)}"
        )
    texts = table.texts(column)
    places_in_file = cast("list[int]", rows.data.scored.tolist())
    cells = [MISSING if (cell := texts[row]) is None else str(cell) for row in places_in_file]
    names = tuple(sorted(set(cells)))
    if len(names) > MAX_GROUPS:
        raise UsageError(f"--by {column}: {len(names):,} values, and at most {MAX_GROUPS} are told apart", "a column with fewer values")
    places = {name: place for place, name in enumerate(names)}
    return _Groups(names, tuple(places[cell] for cell in cells))


def _measured(
    judged: Weighable, groups: _Groups, by_group: Callable[..., list[dict[str, float | None]]]
) -> dict[str, dict[str, float | None]]:
    import torch

    measured = by_group(judged, torch.tensor(groups.index), len(groups.names))
    counts: list[float] = [groups.index.count(place) for place in range(len(groups.names))]
    return {name: {"rows": count, **found} for name, count, found in zip(groups.names, counts, measured, strict=True)}
