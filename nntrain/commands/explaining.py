"""Explains a run: which columns matter over all rows, and why some rows got their answers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, cast

import torch
from torch import Tensor

from nntrain.commands.answers import answer_of, asked_of, chosen_answers, output_names, side_by_side
from nntrain.commands.cells import Cells
from nntrain.commands.measured_rows import MeasuredRows
from nntrain.commands.nearest_examples import explained_by_examples
from nntrain.commands.stored import Stored
from nntrain.data.fields.field import Neutral
from nntrain.data.input_columns import InputColumn, input_columns
from nntrain.data.packed import LENGTHS
from nntrain.errors import UsageError
from nntrain.insight.attributing import Rows, Shares, shares_of
from nntrain.insight.columns import Importances, partial_dependence, permutation_importance, some_rows, values_of
from nntrain.insight.entrance import Entrance, Region
from nntrain.insight.explanation import ExplainedRow, Explanation, Quality, Share
from nntrain.insight.judging import deletion, randomisation
from nntrain.modules.network import Network
from nntrain.training.evaluation import predict

if TYPE_CHECKING:
    from nntrain.commands.answers import Asked
    from nntrain.data.batches import TensorData
    from nntrain.data.highlights import Highlight
    from nntrain.insight.columns import Dependence
    from nntrain.insight.settings import ExplainSettings
    from nntrain.metrics.metric import Direction

ROWS_SHUFFLED: Final = 5000
"""Rows that columns are shuffled in, at most; fewer where there are many columns."""
CELLS_SHUFFLED: Final = 250_000
ROWS_MEANT: Final = 500
"""Rows that mean predictions are of, at most."""
COLUMNS_MEANT: Final = 100
ROWS_JUDGED: Final = 64
"""Rows that the quality of explanations is measured on, at most."""
ROWS_TOLD: Final = 3
"""Rows that are explained where none are named."""


def explain_stored(stored: Stored, given: MeasuredRows, settings: ExplainSettings) -> Explanation:
    """Explain a run by some rows, of which it tells which columns matter, and why single ones got their answers.

    Raises:
        DataError: A row can't be read.
        UsageError: A row or class is not there, or captum is not installed.
    """
    asked, columns = asked_of(stored, settings.target), input_columns(stored.fields)
    notes = list(given.notes)
    importances, dependences = columns_that_matter(stored, given, asked, notes)
    numbers = _numbers(given, settings)
    if stored.members:
        notes.append(f"rows are explained by one member at a time: nntrain explain {stored.members[0].run.name}")
        explained, quality = (), None
    elif settings.method == "examples":
        explained, quality = explained_by_examples(stored, given, numbers, asked), None
    else:
        explained, quality = _rows(stored, given, settings, asked, columns, numbers)
    return Explanation(
        run=stored.run.name,
        split=given.name,
        rows=len(given.data),
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


def _numbers(given: MeasuredRows, settings: ExplainSettings) -> list[int]:
    """The rows that are explained one by one. Raises `UsageError` for one that is not there."""
    count = len(given.data)
    numbers = list(range(min(ROWS_TOLD, count))) if settings.rows is None else list(settings.rows)
    wrong = [number for number in numbers if number >= count]
    if wrong:
        raise UsageError(f"no row {wrong[0]}: {given.name} has {count:,} rows, numbered from 0", f"--rows 0,{count - 1}")
    return numbers


def _rows(
    stored: Stored, given: MeasuredRows, settings: ExplainSettings, asked: Asked, columns: Sequence[InputColumn], numbers: list[int]
) -> tuple[tuple[ExplainedRow, ...], Quality | None]:
    """Some rows, explained by the shares of their inputs, and the quality of such explanations."""
    seed = stored.blueprint.experiment.seed
    judged = _at_entrance(stored, some_rows(given.data, ROWS_JUDGED, seed)[0], settings, asked, columns)
    shares = shares_of(judged, settings.method, seed)

    def again(network: Network) -> Shares:
        return shares_of(judged, settings.method, seed, network)

    worst = shares.completeness
    quality = Quality(
        len(judged.chosen),
        None if worst is None else float(worst.max()),
        deletion(judged, shares, seed),
        randomisation(judged, shares, again, stored.blueprint.program.build, seed=seed),
    )
    index = torch.tensor(numbers)
    own = given.data.take(index).loaded()
    told = _at_entrance(stored, own, settings, asked, columns)
    cells = Cells(given.table(), cast("list[int]", own.rows.tolist()))
    return tuple(_explained(told, shares_of(told, settings.method, seed), numbers, cells)), quality


def _at_entrance(stored: Stored, data: TensorData, settings: ExplainSettings, asked: Asked, columns: Sequence[InputColumn]) -> Rows:
    """Some rows where they enter the network."""
    network = stored.network
    assert isinstance(network, Network)
    batch = data.to(stored.device).batch(0, len(data))
    entrance = Entrance.of(network, stored.blueprint.program, batch.inputs, columns)
    answer = answer_of(stored, asked.target)
    values, others = entrance.values(batch.inputs), entrance.others(batch.inputs)
    with torch.no_grad():
        found = answer.read(entrance.outputs(values, others))
    chosen = chosen_answers(stored, asked, found)
    neutral = entrance.values(_neutral_inputs(batch.inputs, columns, settings.baseline))
    return Rows(entrance, values, neutral, others, answer, chosen, _present(entrance, batch.inputs, len(data)))


def _present(entrance: Entrance, inputs: Mapping[str, Tensor], count: int) -> Tensor:
    """Which parts rows have, bool `[B, P]`: all but steps behind their ends."""
    found = torch.ones(count, entrance.count, dtype=torch.bool)
    for region in entrance.regions:
        lengths = inputs.get(LENGTHS.format(region.column.field.name))
        if lengths is not None and region.shape:
            steps = torch.arange(region.shape[0]) < lengths.cpu().unsqueeze(1)
            found[:, region.first : region.end] = steps.repeat_interleave(math.prod(region.shape[1:]), dim=1)
    return found.to(next(iter(inputs.values())).device)


def _neutral_inputs(inputs: Mapping[str, Tensor], columns: Sequence[InputColumn], kind: Neutral) -> dict[str, Tensor]:
    """The inputs of one row that says nothing. Raises `UsageError` for a field that has none such."""
    found = {key: tensor[:1].clone() for key, tensor in inputs.items()}
    for column in columns:
        value = column.field.plan.field.neutral(column.field.state, kind)
        if value is None:
            raise UsageError(
                f"rows with {column.name} can't be explained one by one: a {column.field.plan.field.type} has no value that says nothing"
            )
        tensor = torch.as_tensor(value if column.feature is None else value[column.feature])
        own = found[column.key]
        if column.place is None:
            found[column.key] = tensor.to(own).expand_as(own).clone()
        else:
            own[..., column.place] = tensor.to(own)
    return found


def _explained(rows: Rows, shares: Shares, numbers: Sequence[int], cells: Cells) -> list[ExplainedRow]:
    regions, missed = rows.entrance.regions, shares.completeness
    found: list[ExplainedRow] = []
    for place, number in enumerate(numbers):
        own = shares.by_part[place]
        parts = [
            Share(
                region.column.name,
                cells.text(region.column, place) if not region.shape else None,
                float(own[region.first : region.end].sum()),
                _highlight(rows, region, place, own),
            )
            for region in regions
        ]
        found.append(
            ExplainedRow(
                number=number,
                place=cells.place(place),
                output=rows.answer.names[int(rows.chosen[place])],
                answer=float(shares.answers[place]),
                neutral=float(shares.neutral[place]),
                shares=tuple(sorted(parts, key=lambda part: -abs(part.share))),
                completeness=None if missed is None else float(missed[place]),
            )
        )
    return found


def _highlight(rows: Rows, region: Region, place: int, shares: Tensor) -> Highlight | None:
    """What the network reads of an input in a row, with its shares over it, without what is behind its end."""
    if not region.shape:
        return None
    read = {**rows.others, **dict(zip(rows.entrance.keys, rows.values, strict=True))}
    seen, field = read[region.column.key][place].cpu(), region.column.field
    own = shares[region.first : region.end].view(region.shape).cpu()
    if LENGTHS.format(field.name) in rows.others:
        steps = int(rows.others[LENGTHS.format(field.name)][place])
        seen, own = seen[:steps], own[:steps]
    return field.plan.field.highlight(seen.numpy(), own.numpy(), field.state) if own.numel() else None
