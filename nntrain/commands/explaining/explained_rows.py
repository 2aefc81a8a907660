"""Explains why some rows got their answers, and how good such explanations are."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, cast

import torch
from torch import Tensor

from nntrain.commands.explaining.answers import answer_of, chosen_answers
from nntrain.commands.explaining.cells import Cells
from nntrain.data.highlights import Course
from nntrain.data.input_columns import InputColumn, input_columns
from nntrain.data.packed import LENGTHS
from nntrain.data.packed_graphs import EDGES
from nntrain.errors import UsageError
from nntrain.insight import around
from nntrain.insight.attributing import MOST_STEPS, Rows, Shares
from nntrain.insight.columns import some_rows
from nntrain.insight.entrance import Entrance, Region
from nntrain.insight.explanation import ExplainedRow, Neighborhood, NodeShare, Quality, Share
from nntrain.insight.judging import ORDERS as NETWORKS
from nntrain.insight.judging import deletion, randomisation
from nntrain.insight.member_rows import MemberRows
from nntrain.modules.network import Network

if TYPE_CHECKING:
    from nntrain.commands.explaining.answers import Asked
    from nntrain.commands.preparing.measured_rows import MeasuredRows
    from nntrain.commands.stored.opening import Stored
    from nntrain.data.batches import TensorData
    from nntrain.data.fields.field import Neutral
    from nntrain.data.highlights import Highlight
    from nntrain.data.window import WindowSettings
    from nntrain.insight.settings import ExplainSettings

PARTS_JUDGED: Final = 2**22
"""Parts of nodes and their neighbours that it is measured on, at most."""
ROWS_TOLD: Final = 3
"""Rows that are explained where none are named."""


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is computed to explain rows."""

    rows: int = 64
    """Rows that the quality of explanations is measured on, at most."""
    networks: int = NETWORKS
    """Untrained networks that are compared."""
    steps: int = MOST_STEPS
    """Points of the way on which integrated gradients add up, at most."""


WHOLE: Final = Effort()


@dataclass(frozen=True, slots=True)
class _Asked:
    """Rows where they enter the networks, and where they are from."""

    rows: MemberRows
    numbers: list[int]
    """In the table."""
    graphs: around.PaddedGraphs | None
    """Where rows are graphs, or nodes of them."""
    nodes: list[int]
    """The number in the table of each node of the batch that `graphs` counts in; none where rows are no nodes."""


@dataclass(frozen=True, slots=True)
class Worth:
    """What a column contributes to the answers for some rows."""

    column: str
    mean: float
    """How large its share is, on average, for the answer or against it."""


def row_numbers(given: MeasuredRows, settings: ExplainSettings) -> list[int]:
    """The rows that are explained one by one. Raises `UsageError` for one that is not there."""
    count = len(given.data.scored)
    numbers = list(range(min(ROWS_TOLD, count))) if settings.rows is None else list(settings.rows)
    wrong = [number for number in numbers if number >= count]
    if wrong:
        raise UsageError(f"no row {wrong[0]}: {given.name} has {count:,} rows, numbered from 0", f"--rows 0,{count - 1}")
    return numbers


def explained_rows(
    stored: Stored, given: MeasuredRows, settings: ExplainSettings, asked: Asked, numbers: list[int]
) -> tuple[tuple[ExplainedRow, ...], Quality]:
    """Some rows, explained by the shares of their inputs, and the quality of such explanations.

    Raises:
        DataError: A row can't be read.
        UsageError: The method does not fit the network, or a field has no value that says nothing.
    """
    told = told_rows(stored, given, settings, asked, numbers)
    return told, judged_rows(stored, given, settings, asked)[0]


def judged_rows(
    stored: Stored, given: MeasuredRows, settings: ExplainSettings, asked: Asked, effort: Effort = WHOLE
) -> tuple[Quality, tuple[Worth, ...]]:
    """How good explanations are, on some rows that a seed draws, and what columns contribute to the answers for these; raises likewise.

    Args:
        stored: The run.
        given: The rows that they are drawn from.
        settings: The method.
        asked: The answer.
        effort: How many, and beside what.
    """
    seed = stored.blueprint.experiment.seed
    judged = _some(stored, given, settings, asked, seed, effort).rows
    shares = judged.shares(settings.method, seed)
    worst = shares.completeness
    program = (stored.members or (stored,))[0].blueprint.program
    quality = Quality(
        len(judged),
        None if worst is None else float(worst.max()),
        deletion(judged, shares, seed),
        randomisation(judged, shares, settings.method, program.build, seed=seed, networks=effort.networks),
    )
    return quality, _worth(judged, shares)


