"""What single answers hang on, for a report: shares of the worst answered rows, drawn as what they are, and how good these are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, cast

from nntrain.commands.explaining.answers import Asked, asked_of, require_explainable
from nntrain.commands.preparing.measured_rows import MeasuredRows
from nntrain.commands.reports.report_cases import true_of
from nntrain.commands.screens.figures import format_number, format_signed
from nntrain.data.exhibits import MarkedText, Picture
from nntrain.data.highlights import Course, Heat, MarkedWords, strengths
from nntrain.errors import DataError, UsageError
from nntrain.insight.report.content import Block, Figures, Gallery, Heading, Paragraph, Section, Table
from nntrain.insight.settings import ExplainSettings
from nntrain.tasks.drawings import Bars, Contributions, Drawing
from nntrain.wording import number_of, short_number

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nntrain.commands.explaining.explained_rows import Worth
    from nntrain.commands.reports.report_rows import Rows
    from nntrain.commands.stored.opening import Stored
    from nntrain.data.fields.field import Array
    from nntrain.data.table import Table as Rowed
    from nntrain.insight.explanation import ExplainedRow, Quality, Share
    from nntrain.tasks.drawings import Answers

CASES: Final = 4
"""Rows that are explained, the worst answered ones."""
MOST_ROWS: Final = 32
"""Rows that the quality of shares is measured on."""
LARGEST: Final = 2**26
"""Numbers, weights and inputs, of the largest network that is explained in passing."""
WORK: Final = 2**24
"""Numbers beyond which fewer rows are taken: all rows together are as large at most, unless the worst ones alone are larger."""
STEPS: Final = 256
"""Points of the way on which gradients are added up, at most."""
SHOWN: Final = 8
"""Columns or nodes of a row."""
COURSES: Final = 3
"""Columns of a window that are drawn."""


@dataclass(frozen=True, slots=True)
class Explained:
    """What was found."""

    cases: tuple[ExplainedRow, ...]
    true: tuple[str, ...]
    """What is true of each; empty where that is no word or number."""
    quality: Quality
    worth: tuple[Worth, ...]
    """What each column contributes on average."""
    attention: tuple[ExplainedRow, ...]
    """The same rows by what attention looks at; none without layers of it."""
    is_probability: bool


def explained_of(stored: Stored, rows: Rows, answers: Mapping[str, Answers]) -> Explained | str | None:
    """Explain the worst answered rows; in words why they can't be; `None` where nothing of the kind can be explained."""
    known = asked_rows(stored, rows)
    if known is None:
        return None
    given, asked = known
    from nntrain.insight.attributing import require_captum

    try:
        require_captum()
    except UsageError as error:
        return f"What single answers hang on, by integrated gradients, is not told: the package captum is not installed. {error.hint}"
    count = _affordable(stored, given)
    if not count:
        return f"The network is too large to be explained in passing: nntrain explain {stored.run.name}"
    try:
        return _explained(stored, given, asked, answers, _worst(stored, rows, answers, asked)[: min(CASES, count)], count)
    except (UsageError, DataError) as error:
        return f"Single answers are not explained: {error.message}."


def asked_rows(stored: Stored, rows: Rows) -> tuple[MeasuredRows, Asked] | None:
    """The rows of a report as `explain` takes them, and the answer that it explains; `None` where nothing of the kind can be explained."""
    table = rows.table
    if rows.data is None or table is None or rows.split is None or rows.judged is None:
        return None
    try:
        require_explainable(stored)
        asked = asked_of(stored, (stored.config.experiment.explain or ExplainSettings()).target)
    except UsageError:
        return None

    def read() -> Rowed:
        return table

    return MeasuredRows(rows.split, rows.data, (), read, rows.split), asked


