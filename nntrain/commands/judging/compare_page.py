"""`nntrain compare --html`: runs beside one another as one page that stands alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import fmean
from typing import TYPE_CHECKING, Final

from nntrain.commands.judging.compared_rows import Row, caption_of, columns_of, direction_of, metrics_of, table_of
from nntrain.commands.judging.compared_settings import Differences, labels_of
from nntrain.commands.screens.pages import course_of
from nntrain.insight.report.content import Block, Figures, Folded, Heading, Page, Paragraph, Section, Table
from nntrain.insight.report.curves import Course, overlaid_drawings
from nntrain.runs import MEMBERS, Run
from nntrain.wording import number_of

if TYPE_CHECKING:
    from nntrain.commands.judging.pairing import Pair, Unpaired

MOST_LINES: Final = 20
"""Lines of a drawing: of more nobody tells one from another."""


def compared_page(
    runs: Sequence[Run], rows: Sequence[Row], differences: Differences | None, pairs: Sequence[Pair | Unpaired], owner: str
) -> Page:
    """The page. Raises `CheckpointError` where the history of a run is damaged."""
    sections = tuple(_sections(runs, rows, differences, pairs))
    return Page(f"{number_of(len(rows), 'run')} side by side", ", ".join(row.name for row in rows), owner, sections)


def _sections(
    runs: Sequence[Run], rows: Sequence[Row], differences: Differences | None, pairs: Sequence[Pair | Unpaired]
) -> Iterator[Section]:
    labels = labels_of(runs)
    yield Section("summary", "Figures", (_metrics(rows), Folded("All figures", (_all_figures(rows, labels),))))
    yield Section("chance", "What chance does not explain", tuple(_significance(pairs)))
    courses = _courses(runs, labels)
    drawings = tuple(overlaid_drawings(dict(list(courses.items())[:MOST_LINES])))
    told = [Paragraph(f"The first {MOST_LINES} of {len(courses)} lines are drawn.")] if len(courses) > MOST_LINES else []
    yield Section("curves", "Training", (*told, Figures(drawings)) if drawings else (Paragraph("There are no reports."),))
    if differences is not None:
        yield Section("settings", "What differs", tuple(_differing(differences)))


def _metrics(rows: Sequence[Row]) -> Table:
    """The table of the screen, with the best of each column of validation figures: runs are not ranked by test rows."""
    head, cells = table_of(rows)
    titles = {title: name for title, name in columns_of(rows).items() if not name.startswith("test.")}
    best = frozenset((place, head.index(title)) for title, name in titles.items() for place in _best(rows, name))
    caption = caption_of(rows) + ("; marked: the best by validation rows" if best else "")
    return Table(caption[0].upper() + caption[1:], tuple(head), tuple(map(tuple, cells)), best=best)


def _best(rows: Sequence[Row], name: str) -> list[int]:
    """Places of the rows whose mean is the best; none where there is but one, or it is not known which way is better."""
    found = {place: fmean(values) for place, row in enumerate(rows) if (values := row.values(name))}
    direction = next((way for row in rows if (way := direction_of(row, name)) is not None), None)
    if len(found) < 2 or direction is None:
        return []
    best = max(found.values()) if direction == "max" else min(found.values())
    return [place for place, value in found.items() if value == best]


def _all_figures(rows: Sequence[Row], labels: Sequence[str]) -> Table:
    names = metrics_of(rows)
    several = any(len(row.summaries) > 1 for row in rows)
    caption = "Mean ± standard deviation over the runs of each" if several else "Every figure that was measured"
    return Table(caption, ("figure", *labels), tuple((name, *(row.text(name) for row in rows)) for name in names))


def _significance(pairs: Sequence[Pair | Unpaired]) -> Iterator[Block]:
    from nntrain.commands.judging.pairing import CAPTION, Pair

    for pair in pairs:
        if not isinstance(pair, Pair):
            yield Paragraph(f"{pair.why}.")
            continue
        yield Heading(pair.title)
        for line in pair.sentences()[:1]:
            yield Paragraph(line, is_lead=True)
        head = ("metric", "better by", "low", "high", "better in", "worse in")
        yield Table(f"{pair.first} less {pair.other}, turned so that more is better", head, tuple(pair.cells()))
    yield Paragraph(f"{CAPTION[0].upper()}{CAPTION[1:]}.")


def _courses(runs: Sequence[Run], labels: Sequence[str]) -> dict[str, Course]:
    """What is drawn of runs, and of the members of those that have some, by label."""
    found: dict[str, Course] = {}
    for run, label in zip(runs, labels, strict=True):
        members = sorted(path for path in (run.path / MEMBERS).glob("*") if (path / "summary.json").is_file())
        for part in [Run(path) for path in members] or [run]:
            found[label if part is run else f"{label} {part.path.name}"] = course_of(part, part.read_json("summary.json"))
    return found


def _differing(found: Differences) -> Iterator[Table | Paragraph]:
    if found.written:
        rows = tuple((path, *values) for path, values in found.written.items())
        yield Table("Settings that are not the same in all", ("setting", *found.labels), rows, left=len(found.labels) + 1)
    else:
        yield Paragraph("All settings are the same.")
    yield Paragraph(f"Data: {found.data}.")
    yield Paragraph(f"Versions: {found.versions}.")
