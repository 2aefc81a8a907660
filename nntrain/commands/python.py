"""The verbs as Python has them: a config as a file or a mapping, rows as dictionaries or data frames."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, cast

from nntrain.commands.display import Display
from nntrain.commands.evaluate import Evaluation, Where
from nntrain.commands.evaluate import evaluate as evaluate_stored
from nntrain.commands.fit import Options, fit
from nntrain.commands.predict import Predictions, predict_table
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


Rows = Sequence[Mapping[str, Any]] | DataFrame


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a training run."""

    run: Run
    summary: Mapping[str, Any]
    """As in `summary.json`: stop_reason, epochs, steps, seconds, best, last, test, baseline."""


class Model:
    """A trained network, loaded once; it may be used from several threads."""

    def __init__(self, stored: Stored) -> None:
        self._stored = stored

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
            rows: A list of dictionaries, or a data frame of pandas or polars; columns that the network does not read are ignored.

        Raises:
            DataError: A column is missing, or a cell can't be read.
        """
        return predict_table(self._stored, table_of(rows, self._stored.config.experiment.data.source))


def fit_python(
    config: str | Path | Mapping[str, Any] | None, changes: Sequence[str], *, runs: Path | None, resume: str | None, quiet: bool
) -> Result:
    """Train; see `nntrain.fit`. Random states, threads and switches of the process are in the end as they were."""
    from nntrain.training.reproducibility import preserved_globals

    source = config if config is None or isinstance(config, Mapping) else Path(config)
    with preserved_globals(), Display(quiet=quiet) as display:
        outcome = fit(source, changes, Options(runs=runs, resume=resume), display)
    return Result(outcome.run, outcome.summary)


def load_python(run: str | Path | None, *, runs: Path | None) -> Model:
    """Open a run; see `nntrain.load`."""
    return Model(open_run(find_run(None if run is None else str(run), runs_root(runs))))


def evaluate_python(run: str | Path | None, *, data: str | Path | None, split: str | None, runs: Path | None) -> Evaluation:
    """Measure a run; see `nntrain.evaluate`."""
    stored = open_run(find_run(None if run is None else str(run), runs_root(runs)))
    return evaluate_stored(stored, Where(None if data is None else Path(data), split))


def table_of(rows: Rows, source: Source) -> Table:
    """Rows from Python as a table, as if they had been read from a file of the source. Raises `DataError`."""
    columns = _columns(rows)
    if not columns:
        raise DataError("there are no rows to predict for")
    return Table.of_cells(columns, source.missing_words, source.numerals)


def _columns(rows: Rows) -> dict[str, list[Any]]:
    if isinstance(rows, Sequence):
        names = dict.fromkeys(name for row in rows for name in row)
        return {name: [row.get(name) for row in rows] for name in names}
    return {str(name): list(rows[name]) for name in cast("Sequence[str]", rows.columns)}
