"""`nntrain predict`: the rows of a file with predictions beside them, and the same from Python."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from nntrain.commands.predicting.forecast_rows import Forecast, forecast_rows, is_forecast
from nntrain.commands.predicting.prediction_files import (
    ARRAY_SUFFIX,
    Columns,
    Write,
    as_text,
    check_output,
    free_names,
    write_predictions,
    writing,
)
from nntrain.commands.predicting.prediction_forms import (
    check_forms,
    count_of,
    forms_of,
    is_folder,
    named_by_target,
    samples_file,
    target_files,
    write_arrays,
    write_folder,
)
from nntrain.commands.screens.output import emit_data, tell
from nntrain.commands.stored.intervals import check_level, limits
from nntrain.commands.stored.new_tables import new_table, new_table_blocks
from nntrain.commands.stored.opening import Stored, open_run
from nntrain.data.blocks import first_findings
from nntrain.data.drift import Drift
from nntrain.data.fields.field import Decoded
from nntrain.data.forms.cells import readable_all
from nntrain.data.forms.form import Beside, File, Overlay
from nntrain.data.new_rows import Missing, complete, missing_columns
from nntrain.data.table import Table, counted, listed
from nntrain.errors import UsageError
from nntrain.runs import find_run, is_run, runs_root

if TYPE_CHECKING:
    from torch import Tensor

    from nntrain.data.batches import TensorData
    from nntrain.data.blocks import Blocks
    from nntrain.data.drift import Departures


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked for beside the prediction."""

    level: float | None = None
    """Share of new values that the interval beside a number is to hold; `None` for that of the loss, where it has one."""
    missing: Missing = "error"
    """Whether a column that the network reads may be missing."""
    steps: int | None = None
    """Rows that are forecast after the last one; `None` for those of the horizon."""
    overlay: Path | None = None
    """Folder for images with the predicted masks drawn over them."""

    @classmethod
    def of(cls, level: float | None, missing: str | None, steps: int | None = None, overlay: Path | None = None) -> Wanted:
        """Read the flags of the command line. Raises `UsageError`."""
        check_level(level)
        return cls(level, missing_columns(missing), steps, overlay)


def run(arguments: Sequence[str], output: Path | None, wanted: Wanted = Wanted(), *, runs: Path | None) -> int:
    """Predict for a file; write to `output` as its name says, or CSV to stdout. Of a forecast that is what follows the last row.

    Args:
        arguments: A run (the latest if there is none), then the data.
        output: File to be written; replaced whole or not at all.
        wanted: What is asked for beside the prediction.
        runs: The runs folder.
    """
    run_name, path = _split(arguments, runs)
    check_output(output, path)
    stored = open_run(find_run(run_name, runs_root(runs)))
    if stored.fields.passages is not None:
        hint = f"nntrain generate {stored.run.name} --prompt TEXT   nntrain eval {stored.run.name} --data {path}"
        raise UsageError(f"{stored.run.name} goes on with a text; predict gives each row of a table its answer", hint)
    require_predictions(stored)
    check_forms(output, wanted.overlay, forms_of(stored), stored.run.name)
    if is_forecast(stored):
        return _forecast(stored, path, output, wanted)
    if wanted.steps is not None:
        raise UsageError(f"--steps: {stored.run.name} forecasts no rows that follow the data", "leave it out")
    is_table = output is None or not (is_folder(output) or output.suffix.lower() == ARRAY_SUFFIX)
    if is_table and wanted.overlay is None and not _has_lists(stored):
        return _by_blocks(stored, new_table_blocks(stored, path), output, wanted)
    return _at_once(stored, new_table(stored, path), output, wanted)


def _forecast(stored: Stored, path: Path, output: Path | None, wanted: Wanted) -> int:
    """Write what follows the last row, of which all others are the past."""
    table = new_table(stored, path)
    forecast = forecast_table(stored, table, wanted)
    _tell([*_heading(stored, table), *table.findings, *forecast.notes])
    return _written(output, forecast.table, forecast.columns)


def _by_blocks(stored: Stored, blocks: Blocks, output: Path | None, wanted: Wanted) -> int:
    """Write the rows of a file with predictions beside them, a block at a time: no more of it is in memory."""
    drift = Drift()
    findings: dict[str, None] = {}
    screen: Write = lambda table, added: emit_data(as_text(table, added, with_names=table.first == 0))  # noqa: E731
    with nullcontext(screen) if output is None else writing(output) as write:
        for table in blocks:
            found, departures = _predicted(stored, table, wanted)
            drift.add(departures)
            findings |= dict.fromkeys(table.findings)
            if table.first + table.rows == blocks.rows:
                _tell([*_heading(stored, blocks.frame), *first_findings(findings), *drift.lines])
            write(*_beside_predictions(stored, table, found))
    if output is not None:
        tell(f"wrote    {counted(blocks.rows)} to {output.as_posix()}")
    return 0


