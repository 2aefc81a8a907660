"""What `eval` shows: the metrics beside the baseline's, their intervals, and tables by class and by group."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from nntrain.commands.screens.figures import format_number
from nntrain.commands.screens.results import WIDTH, aligned, confusion_table, confusions

if TYPE_CHECKING:
    from nntrain.commands.judging.evaluate import Evaluation, Extras
    from nntrain.commands.stored.opening import Stored

MAX_CLASSES: Final = 20
"""Classes of a table on the screen, at most; `--json` has them all."""
COUNTS: Final = ("support", "rows")
"""Columns that count rows."""
GAP: Final = 3


def evaluation_screen(stored: Stored, found: Evaluation, extras: Extras) -> str:
    """The result as text, without a line break at its end."""
    lines = [f"run      {found.run}   {stored.state_words}", f"rows     {found.rows:,} ({found.split})", ""]
    lines.append(_metrics(found, extras, stored.blueprint.baseline_name))
    lines += [f"\n{confusion_table(confusion)}" for confusion in confusions(stored.fields, found.tables, found.split)]
    for name, table in found.tables.items():
        if isinstance(table, dict) and 0 < len(table) <= MAX_CLASSES:
            target = name.rpartition(".")[0]
            lines.append(f"\nby class{f' of {target}' if target else ''}\n{_table(table)}")
    if found.groups:
        lines.append(f"\nby {extras.by}\n{_table(found.groups)}")
    return "\n".join(lines)


def _metrics(found: Evaluation, extras: Extras, baseline_name: str) -> str:
    """A line for each metric."""
    spans = [] if extras.level is None else [f"{100 * extras.level:.4g} % interval"]
    head = ["", "this run", *spans, baseline_name]
    rows = [
        [name, format_number(value), *([_span(found.intervals.get(name))] if spans else []), format_number(found.baseline.get(name))]
        for name, value in found.metrics.items()
    ]
    return aligned([head, *rows], gap=GAP)


def _span(interval: tuple[float, float] | None) -> str:
    return "-" if interval is None else " to ".join(map(format_number, interval))


def _table(table: Mapping[str, Mapping[str, float | None]]) -> str:
    """Rows by name, columns by what they hold, as many as fit on the screen."""
    columns = list(next(iter(table.values())))
    cells = [["", *columns], *([name, *(_cell(row[column], column) for column in columns)] for name, row in table.items())]
    widths = [max(len(line[index]) for line in cells) for index in range(len(columns) + 1)]
    fitting = next((count for count in range(len(widths), 2, -1) if sum(widths[:count]) + GAP * (count - 1) <= WIDTH), 2)
    text = aligned([line[:fitting] for line in cells], gap=GAP)
    left_out = columns[fitting - 1 :]
    return f"{text}\nwith --json: {', '.join(left_out)} too" if left_out else text


def _cell(value: float | None, column: str) -> str:
    """Counts without decimals: of 1 only the column tells that it is one."""
    is_count = value is not None and value == int(value) and (abs(value) > 1 or column in COUNTS)
    return f"{value:,.0f}" if is_count else format_number(value)
