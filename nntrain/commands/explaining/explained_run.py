"""Explains a run: which columns matter over all rows, and why some rows got their answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from torch import Tensor

from nntrain.commands.explaining.answers import asked_of, output_names, side_by_side
from nntrain.commands.explaining.explained_rows import explained_rows, row_numbers
from nntrain.commands.explaining.nearest_examples import explained_by_examples
from nntrain.commands.preparing.measured_rows import MeasuredRows
from nntrain.commands.stored.opening import Stored
from nntrain.data.input_columns import InputColumn, input_columns
from nntrain.insight.columns import Importances, partial_dependence, permutation_importance, some_rows, values_of
from nntrain.insight.explanation import Explanation
from nntrain.training.evaluation import predict

if TYPE_CHECKING:
    from nntrain.commands.explaining.answers import Asked
    from nntrain.data.batches import TensorData
    from nntrain.insight.columns import Dependence
    from nntrain.insight.settings import ExplainSettings
    from nntrain.metrics.metric import Direction

ROWS_SHUFFLED: Final = 5000
"""Rows that columns are shuffled in, at most; fewer where there are many columns."""
CELLS_SHUFFLED: Final = 250_000
ROWS_MEANT: Final = 500
"""Rows that mean predictions are of, at most."""
COLUMNS_MEANT: Final = 100


def explain_stored(stored: Stored, given: MeasuredRows, settings: ExplainSettings) -> Explanation:
    """Explain a run by some rows, of which it tells which columns matter, and why single ones got their answers.

    Raises:
        DataError: A row can't be read.
        UsageError: A row or class is not there, captum is not installed, or the method does not fit the network.
    """
    asked = asked_of(stored, settings.target)
    notes = list(given.notes)
    importances, dependences = columns_that_matter(stored, given, asked, notes)
    numbers = row_numbers(given, settings)
    if settings.method == "examples":
        explained, quality = explained_by_examples(stored, given, numbers, asked), None
    else:
        explained, quality = explained_rows(stored, given, settings, asked, numbers)
    if stored.members:
        what = "distances" if settings.method == "examples" else "shares"
        notes.append(f"{what} of rows are the mean of those of {len(stored.members)} members")
    return Explanation(
        run=stored.run.name,
        split=given.name,
        rows=len(given.data.scored),
        target=asked.target,
        is_probability=stored.blueprint.targets[asked.target].kind != "values",
        method=settings.method,
        importances=importances,
        dependences=dependences,
        explained=explained,
        quality=quality,
        notes=tuple(notes),
    )


def columns_that_matter(
    stored: Stored, given: MeasuredRows, asked: Asked, notes: list[str]
) -> tuple[Importances | None, tuple[Dependence, ...]]:
    """What columns are worth to the metric, and how the mean prediction hangs on each; `notes` gets what is to be told.

    Raises:
        DataError: The rows can't be read.
    """
    seed, columns = stored.blueprint.experiment.seed, input_columns(stored.fields)
    importances = _importances(stored, given, asked, columns, seed, notes)
    return importances, _dependences(stored, given, asked, columns, importances, seed)


def _importances(
    stored: Stored, given: MeasuredRows, asked: Asked, columns: Sequence[InputColumn], seed: int, notes: list[str]
) -> Importances | None:
    if len(columns) < 2:
        return None
    if stored.fields.has_nodes:
        notes.append("Columns are not shuffled between the nodes of a graph; what they contribute is told of single nodes.")
        return None
    if not given.has_targets:
        notes.append(f"columns that matter need {asked.target} in the rows, and {given.name} has none")
        return None
    metric, direction = _metric(stored, asked.target)
    most = min(ROWS_SHUFFLED, max(ROWS_MEANT, CELLS_SHUFFLED // len(columns)))
    data, _ = some_rows(given.data, most, seed)
    if len(data) < len(given.data):
        notes.append(f"columns are shuffled in {len(data):,} of {len(given.data):,} rows")
    alone = replace(stored.subject, objective=_measuring(stored, asked.target, metric))

    def measure(rows: TensorData) -> float | None:
        return stored.protocol.measure(alone, rows, given.part).metrics.get(metric)

    return permutation_importance(data.to(stored.device), columns, measure, metric=(metric, direction), seed=seed)


def _metric(stored: Stored, target: str) -> tuple[str, Direction]:
    """The first metric of a target under its name in reports, else the loss."""
    plan = stored.blueprint.targets[target]
    first = next((metric for metric in plan.metrics if metric.monitored), None)
    if first is None:
        return "loss", "min"
    return (first.label if len(stored.objective.targets) == 1 else f"{target}.{first.label}"), first.direction


def _measuring(stored: Stored, target: str, metric: str) -> Any:
    """The objective with one metric."""
    objective = stored.objective
    keep = metric.removeprefix(f"{target}.") if len(objective.targets) > 1 else metric
    return replace(
        objective,
        views=None,
        targets={
            name: replace(each, metrics={key: own for key, own in each.metrics.items() if name == target and key == keep})
            for name, each in objective.targets.items()
        },
    )


def _dependences(
    stored: Stored, given: MeasuredRows, asked: Asked, columns: Sequence[InputColumn], importances: Importances | None, seed: int
) -> tuple[Dependence, ...]:
    if not stored.fields.stand_alone:  # what a column would be in all steps of a window, or in all nodes, no row has
        return ()
    data, _ = some_rows(given.data, ROWS_MEANT, seed)
    data = data.to(stored.device)
    order = {each.column: place for place, each in enumerate(importances.columns)} if importances is not None else {}
    sorted_columns = sorted(columns, key=lambda column: order.get(column.name, len(order)))[:COLUMNS_MEANT]
    names = output_names(stored, asked.target)
    is_probability = stored.blueprint.targets[asked.target].kind != "values"
    alone = replace(stored.objective, views=None)

    def answers(rows: TensorData) -> Tensor:
        return side_by_side(predict(stored.network, alone, rows, stored.precision)[asked.target].values, is_probability=is_probability)

    values = stored.fields.read(given.table(), with_targets=False)
    found = (partial_dependence(data, column, values_of(values[column.field.name], data), answers, names) for column in sorted_columns)
    return tuple(each for each in found if each is not None)