def _affordable(stored: Stored, given: MeasuredRows) -> int:
    """How many rows may be explained: many of a small network, none of one that would take minutes."""
    size = (stored.blueprint.program.num_parameters or 0) * max(1, len(stored.members)) + given.data.values_per_row
    return 0 if size > LARGEST else max(CASES, min(MOST_ROWS, WORK // max(1, size)))


def _worst(stored: Stored, rows: Rows, answers: Mapping[str, Answers], asked: Asked) -> list[int]:
    """Places of the rows, the worst answered first; in their order where that is not known. Of windows that overlap the worst one."""
    found = answers.get(asked.target)
    numbers = rows.numbers
    misses = None if found is None else stored.blueprint.targets[asked.target].task.misses(found)
    is_known = misses is not None and len(misses) == len(numbers)
    order = cast("list[int]", (-cast("Array", misses)).argsort(kind="stable").tolist()) if is_known else list(range(len(numbers)))
    window = stored.fields.window
    if window is None:
        return order
    apart: list[int] = []
    for place in order:
        if all(abs(numbers[place] - numbers[other]) >= window.horizon for other in apart):
            apart.append(place)
        if len(apart) == CASES:
            break
    return apart


def _explained(
    stored: Stored, given: MeasuredRows, asked: Asked, answers: Mapping[str, Answers], worst: list[int], count: int
) -> Explained:
    from nntrain.commands.explaining.explained_rows import Effort, judged_rows, told_rows

    settings = ExplainSettings(baseline=(stored.config.experiment.explain or ExplainSettings()).baseline)
    effort = Effort(rows=count, networks=0, steps=STEPS)
    cases = told_rows(stored, given, settings, asked, worst, effort)
    quality, worth = judged_rows(stored, given, settings, asked, effort)
    try:
        attention = told_rows(stored, given, settings.model_copy(update={"method": "attention"}), asked, worst, effort)
    except UsageError:  # a network without
        attention = ()
    found = answers.get(asked.target)
    is_plain = found is not None and found.truth.ndim == 1
    task = stored.blueprint.targets[asked.target].task
    true = tuple(told if found is not None and is_plain and isinstance(told := true_of(task, found, place), str) else "" for place in worst)
    return Explained(cases, true, quality, worth, attention, stored.blueprint.targets[asked.target].kind != "values")


def explained_section(found: Explained | str) -> Section:
    """The section."""
    blocks = (Paragraph(found),) if isinstance(found, str) else tuple(_blocks(found))
    return Section("explained", "What single answers hang on", blocks)


def _blocks(found: Explained) -> Iterator[Block]:
    yield Paragraph(
        "The worst answered rows, explained by integrated gradients: red speaks for the answer, blue against it, compared with a "
        "row that says nothing. Shares are in the unit of the answer."
    )
    yield from _shown(found.cases, found.true, "What")
    if found.attention:
        yield Heading("What attention looks at")
        yield Paragraph(
            "Followed through all layers; the shares of a row add up to 1. That something is looked at does not say how it counts."
        )
        yield from _shown(found.attention, found.true, "Attention")
    yield Paragraph(_quality_words(found.quality))


def _quality_words(quality: Quality) -> str:
    cut = quality.deletion
    areas = f"{format_number(cut.area)}, and {format_number(cut.random_area)} in random order"
    missed = (
        "" if quality.completeness is None else f"the shares of a row miss its answer by {short_number(quality.completeness)} at most; "
    )
    if cut.is_probability:
        told = f"as the largest shares are taken away the mean probability is {areas} (low is good)"
    else:
        told = f"as the largest shares are taken away the answer moves by {areas} (high is good)"
    verdict = "" if cut.is_better else " That is no better than chance: don't trust these shares."
    return f"How good these shares are, on {number_of(quality.rows, 'row')}: {missed}{told}.{verdict}"


def _shown(cases: Sequence[ExplainedRow], true: Sequence[str], what: str) -> Iterator[Block]:
    """Each row as what it is: a picture, a text, the course of columns, nodes; columns of a table as bars."""
    pictures, texts, drawings = list[tuple[Picture, str]](), list[tuple[str, MarkedText]](), list[Drawing]()
    nodes: list[Block] = []
    for row, truth in zip(cases, true, strict=True):
        title = _title(row, truth)
        plain = [share for share in row.shares if share.highlight is None]
        for share in row.shares:
            match share.highlight:
                case Heat(content):
                    pictures.append((_picture(content, f"{what} of {share.column}: {title}"), title))
                case MarkedWords(words, shares):
                    texts.append((title, MarkedText(words, _levels(shares), shares)))
                case _:
                    pass
        drawings += _courses(row, title)
        if len(plain) > 1 or (plain and len(row.shares) > 1):
            drawings.append(_bars(title, plain))
        if row.around is not None:
            ranked = sorted(row.around.nodes, key=lambda node: -abs(node.share))[:SHOWN]
            lines = tuple((node.place, "" if node.hops is None else str(node.hops), format_signed(node.share)) for node in ranked)
            nodes.append(Table(f"{title}: by node", ("node", "edges away", "share"), lines))
    if pictures:
        yield Paragraph(
            "Each picture is as the network reads it, and once more with the shares over it; of sounds and series time goes right."
        )
        yield Gallery("explained", tuple(pictures), is_wide=True)
    if texts:
        yield Table("Words that speak for the answer, and against it", ("answer", "text"), tuple(texts), left=2)
    if drawings:
        yield Figures(tuple(drawings))
    yield from nodes


def _title(row: ExplainedRow, truth: str) -> str:
    said = f"{row.output} ({100 * row.answer:.0f}\u00a0%)" if row.is_probability else f"{row.output} {format_number(row.answer)}"
    return f"{row.place}: {said}" + (f", true {truth}" if truth and row.around is None else "")


def _picture(content: bytes, alt: str) -> Picture:
    width, height = (int.from_bytes(content[start : start + 4]) for start in (16, 20))  # of a PNG
    return Picture(content, "image/png", width, height, alt)


def _levels(shares: Sequence[float]) -> tuple[float, ...]:
    import numpy as np

    return tuple(float(level) for level in strengths(np.array(shares, dtype=np.float64)))


def _courses(row: ExplainedRow, title: str) -> Iterator[Drawing]:
    found = [(share, share.highlight) for share in row.shares if isinstance(share.highlight, Course)]
    for share, course in found[:COURSES]:
        if share.share or not any(other.share for other, _ in found):
            told = f"{title}. {share.column} contributes {format_signed(share.share)}; the bars say in which rows."
            name, words = f"{share.column} before {row.place}", "rows, 0 is the last known"
            yield Contributions(name, told, words, share.column, course.rows, course.values, course.shares)


def _bars(title: str, shares: Sequence[Share]) -> Bars:
    kept = shares[:SHOWN]
    labels = tuple(share.column if share.cell is None else f"{share.column} {share.cell}" for share in kept)
    rest = sum(share.share for share in shares[SHOWN:])
    told = f"{number_of(len(shares) - SHOWN, 'more column')} together {format_signed(rest)}." if len(shares) > SHOWN else ""
    return Bars(title, told, labels, tuple(share.share for share in kept), is_signed=True)
