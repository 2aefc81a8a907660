"""The section of a report about columns: which of them matter, and how the answer hangs on the first ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final, cast

from nntrain.commands.answers import asked_of, require_explainable
from nntrain.commands.measured_rows import MeasuredRows
from nntrain.errors import UsageError
from nntrain.insight.report.content import Block, Figures, Folded, Paragraph, Section, Table
from nntrain.insight.settings import ExplainSettings
from nntrain.tasks.drawings import Bars, Drawing, Line, Lines
from nntrain.wording import short_number

if TYPE_CHECKING:
    from nntrain.commands.report_rows import Rows
    from nntrain.commands.stored import Stored
    from nntrain.data.table import Table as Rowed
    from nntrain.insight.columns import Dependence, Importances

SHOWN: Final = 15
"""Columns that have a bar."""
CURVES: Final = 4
"""Columns that have a curve."""
MOST_LINES: Final = 5


def columns_section(stored: Stored, rows: Rows) -> Section | None:
    """The section; `None` for a network whose inputs can't be told apart so."""
    table = rows.table
    if rows.data is None or table is None or rows.split is None or rows.judged is None:
        return None
    try:
        require_explainable(stored)
        asked = asked_of(stored, (stored.config.experiment.explain or ExplainSettings()).target)
    except UsageError:
        return None
    from nntrain.commands.explaining import columns_that_matter

    def read() -> Rowed:
        return table

    notes: list[str] = []
    given = MeasuredRows(rows.split, rows.data, (), read, rows.split)
    importances, dependences = columns_that_matter(stored, given, asked, notes)
    if importances is None:
        return None
    return Section("columns", "Columns that matter", tuple(_blocks(importances, dependences, notes)))


def _blocks(found: Importances, dependences: Sequence[Dependence], notes: Sequence[str]) -> Iterator[Block]:
    best = found.columns[:SHOWN]
    told = f"What {found.metric} ({short_number(found.value)}) loses when a column is shuffled, on average of {found.shuffles} times."
    bars = Bars("What each column is worth", told, tuple(each.column for each in best), tuple(each.mean for each in best))
    yield Figures((bars, *_curves(dependences[:CURVES])))
    rows = tuple((each.column, short_number(each.mean), short_number(each.spread)) for each in found.columns[: 3 * SHOWN])
    table = Table(f"What {found.metric} loses without each column", ("column", "mean", "standard deviation"), rows)
    yield Folded("In numbers, with the spread over the shuffles", (table,))
    yield Paragraph("Columns that tell the same share their worth: each can stand in for the other.")
    yield from map(Paragraph, notes)


def _curves(dependences: Sequence[Dependence]) -> Iterator[Drawing]:
    """The mean prediction, were all rows to have one value of a column."""
    for each in dependences:
        title = f"Mean prediction by {each.column}"
        told = f"Were all of {each.rows:,} rows to have this value, and all else their own."
        names = [*each.means] if len(each.means) != 2 else [*each.means][1:]
        if each.is_ordered and all(isinstance(value, int | float) for value in each.values):
            x = [float(cast("float", value)) for value in each.values]
            lines = tuple(Line(name, x, each.means[name]) for name in names[:MOST_LINES])
            yield Lines(title, told, each.column, ", ".join(names) if len(names) == 1 else "", lines, with_points=True)
        elif len(names) == 1:
            yield Bars(f"{title}: {names[0]}", told, tuple(map(str, each.values)), tuple(each.means[names[0]]))
