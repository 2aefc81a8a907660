"""What a report shows of a run's rows: answers of its best state for the validation rows, and where chance leaves its metrics."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, cast

from nntrain.commands.preparing.unchanged import unchanged_data
from nntrain.commands.stored.opening import Stored
from nntrain.errors import UsageError

if TYPE_CHECKING:
    from nntrain.config.reading import Config
    from nntrain.data.batches import TensorData
    from nntrain.data.preparing import Prepared
    from nntrain.data.sources.source import Part
    from nntrain.data.table import Table
    from nntrain.tasks.drawings import Answers
    from nntrain.training.resampling import Judged
    from nntrain.training.session import Weighable

    Span = tuple[float, float] | None

MOST_NUMBERS: Final = 20_000_000
"""Numbers that a network may answer for all rows together; of more rows some are drawn, evenly."""
LEVEL: Final = 0.95
LEAST: Final = 10
"""Rows below which draws of them say nothing about chance."""
SPLIT_NAMES: Final[tuple[Part, ...]] = ("validation", "test")


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of a run, and what its best state says of some of them."""

    config: Config
    prepared: Prepared
    tables: Mapping[Part, Table]
    """The files, read again; none where rows are streamed."""
    split: Part | None
    """Which rows are shown: validation, or test where there are no others and they have been measured; `None` for none."""
    data: TensorData | None
    judged: Judged | None
    """`None` for a protocol that gives rows no answers."""
    intervals: Mapping[str, Span]
    """Where each metric probably lies, by full name: `test.accuracy`."""
    notes: tuple[str, ...]

    @property
    def table(self) -> Table | None:
        """The file that the rows shown are from."""
        return None if self.split is None else self.tables.get(self.split, self.tables.get("train"))

    @property
    def sampled(self) -> int | None:
        """How many of the rows of the split are shown; `None` for all of them."""
        if self.data is None or self.split is None or len(self.data) == len(self.prepared.splits[self.split]):
            return None
        return len(self.data)

    @property
    def numbers(self) -> list[int]:
        """The numbers in the file of the rows shown."""
        return [] if self.data is None else cast("list[int]", self.data.scored.tolist())


def rows_of(stored: Stored, summary: Mapping[str, Any]) -> Rows:
    """Read the data of a run again and answer for them. Test rows are read only where the run has measured them.

    Raises:
        DataError: They can't be read, or have changed.
        ConfigError: What the config needs of the environment is not there.
    """
    from nntrain.data.reading import read_tables
    from nntrain.training.resampling import Judged

    config, prepared = unchanged_data(stored.run)
    tables = {} if config.experiment.data.streaming else read_tables(config.experiment.data, config.folder)
    found = Rows(config, prepared, tables, None, None, None, {}, ())
    spans: dict[str, Span] = {}
    for part in _usable(stored, prepared, summary):
        data, note = _few_enough(stored, prepared.splits[part])
        judged = _judged(stored, data, part)
        if note is None and judged is not None and len(judged.weights) >= LEAST:
            spans |= _intervals(stored, judged, part)
        if found.split is None:
            shown = judged if isinstance(judged, Judged) else None
            found = replace(found, split=part, data=data, judged=shown, notes=() if note is None else (note,))
    return replace(found, intervals=spans)


def _usable(stored: Stored, prepared: Prepared, summary: Mapping[str, Any]) -> list[Part]:
    """Splits that may be looked at: of a bag whose members have trained on all else, the test rows alone."""
    has_trained = bool(stored.members) and stored.blueprint.experiment.data.split.validation_folds is not None
    is_measured = {"validation": not has_trained, "test": bool(summary.get("test"))}
    return [part for part in SPLIT_NAMES if part in prepared.splits and is_measured[part]]


def _few_enough(stored: Stored, data: TensorData) -> tuple[TensorData, str | None]:
    """The rows, or as many of them as can be answered for at once, and what is to be told of that."""
    import torch

    outputs = [value.spec.sizes for value in stored.blueprint.program.outputs.values()]
    by_row = max(math.prod(size if isinstance(size, int) else data.values_per_row for size in sizes) for sizes in outputs)
    most = MOST_NUMBERS // max(1, by_row)
    if len(data) <= most or data.units is not None:
        return data, None
    index = torch.arange(0, len(data), -(-len(data) // max(1, most)))
    return data.take(index), f"{len(index):,} of {len(data):,} rows are shown, evenly chosen: all of their answers would fill the memory."


def _judged(stored: Stored, data: TensorData, part: Part) -> Weighable | None:
    try:
        return stored.protocol.judge(stored.subject, data.to(stored.device), part)
    except UsageError:  # a protocol that measures nothing on such rows
        return None


def _intervals(stored: Stored, judged: Weighable, part: Part) -> dict[str, Span]:
    from nntrain.training.resampling import intervals

    return {f"{part}.{name}": span for name, span in intervals(judged, LEVEL, stored.blueprint.experiment.seed).items()}


def answers_of(stored: Stored, rows: Rows) -> dict[str, Answers]:
    """What is answered, by target."""
    from nntrain.tasks.drawings import Answers

    if rows.judged is None or rows.data is None:
        return {}
    judged, fitted = rows.judged, stored.fields.targets
    return {
        name: Answers(
            target=replace(target.target, classes=fitted[name].classes),
            predicted=judged.predictions[name],
            truth=judged.targets[name],
            num_rows=len(rows.data),
            counts=judged.pixels.get(name),
            rows=judged.rows.get(name),
            interval=judged.limits.get(name),
            threshold=target.reading.threshold,
            columns=fitted[name].columns,
        )
        for name, target in stored.objective.targets.items()
        if target.task.predicts
    }
