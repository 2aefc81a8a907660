"""The section of a report about columns: which of them matter, and how the answer hangs on the first ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final, cast

from nntrain.commands.reports.report_explained import asked_rows
from nntrain.insight.report.content import Block, Figures, Folded, Paragraph, Section, Table
from nntrain.tasks.drawings import Bars, Drawing, Line, Lines
from nntrain.wording import short_number

if TYPE_CHECKING:
    from nntrain.commands.explaining.explained_rows import Worth
    from nntrain.commands.reports.report_rows import Rows
    from nntrain.commands.stored.opening import Stored
    from nntrain.insight.columns import Dependence, Importances

SHOWN: Final = 15
"""Columns that have a bar."""
CURVES: Final = 4
"""Columns whose curve is seen at once."""
MOST_CURVES: Final = 24
"""Columns that have one, folded up."""
MOST_LINES: Final = 5


def columns_section(stored: Stored, rows: Rows, worth: Sequence[Worth] = ()) -> Section | None:
    """The section; `None` for a network whose inputs can't be told apart so.

    Args:
        stored: The run.
        rows: The rows that are looked at.
        worth: What each column contributes to single answers, where that is known.
    """
    known = asked_rows(stored, rows)
    if known is None:
        return None
    from nntrain.commands.explaining.explained_run import columns_that_matter

    given, asked = known
    notes: list[str] = []
    importances, dependences = columns_that_matter(stored, given, asked, notes)
    if importances is None and len(worth) < 2:
        return None
    unit = "in probability" if stored.blueprint.targets[asked.target].kind != "values" else f"in the unit of {asked.output or asked.target}"
    blocks = _blocks(importances, dependences, tuple(_contributing(worth, unit)), notes)
    return Section("columns", "Columns that matter", tuple(blocks))


def _contributing(worth: Sequence[Worth], unit: str) -> Iterator[Drawing]:
    if len(worth) > 1:
        told = f"How large its share of a single answer is on average, {unit}, for it or against it (integrated gradients)."
        best = worth[:SHOWN]
        yield Bars("What each column contributes", told, tuple(each.column for each in best), tuple(each.mean for each in best))


def _blocks(
    found: Importances | None, dependences: Sequence[Dependence], drawings: Sequence[Drawing], notes: Sequence[str]
) -> Iterator[Block]:
    if found is None:
        yield Figures((*drawings, *_curves(dependences[:CURVES])))
        yield from map(Paragraph, notes)
        return
    best = found.columns[:SHOWN]
    told = f"What {found.metric} ({short_number(found.value)}) loses when a column is shuffled, on average of {found.shuffles} times."
    bars = Bars("What each column is worth", told, tuple(each.column for each in best), tuple(each.mean for each in best))
    yield Figures((bars, *drawings, *_curves(dependences[:CURVES])))
    rows = tuple((each.column, short_number(each.mean), short_number(each.spread)) for each in found.columns[: 3 * SHOWN])
    table = Table(f"What {found.metric} loses without each column", ("column", "mean", "standard deviation"), rows)
    yield Folded("In numbers, with the spread over the shuffles", (table,))
    if len(dependences) > CURVES:
        yield Folded(f"Mean prediction by each of {len(dependences)} columns", (Figures(tuple(_curves(dependences[:MOST_CURVES]))),))
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