def _at_once(stored: Stored, table: Table, output: Path | None, wanted: Wanted) -> int:
    """Write predictions that are files or arrays, or that need all rows."""
    overlays = {} if wanted.overlay is None else overlays_of(stored, table)
    found = predict_table(stored, table, wanted)
    _tell([*_heading(stored, table), *table.findings, *found.drift])
    if wanted.overlay is not None:
        count = write_folder(wanted.overlay, _drawn_over(overlays, found))
        legends = "; ".join(dict.fromkeys(form.legend for form in forms_of(stored).values() if form.legend is not None))
        tell(f"wrote    {count:,} image{'s' if count != 1 else ''} to {wanted.overlay.as_posix()}: {legends}")
    if output is not None and is_folder(output):
        count = write_folder(output, target_files(found, Beside(stored.fields, stored.fields.answered(table), found.rows)))
        tell(f"wrote    {count_of(found, count)} to {output.as_posix()}")
        left_out = [name for name, decoded in found.items() if not decoded.form.each]
        if left_out:
            tell(f"left out {listed(left_out)}: a table holds them: -o predictions.csv")
        return 0
    if output is not None and output.suffix.lower() == ARRAY_SUFFIX:
        write_arrays(output, found)
        tell(f"wrote    {counted(stored.fields.answered(table).rows)} to {output.as_posix()}")
        return 0
    return _written(output, *_beside_predictions(stored, table, found))


def _written(output: Path | None, table: Table, added: Columns) -> int:
    if output is None:
        emit_data(as_text(table, added))
        return 0
    write_predictions(output, table, added)
    tell(f"wrote    {counted(table.rows)} to {output.as_posix()}")
    return 0


def _beside_predictions(stored: Stored, table: Table, found: Predictions) -> tuple[Table, Columns]:
    """The rows that predictions stand beside, and these as columns with names of their own."""
    table = stored.fields.answered(table)
    return table, free_names(table, {name: _in_rows(column, found.rows, table.rows) for name, column in found.columns().items()})


def _has_lists(stored: Stored) -> bool:
    """Whether a row has several numbers, and not each row as many: what columns there are, only all rows tell."""
    return any(target.unit_axis == "time" and not target.target.classes for target in stored.objective.targets.values())


def _heading(stored: Stored, table: Table) -> tuple[str, ...]:
    return (f"run      {stored.run.name}   {stored.state_words}", *stored.notes, *_set_aside(table), *table.notes)


def _tell(lines: Iterable[str]) -> None:
    for line in lines:
        tell(line)


def require_predictions(stored: Stored) -> None:
    """Raises `UsageError` for a network that gives rows no answer."""
    for name, plan in stored.blueprint.targets.items():
        if not plan.task.predicts:
            message = f"{stored.run.name} makes new rows of {name} ({plan.task.type}); it gives rows no answer"
            raise UsageError(message, f"nntrain generate {stored.run.name} -o {samples_file([forms_of(stored)[name]])}")


def overlays_of(stored: Stored, table: Table) -> dict[str, Overlay]:
    """What draws predictions over the images of a table, by target.

    Raises:
        DataError: What the rows have themselves, which is compared, can't be read.
        UsageError: The network reads no images.
    """
    beside = Beside(stored.fields, table, range(table.rows))
    return {name: form.overlay(name, beside) for name, form in forms_of(stored).items() if form.legend is not None}


def _drawn_over(overlays: Mapping[str, Overlay], found: Predictions) -> Iterator[File]:
    """The files of all overlays; with the name of the target where there are several."""
    for target, overlay in overlays.items():
        for name, content in overlay.files(found[target], found.rows):
            yield (name if len(overlays) == 1 else named_by_target(name, target)), content


def _set_aside(table: Table) -> list[str]:
    """Lines of the file that were taken for no rows, such as a total at its end: they are not in the output."""
    _, word, lines = (table.dialect or "").partition("set aside: ")
    return [f"no rows  {lines}: not predicted"] if word else []


def _in_rows(cells: Sequence[Any], rows: Sequence[int], count: int) -> Sequence[Any]:
    """Cells of some rows in a column of all; the others are empty."""
    if len(rows) == count and list(rows) == list(range(count)):
        return cells
    column: list[Any] = [None] * count
    for row, cell in zip(rows, cells, strict=True):
        column[row] = cell
    return column


