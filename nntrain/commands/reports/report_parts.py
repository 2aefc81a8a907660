"""Sections of a report about the network and the data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from nntrain.data.field_rows import field_rows
from nntrain.errors import DataError
from nntrain.insight.report.content import Block, Cell, Code, Figures, Folded, Paragraph, Section, Table
from nntrain.specs import blocks as blocks_of
from nntrain.tasks.drawings import Box, Network
from nntrain.wording import number_of

if TYPE_CHECKING:
    from nntrain.blueprint import Blueprint
    from nntrain.commands.reports.report_rows import Rows
    from nntrain.data.fitted import FittedField
    from nntrain.insight.report.distributions import Spread
    from nntrain.layers.program import Program

MOST_BOXES: Final = 60
"""Steps of a network that are drawn."""
MOST_COLUMNS: Final = 40
"""Columns whose values are shown."""


def network_section(blueprint: Blueprint) -> Section:
    """The network as a graph, and line by line as `nntrain show` has it."""
    program = blueprint.program
    rows = program.rows()
    total = "unknown" if program.num_parameters is None else f"{program.num_parameters:,}"
    blocks: list[Block] = [Paragraph(f"{number_of(len(rows), 'step')}, {total} parameters.")]
    if len(rows) > MOST_BOXES:
        blocks[0] = Paragraph(
            f"{number_of(len(rows), 'step')}, {total} parameters; the first {MOST_BOXES} are drawn, all are in the table."
        )
    blocks.append(Figures((_graph(program),)))
    lines = tuple((row.name, row.layer, row.output, _count(row.parameters), row.frozen_text or row.note or "") for row in rows)
    fields = tuple((name, kind, shape, note) for name, kind, shape, note in field_rows(blueprint.layout))
    blocks.append(Folded("All steps", (Table("Steps", ("step", "layer", "output", "parameters", ""), lines, left=3),)))
    blocks.append(Folded("Fields", (Table("Fields", ("field", "type", "shape", ""), fields, left=4),)))
    return Section("network", "Network", tuple(blocks))


def _count(parameters: int | None) -> str:
    return "" if parameters == 0 else "?" if parameters is None else f"{parameters:,}"


def _graph(program: Program) -> Network:
    """Boxes of the inputs, then of the steps; a line for each tensor that a step reads."""
    rows = program.rows()[:MOST_BOXES]
    steps = program.steps[:MOST_BOXES]
    read = dict.fromkeys(value.output or "input" for step in steps for value in step.inputs if value.step is None)
    together = blocks_of(program.inputs)
    boxes = [Box("input", _input_words(name, together.get(name, ())), str(program.inputs.get(name, "")), "") for name in read]
    places: dict[tuple[str | None, str], int] = {(None, name): place for place, name in enumerate(read)}
    edges: dict[tuple[int, int], None] = {}
    for step, row in zip(steps, rows, strict=True):
        place = len(boxes)
        count = _count(row.parameters)
        boxes.append(Box(row.name, row.layer, row.output, f"{count} parameters" if count else ""))
        for value in step.inputs:
            source = places.get((None, value.output or "input") if value.step is None else (value.step, ""))
            if source is not None:
                edges[source, place] = None
        places[step.name, ""] = place
    branches = sum(last - first > 1 for first, last in edges)
    told = "Each step reads the one above it" + (
        f"; {number_of(branches, 'line')} beside the boxes lead to later ones." if branches else "."
    )
    return Network("From the inputs to the outputs", told, tuple(boxes), tuple(edges))


def _input_words(name: str, members: Sequence[str]) -> str:
    """A field by its name; of several that lie in one block how many there are."""
    kind = name.removeprefix("@")
    return f"{number_of(len(members), f'{kind} field')}: {', '.join(members)}" if members else name


def data_section(record: Mapping[str, Any], rows: Rows | None, missing: str | None) -> Section:
    """What was read, dropped and split, and how the columns of the training rows are spread.

    Args:
        record: `data.json`.
        rows: The rows, where they could be read again.
        missing: Why they could not.
    """
    sizes = ", ".join(f"{part} {count:,}" for part, count in record["rows"].items())
    notes = [str(note) for note in record.get("notes", [])]
    blocks: list[Block] = [Paragraph(f"Rows: {sizes}.")]
    if notes:
        blocks.append(Code("What was read, dropped and split", "\n".join(notes)))
    if missing is not None:
        blocks.append(Paragraph(missing))
    if rows is not None and "train" in rows.tables:
        blocks += _columns(rows)
    return Section("data", "Data", tuple(blocks))


def _columns(rows: Rows) -> Iterator[Block]:
    table, fields = rows.tables["train"], list({field.name: field for field in rows.prepared.fields.fields}.values())
    roles: dict[str, list[str]] = {}
    for field in rows.prepared.fields.fields:
        roles.setdefault(field.name, []).append(field.plan.role)
    lines: list[tuple[Cell, ...]] = []
    index = rows.prepared.train.scored.cpu().numpy()
    for field in fields[:MOST_COLUMNS]:
        absent, spread = _spread(field, rows, index)
        share = "" if absent is None else f"{100 * absent:.3g} %"
        lines.append((field.name, spread.drawing or "", spread.words, field.plan.field.type, ", ".join(roles[field.name]), share))
    head = ("column", "", "values", "type", "role", "missing")
    yield Table(f"Columns of the {len(index):,} training rows of {table.name}", head, tuple(lines), left=len(head))
    if len(fields) > MOST_COLUMNS:
        yield Paragraph(f"{number_of(len(fields) - MOST_COLUMNS, 'more column')} are not shown.")


def _spread(field: FittedField, rows: Rows, index: Any) -> tuple[float | None, Spread]:
    """The share of training rows without a value, and how the others are spread; files are not opened for it."""
    import numpy as np

    from nntrain.insight.report.distributions import Spread, of_dates, of_numbers, of_texts

    plan, table = field.plan, rows.tables["train"]
    columns = [table.columns.get(name) for name in plan.columns]
    is_flat = len(columns) == 1 and columns[0] is not None and getattr(columns[0], "ndim", 1) == 1
    if plan.field.reads_files or not is_flat or index.max() >= table.rows or str(getattr(columns[0], "dtype", "")) == "Binary":
        return None, Spread(f"{plan.spec} of {number_of(len(columns), 'column')}", None)
    try:
        values = plan.field.read(table, plan.columns)
        numbers = plan.field.magnitudes(values)
        absent = float(np.asarray(plan.field.is_missing(values))[index].mean())
    except (DataError, NotImplementedError):
        values, numbers, absent = None, None, None
    if plan.field.type == "date" and values is not None:
        return absent, of_dates(field.name, np.asarray(values)[index])
    if numbers is not None:
        return absent, of_numbers(field.name, numbers[index].reshape(-1))
    return absent, of_texts(field.name, table.texts(plan.columns[0]).gather(index).to_list())
