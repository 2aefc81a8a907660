"""`nntrain predict`: the rows of a file with predictions beside them, and the same from Python."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from nntrain.commands.forecast_rows import Forecast, forecast_rows, is_forecast
from nntrain.commands.image_files import write_pictures
from nntrain.commands.intervals import check_level, limits
from nntrain.commands.output import emit, tell
from nntrain.commands.prediction_arrays import check_form, image_targets, write_arrays
from nntrain.commands.prediction_files import ARRAY_SUFFIX, as_text, check_output, free_names, readable, split_lists, write_predictions
from nntrain.commands.prediction_masks import check_folders, is_folder, mask_targets, share_columns, write_masks, write_overlays
from nntrain.commands.stored import Stored, new_table, open_run
from nntrain.data.new_rows import Missing, complete, missing_columns
from nntrain.data.table import Table, counted
from nntrain.errors import UsageError
from nntrain.runs import find_run, is_run, runs_root
from nntrain.tasks.task import Decoded

if TYPE_CHECKING:
    from torch import Tensor

    from nntrain.data.batches import TensorData


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
    images, masks = image_targets(stored), mask_targets(stored)
    check_folders(output, wanted.overlay, masks, images, stored.run.name)
    check_form(output, images, masks, stored.run.name)
    table = new_table(stored, path)
    told = (f"run      {stored.run.name}   step {stored.step:,}", *stored.notes, *_set_aside(table), *table.notes)
    if is_forecast(stored):
        forecast = forecast_table(stored, table, wanted)
        found, table, added, notes = None, forecast.table, forecast.columns, forecast.notes
    else:
        if wanted.steps is not None:
            raise UsageError(f"--steps: {stored.run.name} forecasts no rows that follow the data", "leave it out")
        found = predict_table(stored, table, wanted)
        table, notes = stored.fields.answered(table), found.drift
        cells = {} if images else found.columns()
        added = free_names(table, {name: _in_rows(column, found.rows, table.rows) for name, column in cells.items()})
    for line in (*told, *notes):
        tell(line)
    _draw_over(wanted.overlay, stored, table, found)
    if output is None:
        emit(as_text(table, added), end="")
        return 0
    if found is not None and is_folder(output):
        tell(f"wrote    {_to_folder(output, stored, table, found)} to {output.as_posix()}")
        return 0
    if found is not None and (images or output.suffix.lower() == ARRAY_SUFFIX):
        write_arrays(output, found)
    else:
        write_predictions(output, table, added)
    tell(f"wrote    {counted(table.rows)} to {output.as_posix()}")
    return 0


def require_predictions(stored: Stored) -> None:
    """Raises `UsageError` for a network that gives rows no answer."""
    for name, plan in stored.blueprint.targets.items():
        if not plan.task.predicts:
            message = f"{stored.run.name} makes new rows of {name} ({plan.task.type}); it gives rows no answer"
            raise UsageError(message, f"nntrain generate {stored.run.name} -o samples.png")


def _to_folder(output: Path, stored: Stored, table: Table, found: Predictions) -> str:
    """Masks, or images, a file each. Returns how many in words; raises `ResourceError`."""
    masks, images = mask_targets(stored), image_targets(stored)
    count = write_masks(output, stored, table, found) if masks else write_pictures(output, {name: found[name].values for name in images})
    return f"{count:,} {'mask' if masks else 'image'}{'s' if count != 1 else ''}"


def _draw_over(folder: Path | None, stored: Stored, table: Table, found: Predictions | None) -> None:
    """Images with masks drawn over them, where they are asked for. Raises `ResourceError`."""
    if folder is not None and found is not None:
        count = write_overlays(folder, stored, table, found)
        tell(f"wrote    {count:,} image{'s' if count != 1 else ''} to {folder.as_posix()}")


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
    require_predictions(stored)
    rows = stored.fields.encode_new(complete(table, stored.fields, wanted.missing), with_targets=False)
    numbers = tuple(cast("list[int]", rows.data.predicted.tolist()))
    return Predictions(predict_rows(stored, rows.data, wanted.level), rows.departures.notes, rows.departures.lines, numbers)


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
        found[name] = decoded if interval is None else replace(decoded, interval=(_listed(interval.low), _listed(interval.high)))
    return found


def _listed(values: Tensor) -> tuple[Any, ...]:
    return tuple(cast("list[Any]", values.tolist()))


def prediction_columns(predictions: Mapping[str, Decoded]) -> dict[str, Sequence[object]]:
    """`prediction`, `low` and `high` where there is an interval, `probability_<class>`; `<target>_prediction` of several targets.

    Of a mask `share_<class>`, how much of it is taken for each class.
    """
    columns: dict[str, Sequence[object]] = {}
    for target, found in predictions.items():
        prefix = "" if len(predictions) == 1 else f"{target}_"
        probabilities = {f"probability_{label}": shares for label, shares in found.probabilities.items()}
        if found.shares:
            columns |= {f"{prefix}{name}": [readable(share) for share in cells] for name, cells in share_columns(found.shares).items()}
            continue
        low, high = found.interval or ((), ())
        ends = {**split_lists(low, "low"), **split_lists(high, "high")} if found.interval is not None else {}
        values = found.values if found.separator is None else tuple(found.separator.join(labels) for labels in found.values)
        for name, cells in {**split_lists(values, "prediction"), **ends, **probabilities}.items():
            columns[f"{prefix}{name}"] = [readable(value) for value in cells]
    return columns
