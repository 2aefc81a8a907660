"""The verbs as Python has them: a config as a file or a mapping, rows as dictionaries or data frames."""

from __future__ import annotations

import os
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nntrain.commands.explaining.explain import explain as explain_run
from nntrain.commands.explaining.explain import settings_of as explain_settings
from nntrain.commands.fitting.automatic import fit_auto
from nntrain.commands.fitting.fit import fit, fit_job
from nntrain.commands.judging.evaluate import Evaluation, Where
from nntrain.commands.judging.evaluate import evaluate as evaluate_stored
from nntrain.commands.members.bags import as_members
from nntrain.commands.predicting.export import Options as ExportOptions
from nntrain.commands.predicting.export import export
from nntrain.commands.predicting.forecast_rows import is_forecast
from nntrain.commands.predicting.generate import maker_of, settings_of
from nntrain.commands.predicting.predict import Predictions, Wanted, forecast_table, predict_table
from nntrain.commands.preparing.from_config import prepare_job
from nntrain.commands.preparing.jobs import AUTO, Options, Watchers
from nntrain.commands.preparing.signals import Signals
from nntrain.commands.python.frames import Rows, table_of
from nntrain.commands.reports.report import latest_of_all, report
from nntrain.commands.screens.display import Display
from nntrain.commands.stored.members_record import has_members
from nntrain.commands.stored.new_tables import new_table
from nntrain.commands.stored.opening import Stored, open_run, stored_config
from nntrain.commands.training.one_run import resume_job
from nntrain.config.reading import Config, find_config, read_config, read_mapping
from nntrain.data.new_rows import Missing
from nntrain.data.sources.rows import NAME as ROWS
from nntrain.data.sources.rows import Rows as RowSource
from nntrain.errors import UsageError
from nntrain.runs import Run, find_run, find_whole_run, runs_root, whole
from nntrain.training.place import Place

if TYPE_CHECKING:
    from nntrain.commands.preparing.jobs import Outcome
    from nntrain.data.table import Table
    from nntrain.insight.explanation import Explanation
    from nntrain.tasks.task import Decoded

