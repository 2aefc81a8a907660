"""The verbs as Python has them: a config as a file or a mapping, rows as dictionaries or data frames."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, cast

from nntrain.commands.display import Display
from nntrain.commands.evaluate import Evaluation, Where
from nntrain.commands.evaluate import evaluate as evaluate_stored
from nntrain.commands.fit import Options, Watchers, fit
from nntrain.commands.predict import Predictions, predict_table
from nntrain.commands.signals import Signals
from nntrain.commands.stored import Stored, open_run
from nntrain.data.sources.source import Source
from nntrain.data.table import Table
from nntrain.errors import DataError
from nntrain.runs import Run, find_run, runs_root


class DataFrame(Protocol):
    """A data frame of pandas or polars, as far as it is used."""

    @property
    def columns(self) -> Any:
        """Names of the columns."""
        ...

    def __getitem__(self, name: str) -> Any:
        """One column."""
        ...


Rows = str | Path | Sequence[Mapping[str, Any]] | Mapping[str, Sequence[Any]] | DataFrame
"""Rows to predict for: a file, a list of dictionaries, a dictionary of columns, or a data frame of pandas or polars."""


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

    def __repr__(self) -> str:
        """In one line: run, targets, parameters."""
        count = self._stored.blueprint.program.num_parameters or 0
        return f"Model({self.run.name}, predicts {', '.join(self._stored.fields.targets)}, {count:,} parameters)"

    @property
    def run(self) -> Run:
        """The run that it comes from."""
        return self._stored.run

    @property
    def classes(self) -> dict[str, tuple[str, ...]]:
        """Class names of each target; empty for numbers."""
        return {name: target.classes for name, target in self._stored.fields.targets.items()}

    def predict(self, rows: Rows) -> Predictions:
        """Predict: by target the values, and the probabilities by class where there are classes.

        Args:
            rows: A file, a list of dictionaries, a dictionary of columns, or a data frame of pandas or polars; columns that the
                network does not read are ignored.

        Raises:
            DataError: The file or a column is missing, or a cell can't be read.
        """
        settings = self._stored.config.experiment.data
        if isinstance(rows, str | Path):
            from nntrain.data.fitted import read_rows

            return predict_table(self._stored, read_rows(settings, Path(rows), self._stored.fields))
        return predict_table(self._stored, table_of(rows, settings.source))


def fit_python(
    config: str | Path | Mapping[str, Any] | None, changes: Sequence[str], *, runs: Path | None, resume: str | None, quiet: bool
) -> Result:
    """Train; see `nntrain.fit`. Random states, threads and switches of the process are in the end as they were."""
    from nntrain.training.reproducibility import preserved_globals

    source = config if config is None or isinstance(config, Mapping) else Path(config)
    with preserved_globals(), Signals() as signals, Display(quiet=quiet) as display:
        outcome = fit(source, changes, Options(runs=runs, resume=resume), Watchers(display, signals))
    return Result(outcome.run, outcome.summary)


def load_python(run: AnyRun | None, *, runs: Path | None) -> Model:
    """Open a run; see `nntrain.load`."""
    return Model(open_run(_find(run, runs)))


def evaluate_python(run: AnyRun | None, *, data: str | Path | None, split: str | None, runs: Path | None) -> Evaluation:
    """Measure a run; see `nntrain.evaluate`."""
    stored = open_run(_find(run, runs))
    return evaluate_stored(stored, Where(None if data is None else Path(data), split))


def _find(run: AnyRun | None, runs: Path | None) -> Run:
    if isinstance(run, Run | Result):
        return run if isinstance(run, Run) else run.run
    return find_run(None if run is None else str(run), runs_root(runs))


def table_of(rows: Sequence[Mapping[str, Any]] | Mapping[str, Sequence[Any]] | DataFrame, source: Source) -> Table:
    """Rows from Python as a table, as if they had been read from a file of the source. Raises `DataError`."""
    columns = _columns(rows)
    if not columns:
        raise DataError("there are no rows to predict for")
    return Table.of_cells(columns, source.missing_words, source.numerals)


def _columns(rows: Sequence[Mapping[str, Any]] | Mapping[str, Sequence[Any]] | DataFrame) -> dict[str, list[Any]]:
    if isinstance(rows, Mapping):
        return {name: list(column) for name, column in rows.items()}
    if isinstance(rows, Sequence):
        names = dict.fromkeys(name for row in rows for name in row)
        return {name: [row.get(name) for row in rows] for name in names}
    return {str(name): list(rows[name]) for name in cast("Sequence[str]", rows.columns)}