def _split(arguments: Sequence[str], runs: Path | None) -> tuple[str | None, Path]:
    if len(arguments) == 2:
        return arguments[0], Path(arguments[1])
    if len(arguments) == 1 and not is_run(Path(arguments[0])) and not is_run(runs_root(runs) / arguments[0]):
        return None, Path(arguments[0])
    given = f", got {' '.join(arguments)}" if arguments else ""
    raise UsageError(f"predict takes the data, or a run and the data{given}", "nntrain predict runs/rents new.csv -o out.csv")


@dataclass(frozen=True, slots=True, repr=False)
class Predictions(Mapping[str, Decoded]):
    """Predictions of some rows by target; `columns()` has them side by side."""

    targets: Mapping[str, Decoded]
    notes: tuple[str, ...]
    """By row what is unlike training: `new category (town: X)`; empty for most."""
    drift: tuple[str, ...]
    """The same by column, as shares of the rows, in three lines at most."""
    rows: tuple[int, ...]
    """Which rows are predicted for, counted from 0: all, but of windows the last of each past."""

    def __getitem__(self, name: str) -> Decoded:
        return self.targets[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.targets)

    def __len__(self) -> int:
        return len(self.targets)

    def __repr__(self) -> str:
        """In one line: targets and rows."""
        return f"Predictions({', '.join(self.targets)}; {counted(len(self.notes))})"

    def columns(self) -> dict[str, list[Any]]:
        """As `nntrain predict` writes them, one value a row: `polars.DataFrame(found.columns())`, `pandas.DataFrame(found.columns())`."""
        return {name: list(cells) for name, cells in {**prediction_columns(self), "note": self.notes}.items()}


def predict_table(stored: Stored, table: Table, wanted: Wanted = Wanted()) -> Predictions:
    """Predict every target of a run for the rows of a table, which needs no targets.

    Raises:
        DataError: A column is missing, or a cell can't be read.
        UsageError: There is no interval of the level.
    """
    return _predicted(stored, table, wanted)[0]


def _predicted(stored: Stored, table: Table, wanted: Wanted) -> tuple[Predictions, Departures]:
    """Predict for rows, and say where they are unlike those of training. Raises as `predict_table`."""
    require_predictions(stored)
    rows = stored.fields.encode_new(complete(table, stored.fields, wanted.missing), with_targets=False)
    numbers = tuple(cast("list[int]", rows.data.predicted.tolist()))
    departures = rows.departures
    return Predictions(predict_rows(stored, rows.data, wanted.level), departures.notes, departures.lines, numbers), departures


def forecast_table(stored: Stored, table: Table, wanted: Wanted = Wanted()) -> Forecast:
    """What follows the last row of a table, or the last one of each group; the targets of the rows that are there are read as the past.

    Raises:
        DataError: A column is missing, a cell can't be read, or what is known beforehand is not there.
        UsageError: There is no interval of the level, or the steps are more than can be forecast.
    """
    whole = complete(table, stored.fields, wanted.missing)
    return forecast_rows(stored, whole, lambda data: predict_rows(stored, data, wanted.level), wanted.steps)


def predict_rows(stored: Stored, data: TensorData, level: float | None = None) -> dict[str, Decoded]:
    """Predict every target of a run for encoded rows, with intervals of a level where one is given. Raises `UsageError`."""
    from nntrain.training.evaluation import predict

    outputs = predict(stored.network, stored.objective, data.to(stored.device), stored.precision)
    promised = {} if level is None else limits(stored, level, outputs)
    plans, targets = stored.blueprint.targets, stored.fields.targets
    found: dict[str, Decoded] = {}
    for name, (values, own, counts) in outputs.items():
        plan = plans[name]
        threshold = stored.objective.targets[name].reading.threshold
        decoded = plan.task.decode(values, replace(plan.target, classes=targets[name].classes), threshold)
        decoded = decoded if counts is None else decoded.by_row(cast("list[int]", counts.tolist()))
        interval = promised.get(name) if level is not None else own
        limits_of = None if interval is None else (_listed(interval.low), _listed(interval.high))
        found[name] = replace(decoded, interval=limits_of, form=targets[name].form)
    return found


def _listed(values: Tensor) -> tuple[Any, ...]:
    return tuple(cast("list[Any]", values.tolist()))


def prediction_columns(predictions: Mapping[str, Decoded]) -> dict[str, Sequence[object]]:
    """What a table has of them, as their forms say: `prediction`, `probability_<class>`; `<target>_prediction` of several targets."""
    columns: dict[str, Sequence[object]] = {}
    for target, found in predictions.items():
        prefix = "" if len(predictions) == 1 else f"{target}_"
        columns |= {f"{prefix}{name}": readable_all(cells) for name, cells in found.form.columns(found).items()}
    return columns