AnyRows = str | Path | Rows
"""Rows to predict for or to measure on: a file, a list of dictionaries, a dictionary of columns, or a data frame of pandas or polars."""


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a training run."""

    run: Run
    summary: Mapping[str, Any]
    """As in `summary.json`: stop_reason, epochs, steps, seconds, best, last, test, baseline."""

    def __repr__(self) -> str:
        """In one line: run, why it stopped, the metric that decided."""
        monitor = self.summary.get("monitor", "")
        value = self.summary.get("best", {}).get(monitor)
        return f"Result({self.run.name}, {self.summary['stop_reason']}" + (")" if value is None else f", {monitor} {value:.4g})")


AnyRun = str | Path | Run | Result
"""A run, by its folder or as `fit` gives it."""


class Model:
    """A trained network, loaded once; it may be used from several threads."""

    def __init__(self, stored: Stored) -> None:
        self._stored = stored
        plans = [field.plan for field in stored.fields.fields if field.plan.role == "input"]
        self._numbers = frozenset(column for plan in plans if plan.field.type in ("number", "vector", "series") for column in plan.columns)

    def __repr__(self) -> str:
        """In one line: run, targets, parameters."""
        count = (self._stored.blueprint.program.num_parameters or 0) * max(1, len(self._stored.members))
        return f"Model({self.run.name}, predicts {', '.join(self._stored.fields.targets)}, {count:,} parameters)"

    @property
    def run(self) -> Run:
        """The run that it comes from."""
        return self._stored.run

    @property
    def classes(self) -> dict[str, tuple[str, ...]]:
        """Class names of each target; empty for numbers."""
        return {name: target.classes for name, target in self._stored.fields.targets.items()}

    def predict(self, rows: AnyRows, *, interval: float | None = None, missing_columns: Missing = "error") -> Predictions:
        """Predict: by target the values, and the probabilities by class where there are classes; `.columns()` has them side by side.

        Of a network that forecasts: what follows each row that has a whole past (`.rows` says which these are), as if no later row were
        there; where columns are known beforehand, of each that has them in the rows ahead too. `forecast` has what follows the last row.

        Args:
            rows: A file, a list of dictionaries, a dictionary of columns, or a data frame of pandas or polars; columns that the
                network does not read are ignored.
            interval: Share of new values that the interval of a number is to hold; `None` for the interval of the loss, if it has one.
            missing_columns: `as-missing` reads a column that is not there as a missing value in every row.

        Raises:
            DataError: The file or a column is missing, or a cell can't be read.
            UsageError: There is no interval of that share.
        """
        return predict_table(self._stored, self._table(rows), Wanted(interval, missing_columns))

    def forecast(
        self, rows: AnyRows, *, steps: int | None = None, interval: float | None = None, missing_columns: Missing = "error"
    ) -> dict[str, list[Any]]:
        """What follows the last row, or the last one of each group, as `nntrain predict` writes it: by column, group, time and each target.

        It is the last of what `predict` gives. Beyond the horizon of `data.window` each forecast is the past of the next one.

        Args:
            rows: As of `predict`, in their order or with their times. Columns that are known beforehand (`data.window.known`) go on in
                rows after the last target, in which all else is empty; where only the times are known, they go on by themselves.
            steps: Rows that are forecast; default: the horizon.
            interval: As of `predict`; within the horizon alone.
            missing_columns: As of `predict`.

        Raises:
            DataError: As of `predict`, or what is known beforehand is not there.
            UsageError: The network forecasts nothing, or the steps need inputs that nobody knows.
        """
        if not is_forecast(self._stored):
            raise UsageError(f"{self.run.name} forecasts no rows that follow the data", "predict(rows)")
        found = forecast_table(self._stored, self._table(rows), Wanted(interval, missing_columns, steps))
        own = {name: list(found.table.texts(name)) for name in found.table.columns}
        return {**own, **{name: list(cells) for name, cells in found.columns.items()}}

    def _table(self, rows: AnyRows) -> Table:
        """Rows of any kind as they are read. Raises `DataError`."""
        from nntrain.data.reading import as_rows

        settings = self._stored.config.experiment.data
        if isinstance(rows, str | Path):
            return new_table(self._stored, Path(rows))
        return as_rows(settings, table_of(rows, settings.source, self._numbers))

    def generate(self, prompt: str | None = None, **options: Any) -> str | bytes | Mapping[str, Decoded]:
        """Make something new, as `nntrain generate` does: a text, the content of a MIDI file, or rows by target, as `predict` gives them.

        Args:
            prompt: What a sequence begins with.
            options: `steps`, `temperature`, `top_k`, `top_p`, `repetition_penalty`; of rows `from` (`**{"from": "z"}`) and `count`; `seed`.
                What is not given is the config's.

        Raises:
            UsageError: The network makes nothing new, or an option is wrong or without effect.
        """
        settings = settings_of(self._stored, {"prompt": prompt, **options})
        return maker_of(self._stored).made(settings)


AnyConfig = str | Path | Mapping[str, Any]
"""A config file, or its content."""


def fit_python(
    config: AnyConfig | None, changes: Sequence[str], data: Rows | None, *, runs: Path | None, resume: str | None, quiet: bool
) -> Result:
    """Train; see `nntrain.fit`. Random states, threads and switches of the process are in the end as they were."""
    from nntrain.training.reproducibility import preserved_globals

    _check_alone()
    source = config if config is None or isinstance(config, Mapping) else Path(config)
    options = Options(runs=runs, resume=resume)
    with preserved_globals(), Signals() as signals, Display(quiet=quiet) as display, signals.interruptible():
        watchers = Watchers(display, signals)
        outcome = fit(source, changes, options, watchers) if data is None else _fit_rows(source, changes, data, options, watchers)
    return Result(outcome.run, outcome.summary)


def _check_alone() -> None:
    """Refuse to be one of the processes of a launcher, which would each train a run of their own. Raises `UsageError`."""
    place = Place.of(os.environ)
    if place is not None:
        raise UsageError(
            f"nntrain.fit trains in one process, and this is process {place.rank} of {place.size} that a launcher has started",
            "the command line trains in all of them: torchrun … -m nntrain fit CONFIG; or start the script without the launcher",
        )


def _fit_rows(source: Path | Mapping[str, Any] | None, changes: Sequence[str], data: Rows, options: Options, watchers: Watchers) -> Outcome:
    """Train on rows of the program, in the place of `data.source`."""
    changes = (*changes, f"data.source={ROWS}")
    if options.resume in (None, AUTO):
        config, options = as_members(_with_rows(_read(source, changes), data), options)
        name = "config" if isinstance(source, Mapping) else config.document.name
        if options.resume == AUTO:
            return fit_auto(config, name, options, watchers)
        return fit_job(prepare_job(config), options, watchers, name)
    stored = find_whole_run(options.resume, runs_root(options.runs))
    if has_members(stored):
        raise UsageError(f"{stored.name} has members, whose rows are those of its config", "resume it without data")
    config = stored_config(stored, changes) if source is None else _read(source, changes)
    return resume_job(stored, prepare_job(_with_rows(config, data)), options, watchers)


def _read(source: Path | Mapping[str, Any] | None, changes: tuple[str, ...]) -> Config:
    return read_mapping(source, changes) if isinstance(source, Mapping) else read_config(find_config(source), changes)


def _with_rows(config: Config, data: Rows) -> Config:
    settings = config.experiment.data
    assert isinstance(settings.source, RowSource)
    held = settings.model_copy(update={"source": settings.source.holding(table_of(data, settings.source))})
    return replace(config, experiment=config.experiment.model_copy(update={"data": held}))


@contextmanager
def _rounding_preserved() -> Generator[None]:
    """Context in which a run may be opened: how CUDA rounds in this process is in the end as it was."""
    from nntrain.training.device import preserved_tf32

    with preserved_tf32():
        yield


@_rounding_preserved()
def load_python(run: AnyRun | None, *, runs: Path | None) -> Model:
    """Open a run; see `nntrain.load`."""
    return Model(open_run(_find(run, runs)))


@_rounding_preserved()
def evaluate_python(run: AnyRun | None, *, data: AnyRows | None, split: str | None, runs: Path | None) -> Evaluation:
    """Measure a run; see `nntrain.evaluate`."""
    stored = open_run(_find(run, runs))
    if data is None or isinstance(data, str | Path):
        return evaluate_stored(stored, Where(None if data is None else Path(data), split))
    from nntrain.data.reading import as_rows

    settings = stored.config.experiment.data
    return evaluate_stored(stored, Where(as_rows(settings, table_of(data, settings.source)), split))


@_rounding_preserved()
def explain_python(
    run: AnyRun | None, *, data: AnyRows | None, split: str | None, runs: Path | None, options: Mapping[str, Any]
) -> Explanation:
    """Explain a run; see `nntrain.explain`."""
    stored = open_run(_find(run, runs))
    settings = explain_settings(stored, options)
    if data is None or isinstance(data, str | Path):
        return explain_run(stored, None if data is None else Path(data), split, settings)
    from nntrain.data.reading import as_rows

    own = stored.config.experiment.data
    return explain_run(stored, as_rows(own, table_of(data, own.source)), split, settings)


@_rounding_preserved()
def report_python(run: AnyRun | None, *, output: Path | None, runs: Path | None) -> Path:
    """Write a run as a page; see `nntrain.report`."""
    return report(latest_of_all(runs_root(runs)) if run is None else whole(_find(run, runs)), output)


@_rounding_preserved()
def export_python(run: AnyRun | None, output: Path, *, license: str | None, force: bool, runs: Path | None) -> Path:
    """Export a run; see `nntrain.export`."""
    return export(whole(_find(run, runs)), ExportOptions(output, license=license, force=force)).folder


def _find(run: AnyRun | None, runs: Path | None) -> Run:
    if isinstance(run, Run | Result):
        return run if isinstance(run, Run) else run.run
    return find_run(None if run is None else str(run), runs_root(runs))
