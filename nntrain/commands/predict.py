"""`nntrain predict`: the rows of a file with predictions beside them, and the same from Python."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from nntrain.commands.output import emit
from nntrain.commands.stored import Stored, open_run
from nntrain.data.table import Table
from nntrain.errors import ResourceError, UsageError
from nntrain.runs import find_run, is_run, runs_root, write_atomically
from nntrain.tasks.task import Decoded

if TYPE_CHECKING:
    from torch import Tensor

    from nntrain.data.batches import TensorData


TEXT_SUFFIXES = (".csv", ".tsv", ".txt")


def run(arguments: Sequence[str], output: Path | None, *, runs: Path | None) -> int:
    """Predict for a file; write CSV to `output`, or to stdout.

    Args:
        arguments: A run (the latest if there is none), then the data.
        output: File to be written; replaced whole or not at all.
        runs: The runs folder.
    """
    from nntrain.data.fitted import read_rows

    run_name, path = _split(arguments, runs)
    _check_output(output, path)
    stored = open_run(find_run(run_name, runs_root(runs)))
    table = read_rows(stored.config.experiment.data, path, stored.fields)
    data, notes = stored.fields.encode_noted(table, with_targets=False)
    text = StringIO()
    table.write(text, added_columns(table, predict_rows(stored, data)))
    for note in (f"run      {stored.run.name}   step {stored.step:,}", *stored.notes, *notes):
        print(note, file=sys.stderr)  # noqa: T201
    if output is None:
        emit(text.getvalue(), end="")
        return 0
    try:
        if output.exists() and not output.is_file():
            output.write_text(text.getvalue(), encoding="utf-8")
        else:
            write_atomically(output.resolve(), text.getvalue())
    except OSError as error:
        raise ResourceError(f"cannot write {output.as_posix()}: {error.strerror}") from None
    print(f"wrote    {len(data):,} rows to {output.as_posix()}", file=sys.stderr)  # noqa: T201
    return 0


def _check_output(output: Path | None, source: Path) -> None:
    """Refuse what can't be written before anything is computed. Raises `UsageError`."""
    if output is None:
        return
    if not output.name or output.is_dir():
        raise UsageError(f"-o needs a file, got {output.as_posix()!r}", "-o predictions.csv")
    if output.exists() and source.exists() and output.samefile(source):
        raise UsageError(f"{output.as_posix()} is the input", "another file: -o predictions.csv")
    if output.exists() and not output.is_file():
        return  # a pipe or device: written to as it is
    if output.suffix.lower() not in TEXT_SUFFIXES:
        raise UsageError(f"{output.as_posix()}: predictions are written as a text table", f"a name that ends in {', '.join(TEXT_SUFFIXES)}")
    if not output.parent.is_dir():
        raise UsageError(f"no folder {output.parent.as_posix()} to write {output.name} in", "make it first")


def _split(arguments: Sequence[str], runs: Path | None) -> tuple[str | None, Path]:
    if len(arguments) == 2:
        return arguments[0], Path(arguments[1])
    if len(arguments) == 1 and not is_run(Path(arguments[0])) and not is_run(runs_root(runs) / arguments[0]):
        return None, Path(arguments[0])
    given = f", got {' '.join(arguments)}" if arguments else ""
    raise UsageError(f"predict takes the data, or a run and the data{given}", "nntrain predict runs/rents new.csv -o out.csv")


Predictions = dict[str, Decoded]
"""Predictions by target."""


def predict_table(stored: Stored, table: Table) -> Predictions:
    """Predict every target of a run for the rows of a table, which needs no targets."""
    return predict_rows(stored, stored.fields.encode(table, with_targets=False))


def predict_rows(stored: Stored, data: TensorData) -> Predictions:
    """Predict every target of a run for encoded rows."""
    from nntrain.training.evaluation import predict

    outputs = predict(stored.network, stored.objective, data.to(stored.device), stored.precision)
    plans, targets = stored.blueprint.targets, stored.fields.targets
    found: Predictions = {}
    for name, (values, interval) in outputs.items():
        plan = plans[name]
        threshold = stored.objective.targets[name].reading.threshold
        decoded = plan.task.decode(values, replace(plan.target, classes=targets[name].classes), threshold)
        found[name] = decoded if interval is None else replace(decoded, interval=(_listed(interval.low), _listed(interval.high)))
    return found


def _listed(values: Tensor) -> tuple[Any, ...]:
    return tuple(cast("list[Any]", values.tolist()))


def added_columns(table: Table, predictions: Predictions) -> dict[str, Sequence[object]]:
    """The columns of predictions under names that the table doesn't have."""
    columns: dict[str, Sequence[object]] = {}
    for name, values in prediction_columns(predictions).items():
        columns[_free(name, {**table.columns, **columns})] = values
    return columns


def prediction_columns(predictions: Predictions) -> dict[str, Sequence[object]]:
    """`prediction`, `low` and `high` where the loss tells, and `probability_<class>`; `<target>_prediction` of several targets."""
    columns: dict[str, Sequence[object]] = {}
    for target, found in predictions.items():
        prefix = "" if len(predictions) == 1 else f"{target}_"
        probabilities = {f"probability_{label}": shares for label, shares in found.probabilities.items()}
        low, high = found.interval or ((), ())
        limits = {**_split_lists(low, "low"), **_split_lists(high, "high")} if found.interval is not None else {}
        values = found.values if found.separator is None else tuple(found.separator.join(labels) for labels in found.values)
        for name, cells in {**_split_lists(values, "prediction"), **limits, **probabilities}.items():
            columns[f"{prefix}{name}"] = [_cell(value) for value in cells]
    return columns


def _split_lists(values: Sequence[Any], name: str) -> dict[str, Sequence[Any]]:
    """Several numbers a row as a column each: `prediction_0`, `prediction_1`."""
    if not values or not isinstance(values[0], list):
        return {name: values}
    return {f"{name}_{index}": column for index, column in enumerate(zip(*map(_flat, values), strict=True))}


def _flat(value: Any) -> list[Any]:
    """The numbers of a row, of an image one after another."""
    return [number for item in cast("list[Any]", value) for number in _flat(item)] if isinstance(value, list) else [value]


def _free(name: str, taken: Mapping[str, object]) -> str:
    """A column name that the table does not have yet."""
    while name in taken:
        name += "_"
    return name


def _cell(value: Any) -> Any:
    """A value as it is written: numbers without digits that are none of the network's."""
    return float(f"{value:.10g}") if isinstance(value, float) else value
