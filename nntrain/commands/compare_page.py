"""Runs beside one another as one page: figures, differences that chance does not explain, curves over one axis, settings that differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final, cast

from nntrain.commands.figures import format_number, format_seconds
from nntrain.commands.members import has_members
from nntrain.commands.output import tell
from nntrain.commands.report_page import course_of
from nntrain.commands.report_rows import LEVEL, rows_of
from nntrain.commands.report_settings import from_environment, written
from nntrain.commands.stored import open_run, record_of
from nntrain.config.loading import load
from nntrain.config.resolving import differences
from nntrain.errors import CheckpointError, ConfigError, DataError, render_path
from nntrain.insight.report.content import Block, Figures, Page, Paragraph, Section, Table
from nntrain.insight.report.curves import Course, member_drawings
from nntrain.wording import number_of

if TYPE_CHECKING:
    from nntrain.commands.report_rows import Rows
    from nntrain.runs import Run
    from nntrain.training.session import Weighable

MOST_SETTINGS: Final = 60


def compared_page(runs: Sequence[Run]) -> Page:
    """The page of finished runs, the first of which the others are compared with.

    Raises:
        CheckpointError: One is damaged.
    """
    summaries = {run.name: run.read_json("summary.json") for run in runs}
    courses = {run.name: course_of(run, summaries[run.name]) for run in runs if not has_members(run)}
    sections = [Section("summary", "Figures", tuple(_figures(runs, summaries)))]
    chance = tuple(_chance(runs))
    sections += [Section("chance", "What chance does not explain", chance)]
    curves = tuple(_curves(courses))
    sections += [Section("curves", "Training", curves)] if curves else []
    sections.append(Section("settings", "Settings that differ", tuple(_settings(runs))))
    subtitle = ", ".join(run.name for run in runs)
    return Page(f"{number_of(len(runs), 'run')} side by side", subtitle, owner_of_all(runs), tuple(sections))


def owner_of_all(runs: Sequence[Run]) -> str:
    """What a page of these runs, in this order, is known by."""
    return sha256(" ".join(str(record_of(run).get("id", "")) for run in runs).encode()).hexdigest()


def _figures(runs: Sequence[Run], summaries: Mapping[str, Mapping[str, Any]]) -> Iterator[Block]:
    """Every held-out metric, the best of each marked by a star; then what the runs cost."""
    names: dict[str, None] = {}
    figures: dict[str, dict[str, float | None]] = {}
    for name, summary in summaries.items():
        best = {key: value for key, value in summary["best"].items() if key.startswith("validation.")}
        figures[name] = best | {f"test.{key}": value for key, value in summary["test"].items()}
        names |= dict.fromkeys(figures[name])
    directions: dict[str, str] = {key: way for summary in summaries.values() for key, way in summary["directions"].items()}
    rows: list[tuple[str, ...]] = []
    for metric in sorted(names, key=lambda each: not each.startswith("validation.")):
        values = [figures[run.name].get(metric) for run in runs]
        known = [value for value in values if value is not None]
        sign = 1 if directions.get(metric.partition(".")[2]) == "max" else -1
        top = max(known, key=lambda value: sign * value) if len({*known}) > 1 and metric.startswith("validation.") else None
        rows.append((metric, *(f"{format_number(value)}{' *' if value is not None and value == top else ''}" for value in values)))
    costs = (("parameters", "{:,}"), ("epochs", "{:,.0f}"), ("steps", "{:,.0f}"))
    for key, form in costs:
        rows.append((key, *(form.format(value) if isinstance(value := summaries[run.name].get(key), int | float) else "-" for run in runs)))
    rows.append(("time", *(format_seconds(float(summaries[run.name].get("seconds") or 0)) for run in runs)))
    yield Table("Figures of the best states; a star is the best on the validation rows, which alone rank", ("", *summaries), tuple(rows))


def _chance(runs: Sequence[Run]) -> Iterator[Block]:
    """How far each run is from the first on the same rows, drawn again and again for both at once."""
    first = _answered(runs[0])
    if isinstance(first, str):
        yield Paragraph(first)
        return
    for run in runs[1:]:
        other = _answered(run)
        if isinstance(other, str):
            yield Paragraph(other)
        elif (why := _apart(first, other)) is not None:
            yield Paragraph(f"{run.name} can't be compared so with {runs[0].name}: {why}.")
        else:
            yield _differences(runs[0], run, first, other)


def _answered(run: Run) -> Rows | str:
    """The validation rows with the answers of a run, or why there are none."""
    if has_members(run):
        return f"{run.name} has members, each with rows of its own: name one."
    try:
        return rows_of(open_run(run), {})
    except (CheckpointError, ConfigError, DataError) as error:
        tell(str(error))
        return f"{run.name} can't answer for its rows again: its data are gone, or have changed."


def _apart(first: Rows, other: Rows) -> str | None:
    """Why two runs have no rows in common; `None` where they have the same."""
    if first.judged is None or other.judged is None:
        return "one of them gives rows no answers"
    if first.prepared.fingerprints.get("source") != other.prepared.fingerprints.get("source"):
        return "they are of other data"
    if first.numbers != other.numbers or not first.judged.weights.equal(other.judged.weights):
        return "their validation rows are others"
    return None


def _differences(first: Run, second: Run, ours: Rows, theirs: Rows) -> Table:
    from nntrain.training.resampling import paired

    judged, other = cast("Weighable", ours.judged), cast("Weighable", theirs.judged)
    found = paired(other, judged, LEVEL, ours.config.experiment.seed)
    rows: list[tuple[str, ...]] = []
    for metric, (difference, span) in found.items():
        is_sure = span is not None and not span[0] <= 0 <= span[1]
        spans = "-" if span is None else f"{format_number(span[0])} to {format_number(span[1])}"
        rows.append((metric, format_number(difference), spans, "more than chance" if is_sure else "may be chance"))
    caption = (
        f"{second.name} less {first.name} on the same {number_of(len(ours.numbers), 'validation row')}, drawn anew 1,000 times for both"
    )
    return Table(caption, ("", "difference", f"{LEVEL:.0%} interval", ""), tuple(rows))


def _curves(courses: Mapping[str, Course]) -> Iterator[Block]:
    """What decides, and the losses, over one axis."""
    if not courses:
        return
    monitors = dict.fromkeys([course.monitor for course in courses.values()] + ["validation.loss", "train.loss"])
    drawings = [
        drawing
        for monitor in monitors
        for drawing in member_drawings({name: Course(course.records, monitor, None) for name, course in courses.items()}, "run")
    ]
    if drawings:
        yield Figures(tuple(drawings))


def _settings(runs: Sequence[Run]) -> Iterator[Block]:
    documents = [load(run.path / "resolved.yaml") for run in runs]
    paths = dict.fromkeys(path for other in documents[1:] for path, _, _ in differences(documents[0].tree, other.tree))
    if not paths:
        yield Paragraph("None: their settings are the same.")
        return
    rows = tuple(
        (render_path(path), *(from_environment(document, path) or written(_at(document.tree, path)) for document in documents))
        for path in [*paths][:MOST_SETTINGS]
    )
    yield Table("Settings that are not the same in all", ("", *(run.name for run in runs)), rows, left=1 + len(runs))
    if len(paths) > MOST_SETTINGS:
        yield Paragraph(f"{number_of(len(paths) - MOST_SETTINGS, 'more setting')} differ.")


def _at(tree: Any, path: Sequence[Any]) -> Any:
    """What stands at a path; `None` where nothing does."""
    for part in path:
        try:
            tree = tree[part]
        except (KeyError, IndexError, TypeError):
            return None
    return tree
