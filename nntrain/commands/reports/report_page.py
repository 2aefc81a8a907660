"""The sections of a report in their order, made of what a run folder holds and of its data, as far as they are there."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, cast

from nntrain.commands.reports.report_parts import data_section, network_section
from nntrain.commands.reports.report_settings import settings_section
from nntrain.commands.reports.report_words import ReportFacts, summary_section
from nntrain.commands.screens.figures import format_number, format_seconds
from nntrain.commands.screens.output import tell
from nntrain.commands.screens.pages import course_of
from nntrain.commands.screens.results import spread_text
from nntrain.commands.stored.members_record import has_members, members_record
from nntrain.commands.stored.opening import Stored, is_bag, open_run, record_of
from nntrain.commands.stored.summaries import read_summary
from nntrain.errors import CheckpointError, ConfigError, DataError
from nntrain.insight.report.content import Figures, Page, Paragraph, Section, Table
from nntrain.insight.report.curves import Course, course_drawings, member_drawings, signal_drawings
from nntrain.runs import MEMBERS, Run
from nntrain.training.history import read_lines

if TYPE_CHECKING:
    from nntrain.commands.reports.report_rows import Rows


def page_of(run: Run, owner: str) -> Page:
    """Everything that is to be told of a run. What can't be read any more is left out, and said.

    Raises:
        CheckpointError: The run is damaged.
    """
    summary = _summary(run)
    environment = _optional(run, "environment.json")
    record = record_of(run)
    started = time.strftime("%d %b %Y", time.localtime(run.started))
    seconds = summary.get("seconds")
    where = (
        f"{environment.get('device', '')} {environment.get('threads', '')} thread{'' if environment.get('threads') == 1 else 's'}".strip()
    )
    subtitle = ", ".join(
        part for part in (started, "" if seconds is None else format_seconds(seconds), f"on {where}" if where else "") if part
    )
    sections = tuple(_sections(run, summary, record, environment))
    return Page(f"{run.path.parent.name}, run {run.path.name}", subtitle, owner, sections)


def _summary(run: Run) -> dict[str, Any]:
    """What a run has measured; empty where it did not get that far."""
    return read_summary(run) if (run.path / "summary.json").exists() else {}


def _optional(run: Run, file: str) -> dict[str, Any]:
    return run.read_json(file) if (run.path / file).exists() else {}


def _sections(run: Run, summary: Mapping[str, Any], record: Mapping[str, Any], environment: Mapping[str, Any]) -> Iterator[Section]:
    stored, unopened = _opened(run)
    rows, missing = _rows(stored, summary)
    from nntrain.commands.reports.report_rows import answers_of

    answers = {} if stored is None or rows is None else answers_of(stored, rows)
    in_words = (
        []
        if stored is None
        else [
            f"{words} of {name}" if len(answers) > 1 else words
            for name, found in answers.items()
            if (words := stored.blueprint.targets[name].task.in_words(found)) is not None
        ]
    )
    facts = ReportFacts(
        summary,
        record,
        None if stored is None else stored.blueprint,
        {} if rows is None else rows.intervals,
        tuple(in_words),
        None if rows is None else rows.split,
        "trivial" if stored is None else stored.blueprint.baseline_name,
        None if rows is None else rows.sampled,
    )
    yield summary_section(facts)
    if has_members(run):
        yield members_section(run, summary)
    else:
        yield curves_section(run, summary)
    if stored is not None and rows is not None and rows.split is not None:
        from nntrain.commands.reports.report_cases import answers_section, cases_section, groups_section
        from nntrain.commands.reports.report_columns import columns_section
        from nntrain.commands.reports.report_explained import Explained, explained_of, explained_section

        yield answers_section(stored, answers, rows.split)
        explained = explained_of(stored, rows, answers)
        why = None if explained is None else explained_section(explained)
        worth = explained.worth if isinstance(explained, Explained) else ()
        found = (cases_section(stored, rows, answers), why, groups_section(stored, rows), columns_section(stored, rows, worth))
        yield from (section for section in found if section is not None)
    if stored is not None:
        yield network_section(stored.blueprint)
    notes = [note for note in (missing, unopened, *(() if rows is None else rows.notes)) if note]
    yield data_section(record, rows, " ".join(notes) or None)
    yield settings_section(run, stored, environment)


def _opened(run: Run) -> tuple[Stored | None, str | None]:
    """The network of a run, or of its first member where these don't predict as one; why there is none."""
    try:
        if has_members(run) and not is_bag(run):
            first = members_record(run)["members"][0]["name"]
            return open_run(Run(run.path / MEMBERS / first)), None
        return open_run(run), None
    except (CheckpointError, ConfigError) as error:
        tell(str(error))  # it may name folders, which are nobody else's business
        return None, "The network can't be opened, and what it says is left out."


def _rows(stored: Stored | None, summary: Mapping[str, Any]) -> tuple[Rows | None, str | None]:
    """The rows and the answers for them; why there are none."""
    from nntrain.commands.reports.report_rows import rows_of

    if stored is None or ("members" in summary and not stored.members):
        return None, None if stored is None else "Each member is a network of its own: nntrain report of a member shows its answers."
    try:
        return rows_of(stored, summary), None
    except (DataError, ConfigError) as error:
        tell(str(error))
        return None, "Parts that need the data are left out: they are gone, or not as they were."


def curves_section(run: Run, summary: Mapping[str, Any]) -> Section:
    """How training went."""
    drawings = (*course_drawings(course_of(run, summary)), *signal_drawings(read_lines(run.path / "signals.jsonl")))
    return Section("curves", "Training", (Figures(drawings),) if drawings else (Paragraph("There are no reports yet."),))


def members_section(run: Run, summary: Mapping[str, Any]) -> Section:
    """The members side by side."""
    record = members_record(run)
    courses: dict[str, Course] = {}
    lines: list[tuple[str, ...]] = []
    monitor = str(summary.get("monitor", ""))
    metric = monitor.partition(".")[2]
    for member in record["members"]:
        part = Run(run.path / MEMBERS / member["name"])
        own = _summary(part)
        courses[member["word"]] = course_of(part, own)
        best, test = (cast("Mapping[str, Any]", own.get(part) or {}) for part in ("best", "test"))
        lines.append(
            (member["word"], str(best.get("epoch") or ""), format_number(best.get(monitor)), format_number(test.get(metric)), part.name)
        )
    spread = cast("Mapping[str, Any]", summary.get("sd") or {})
    if spread:
        means = [("best", monitor), ("test", metric)]
        lines.append(("mean ± sd", "", *(spread_text(summary[part].get(name), spread[part].get(name)) for part, name in means), ""))
    table = Table(
        "Members, each with a report of its own: nntrain report FOLDER",
        ("member", "best epoch", monitor, f"test.{metric}", "folder"),
        tuple(lines),
    )
    drawings = tuple(member_drawings(courses))
    return Section("members", "Members", (table, *([Figures(drawings)] if drawings else [])))