def _worth(rows: MemberRows, shares: Shares) -> tuple[Worth, ...]:
    regions = rows.first.entrance.regions
    by_column = {region.column.name: shares.by_part[:, region.first : region.end].sum(1) for region in regions}
    found = (Worth(name, float(own.abs().mean())) for name, own in by_column.items())
    return tuple(sorted(found, key=lambda each: -each.mean))


def _some(stored: Stored, given: MeasuredRows, settings: ExplainSettings, asked: Asked, seed: int, effort: Effort) -> _Asked:
    """Rows that are drawn by a seed; fewer where each has many parts, as nodes of graphs with their neighbours do."""
    count = len(given.data.scored)
    if not stored.fields.has_nodes:
        return _at_entrance(stored, some_rows(given.data, effort.rows, seed)[0], settings, asked, effort)
    generator = torch.Generator().manual_seed(seed)
    chosen = cast("list[int]", torch.randperm(count, generator=generator)[: effort.rows].tolist())
    while True:
        found = _of(stored, given, settings, asked, sorted(chosen), effort)
        fitting = max(1, PARTS_JUDGED // found.rows.parts)
        if len(chosen) <= fitting:
            return found
        chosen = chosen[: max(1, min(fitting, len(chosen) // 2))]


def told_rows(
    stored: Stored, given: MeasuredRows, settings: ExplainSettings, asked: Asked, numbers: list[int], effort: Effort = WHOLE
) -> tuple[ExplainedRow, ...]:
    """Some rows, by their places among those that are looked at, explained by the shares of their inputs; raises likewise."""
    found = _of(stored, given, settings, asked, numbers, effort)
    shares = found.rows.shares(settings.method, stored.blueprint.experiment.seed)
    return tuple(_explained(found, shares, numbers, given, stored.fields.window))


def _of(stored: Stored, given: MeasuredRows, settings: ExplainSettings, asked: Asked, numbers: list[int], effort: Effort) -> _Asked:
    """Some rows by their places among those that are looked at."""
    data, index = given.data, torch.tensor(numbers)
    if data.units is None:
        return _at_entrance(stored, data.take(index).loaded(), settings, asked, effort)
    return _at_entrance(stored, data, settings, asked, effort, data.scored.cpu()[index])


def _at_entrance(
    stored: Stored, data: TensorData, settings: ExplainSettings, asked: Asked, effort: Effort, units: Tensor | None = None
) -> _Asked:
    """Rows where they enter the networks: all of some data, or nodes of them by their numbers in the table, int64 `[B]`."""
    columns, parts = input_columns(stored.fields), stored.members or (stored,)
    inputs = data.to(stored.device).batch(0, len(data)).inputs
    graphs = _graphs(parts[0], data, inputs, units) if stored.fields.has_nodes else None
    inputs = inputs if graphs is None else graphs.inputs
    count = len(data) if units is None else len(units)
    answer = answer_of(stored, asked.target)
    entrances = [Entrance.of(_network(part), part.blueprint.program, inputs, columns) for part in parts]
    values, others = [each.values(inputs) for each in entrances], [each.others(inputs) for each in entrances]
    with torch.no_grad():
        answers = [answer.read(each.outputs(own, beside)) for each, own, beside in zip(entrances, values, others, strict=True)]
    chosen = chosen_answers(stored, asked, torch.stack(answers).mean(0))
    neutral, present = _neutral_inputs(inputs, columns, settings.baseline), _present(entrances[0], inputs, count, graphs)
    rows = [
        Rows(entrance, own, entrance.values(neutral), beside, answer, chosen, present, effort.steps)
        for entrance, own, beside in zip(entrances, values, others, strict=True)
    ]
    numbers = cast("list[int]", (data.rows if units is None else units).tolist())
    nodes = [] if graphs is None or data.units is None else cast("list[int]", data.predicted.tolist())
    return _Asked(MemberRows(tuple(rows)), numbers, graphs, nodes)


def _network(stored: Stored) -> Network:
    assert isinstance(stored.network, Network)
    return stored.network


def node_places(data: TensorData, units: Tensor) -> Tensor:
    """Where nodes are among those of a batch, by their numbers in the table, int64 `[B]`."""
    predicted = data.predicted.cpu()
    order = predicted.argsort()
    return order[torch.searchsorted(predicted[order], units.cpu())]


def _graphs(stored: Stored, data: TensorData, inputs: Mapping[str, Tensor], units: Tensor | None) -> around.PaddedGraphs:
    if units is None:
        return around.whole_graphs(inputs)
    places = node_places(data, units)
    return around.nodes_with_neighbors(inputs, places.to(stored.device), around.reach(_network(stored)))


def _present(entrance: Entrance, inputs: Mapping[str, Tensor], count: int, graphs: around.PaddedGraphs | None) -> Tensor:
    """Which parts rows have, bool `[B, P]`: all but steps behind their ends, and nodes that are none."""
    found = torch.ones(count, entrance.count, dtype=torch.bool)
    for region in entrance.regions:
        lengths = inputs.get(LENGTHS.format(region.column.field.name))
        inner = math.prod(region.shape[1:])
        if graphs is not None:
            found[:, region.first : region.end] = (graphs.nodes.cpu() >= 0).repeat_interleave(inner, dim=1)
        elif lengths is not None and region.shape:
            steps = torch.arange(region.shape[0]) < lengths.cpu().unsqueeze(1)
            found[:, region.first : region.end] = steps.repeat_interleave(inner, dim=1)
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
            own[..., column.places] = tensor.to(own)
    return found


def _explained(
    found: _Asked, shares: Shares, numbers: Sequence[int], given: MeasuredRows, window: WindowSettings | None
) -> list[ExplainedRow]:
    rows, missed = found.rows.first, shares.completeness
    cells = Cells(given.table(), found.numbers)
    told: list[ExplainedRow] = []
    for place, number in enumerate(numbers):
        own = shares.by_part[place]
        parts = [
            Share(
                region.column.name,
                cells.text(region.column, place) if _is_cell(found, region) else None,
                float(own[region.first : region.end].sum()),
                _highlight(rows, region, place, own, window) if found.graphs is None else None,
            )
            for region in rows.entrance.regions
        ]
        told.append(
            ExplainedRow(
                number=number,
                place=cells.place(place),
                output=rows.answer.names[int(rows.chosen[place])],
                answer=float(shares.answers[place]),
                neutral=float(shares.neutral[place]),
                shares=tuple(sorted(parts, key=lambda part: -abs(part.share))),
                completeness=None if missed is None else float(missed[place]),
                is_probability=rows.answer.is_probability,
                around=None if found.graphs is None else _neighborhood(found, found.graphs, place, own, given),
            )
        )
    return told


def _is_cell(found: _Asked, region: Region) -> bool:
    """Whether one cell of the table holds all of a part of a row: of a node its own."""
    return not region.shape if found.graphs is None else bool(found.nodes)


def _neighborhood(found: _Asked, graphs: around.PaddedGraphs, place: int, shares: Tensor, given: MeasuredRows) -> Neighborhood:
    """The nodes of a row with what all that they have contributes, those near to it first."""
    regions, nodes = found.rows.first.entrance.regions, graphs.nodes[place]
    by_node = torch.stack([shares[region.first : region.end].view(len(nodes), -1).sum(1) for region in regions]).sum(0)
    kept = (nodes >= 0).nonzero().squeeze(1)
    where = {int(old): new for new, old in enumerate(kept)}
    table = given.table()
    is_of_node = around.CENTER in graphs.inputs
    told = tuple(
        NodeShare(
            place=table.place(found.nodes[int(nodes[each])]) if found.nodes else f"node {new}",
            hops=int(graphs.hops[place, each]) if is_of_node else None,
            share=float(by_node[each]),
        )
        for new, each in enumerate(kept)
    )
    count = int(graphs.inputs[around.EDGE_COUNTS][place])
    pairs = cast("list[list[int]]", graphs.inputs[EDGES][place, :count].tolist())
    edges = sorted({(where[min(pair)], where[max(pair)]) for pair in pairs if pair[0] in where and pair[1] in where and pair[0] != pair[1]})
    return Neighborhood(told, tuple(edges))


def _highlight(rows: Rows, region: Region, place: int, shares: Tensor, window: WindowSettings | None) -> Highlight | None:
    """What the network reads of an input in a row, with its shares over it, without what is behind its end."""
    if not region.shape:
        return None
    read = {**rows.others, **dict(zip(rows.entrance.keys, rows.values, strict=True))}
    column, field = region.column, region.column.field
    seen = read[column.key][place].cpu()
    own = shares[region.first : region.end].view(region.shape).cpu()
    if LENGTHS.format(field.name) in rows.others:
        steps = int(rows.others[LENGTHS.format(field.name)][place])
        seen, own = seen[:steps], own[:steps]
    if not own.numel():
        return None
    if column.place is not None:
        values = field.plan.field.in_own_unit(seen[..., column.places].numpy(), field.state, column.feature)
        rows_of = () if window is None else window.rows_of(column.key)
        return Course(tuple(rows_of), () if values is None else tuple(map(float, values)), tuple(map(float, own)))
    return field.plan.field.highlight(seen.numpy(), own.numpy(), field.state)
