"""`nntrain eval`: measure a trained network on one of its splits, or on new rows."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nntrain.commands.fit import prepare_data
from nntrain.commands.output import emit
from nntrain.commands.requirements import Bars
from nntrain.commands.results import confusion_table, confusions, result_table
from nntrain.commands.stored import Stored, changed_data, open_run, stored_config
from nntrain.errors import DataError, RequirementError, UsageError
from nntrain.runs import count_test_look, find_run, runs_root

if TYPE_CHECKING:
    from nntrain.data.batches import TensorData
    from nntrain.training.evaluation import Scores

SPLITS = ("train", "validation", "test")

__all__ = ["Bars", "Evaluation", "Where", "evaluate", "run"]


@dataclass(frozen=True, slots=True)
class Where:
    """The rows to measure on: a file, or a split; the test rows if nothing is said, else the validation rows."""

    data: Path | None = None
    split: str | None = None

    def __post_init__(self) -> None:
        if self.data is not None and self.split is not None:
            raise UsageError("--data and --split exclude each other")
        if self.split is not None and self.split not in SPLITS:
            raise UsageError(f"no split {self.split!r}", f"one of: {', '.join(SPLITS)}")


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
    tables: dict[str, list[list[int]]]
    notes: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """As `eval --json` prints it."""
        return {
            "run": self.run,
            "split": self.split,
            "rows": self.rows,
            "metrics": self.metrics,
            "baseline": self.baseline,
            "tables": self.tables,
        }


def run(run_name: str | None, where: Where, bars: Bars, *, runs: Path | None, as_json: bool) -> int:
    """Measure, print, and fail where a bar is missed.

    Raises:
        RequirementError: A metric missed what `--min` or `--max` ask.
    """
    stored = open_run(find_run(run_name, runs_root(runs)))
    found = evaluate(stored, where)
    missed = bars.missed(found.metrics)
    for note in found.notes:
        print(note, file=sys.stderr)  # noqa: T201
    emit(json.dumps(found.as_json(), indent=1) if as_json else _screen(stored, found))
    if missed:
        raise RequirementError("\n".join(missed))
    return 0


def evaluate(stored: Stored, where: Where) -> Evaluation:
    """Measure the network of a run.

    Raises:
        DataError: The rows can't be read, or the data of the run have changed since.
        UsageError: The run has no such split.
    """
    name, data, notes = _new_rows(stored, where.data) if where.data is not None else _split_rows(stored, where.split)
    from nntrain.training.evaluation import evaluate_baseline

    scores = score(stored, data)
    baseline = evaluate_baseline(stored.objective, stored.baseline, data.to(stored.device), tables=False)
    return Evaluation(stored.run.name, name, len(data), scores.metrics, baseline.metrics, scores.tables, (*stored.notes, *notes))


def score(stored: Stored, data: TensorData) -> Scores:
    """Measure on encoded rows."""
    from nntrain.training.evaluation import measure

    return measure(stored.network, stored.objective, data.to(stored.device), stored.precision)


def _new_rows(stored: Stored, path: Path) -> tuple[str, TensorData, tuple[str, ...]]:
    from nntrain.data.fitted import read_rows

    table = read_rows(stored.config.experiment.data, path, stored.fields)
    return path.as_posix(), *stored.fields.encode_noted(table, with_targets=True)


def _split_rows(stored: Stored, split: str | None) -> tuple[str, TensorData, tuple[str, ...]]:
    """The rows of a split, if the data are still those that the run was trained on."""
    prepared = prepare_data(stored_config(stored.run))
    changed = changed_data(stored.run, prepared.fingerprints)
    if changed:
        raise DataError(
            f"the data of {stored.run.name} have changed since it was trained ({', '.join(changed)}): its splits would be others",
            "measure on a file of its own: nntrain eval --data FILE",
        )
    splits = {str(part): data for part, data in reversed(prepared.splits.items())}
    name = next(iter(splits)) if split is None else split
    if name not in splits:
        raise UsageError(f"{stored.run.name} has no {name} rows", f"it has: {', '.join(splits)}")
    if name != "test":
        return name, splits[name], ()
    looks = count_test_look(prepared.fingerprints["test"], stored.run)
    return name, splits[name], (f"these test rows were looked at by {looks} run{'s' if looks != 1 else ''}",)


def _screen(stored: Stored, found: Evaluation) -> str:
    rows = {name: (value, found.baseline.get(name)) for name, value in found.metrics.items()}
    lines = [f"run      {found.run}   step {stored.step:,}", f"rows     {found.rows:,} ({found.split})", ""]
    lines.append(result_table(rows, ("this run", stored.blueprint.baseline_name)))
    lines += [f"\n{confusion_table(confusion)}" for confusion in confusions(stored.fields, found.tables, found.split)]
    return "\n".join(lines)
