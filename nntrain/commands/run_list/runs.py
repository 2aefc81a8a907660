"""`nntrain runs`: runs in the order in which they were started, the newest last, or by what is asked for. Torch-free."""

from __future__ import annotations

import csv
import io
import json
import shutil
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from statistics import fmean
from typing import Any, Final, cast

from nntrain.commands.run_list.run_labels import Labels, read_labels
from nntrain.commands.run_list.run_queries import Query, RunFacts, Selection, Value, finite
from nntrain.commands.screens.figures import ago, format_bytes, format_number, format_seconds
from nntrain.commands.screens.results import WIDTH, aligned
from nntrain.errors import CheckpointError, UsageError
from nntrain.runs import Run, all_runs, diverged_part, runs_root

SPLIT = "validation."
"""Left out where a metric is named: runs are judged by their validation rows, where they have some."""


@dataclass(frozen=True, slots=True)
class Row:
    """One run as the list shows it."""

    run: str
    started: float
    """Seconds since 1970."""
    state: str
    """`finished`, `unfinished` (stopped in the middle, or still going on), `diverged` or `damaged`."""
    stop_reason: str | None
    metric: str | None
    """The metric that decides which state is the best."""
    value: float | None
    """Its best value."""
    direction: str | None
    """`min` or `max`: which way it is better."""
    epochs: int | None
    """Of a run with members their mean, as `nntrain compare` shows it."""
    seconds: float | None
    """From start to end, without breaks: of a run with members of all together."""
    bytes: int
    """Size on disk."""
    inexact_since: int | None
    """Step from which on it is not bit for bit what one run without a break gives; `None` for an exact run."""
    tags: tuple[str, ...]
    note: str


FORMS: Final = ("table", "csv", "json")


def run(
    runs: Path | None, *, form: str | None = None, unfinished: bool = False, query: Query | None = None, html: Path | None = None
) -> str:
    """The list as a table, as CSV, or as one JSON object, and as a page; with `unfinished` of the runs alone that may go on.

    Raises:
        UsageError: No such form, or a query that the runs can't answer.
    """
    if form not in (None, *FORMS):
        raise UsageError(f"no format {form!r}", f"one of: {', '.join(FORMS)}")
    root, query, now = runs_root(runs), query or Query(), time.time()
    read = {each: _summary(each) for each in all_runs(root)}
    found = {each.path: (_row(each, *told), told[0]) for each, told in read.items()}
    facts = [_facts(Run(path), row, summary) for path, (row, summary) in found.items() if not unfinished or row.state == "unfinished"]
    chosen = Selection(query, now).chosen(facts)
    rows = [found[each.run.path][0] for each in chosen]
    if html is not None:
        from nntrain.commands.run_list.runs_page import write_runs

        write_runs(html, root, rows, [{name: each.value(name) for name in query.columns} for each in chosen])
    if form == "json":
        cells = [{"columns": {name: each.value(name) for name in query.columns}} if query.columns else {} for each in chosen]
        return json.dumps({"runs": [asdict(row) | more for row, more in zip(rows, cells, strict=True)]}, allow_nan=False)
    if form == "csv":
        return _as_csv(rows, chosen, query.columns)
    if not rows:
        return _told_none(root, unfinished=unfinished, is_queried=query != Query())
    if query.columns:
        table = [[row.run, *(_shown(each, name, now) for name in query.columns)] for row, each in zip(rows, chosen, strict=True)]
        return aligned([["run", *query.columns], *table], gap=2, left=1)
    return _table(rows, now, None if not sys.stdout.isatty() else shutil.get_terminal_size((WIDTH, 24)).columns)


def _table(rows: Sequence[Row], now: float, width: int | None) -> str:
    """A line for each run, or two where a terminal of this width would break them; `None` for what breaks no line."""
    head = ["run", "started", "ended", "best", "epochs", "time", "size"]
    table = [head, *([row.run, ago(now - row.started), *_cells(row)] for row in rows)]
    notes = ["", *(" ".join([*(f"[{tag}]" for tag in row.tags), row.note]).strip() for row in rows)]
    if any(notes):
        found = aligned([[*cells, note] for cells, note in zip(table, notes, strict=True)], gap=2, left=4, last_left=True)
    else:
        found = aligned(table, gap=2, left=4)
    if width is None or max(map(len, found.splitlines())) <= width:
        return found
    lines: list[list[str]] = []
    for (name, started, ended, best, epochs, seconds, size), note in zip(table, notes, strict=True):
        lines += [[name, best, ended], [f"  {started}", f"{epochs} epochs, {seconds}" if lines else "epochs, time", size]]
        lines += [[f"  {note}", "", ""]] if note else []
    return aligned(lines, gap=2, left=3)


def _told_none(root: Path, *, unfinished: bool, is_queried: bool) -> str:
    if is_queried:
        return f"none of the runs in {root.as_posix()}/ is what you ask for"
    if unfinished:
        return f"no unfinished runs in {root.as_posix()}/"
    return f"no runs in {root.as_posix()}/ yet; train one: nntrain fit CONFIG"


def _facts(found: Run, row: Row, summary: Mapping[str, Any]) -> RunFacts:
    known: dict[str, Value] = {"run": row.run, "name": found.path.parent.name, "state": row.state, "ended": row.stop_reason}
    known |= {"started": row.started, "epochs": row.epochs, "seconds": row.seconds, "bytes": row.bytes}
    known |= {"steps": finite(summary.get("steps")), "parameters": finite(summary.get("parameters")), "best": row.value}
    return RunFacts(found, summary, known | {"tags": ", ".join(row.tags), "note": row.note})


def _shown(facts: RunFacts, name: str, now: float) -> str:
    """A value as a cell of the table."""
    value = facts.value(name)
    if name == "started" and isinstance(value, float):
        return ago(now - value)
    if name == "bytes" and isinstance(value, int):
        return format_bytes(value)
    if name == "seconds" and isinstance(value, float | int):
        return format_seconds(value)
    if isinstance(value, bool) or not isinstance(value, float):
        return "-" if value in (None, "") else str(value)
    return format_number(value)


def _as_csv(rows: Sequence[Row], chosen: Sequence[RunFacts], columns: Sequence[str]) -> str:
    """A line a run: the columns that are asked for, else all that JSON has."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    names = list(columns) or [each.name for each in fields(Row) if each.name != "run"]
    writer.writerow(["run", *names])
    for row, each in zip(rows, chosen, strict=True):
        plain = {**asdict(row), "tags": " ".join(row.tags)}
        writer.writerow([row.run, *((each.value(name) for name in columns) if columns else (plain[name] for name in names))])
    return text.getvalue().rstrip("\n")


def _cells(row: Row) -> tuple[str, str, str, str, str]:
    ended = row.stop_reason if row.state == "finished" and row.stop_reason else row.state
    ended += "" if row.inexact_since is None else f" (inexact since step {row.inexact_since:,})"
    best = f"{row.metric.removeprefix(SPLIT)} {format_number(row.value)}" if row.metric is not None else "-"
    epochs = "-" if row.epochs is None else str(row.epochs)
    seconds = "-" if row.seconds is None else format_seconds(row.seconds)
    return ended, best, epochs, seconds, format_bytes(row.bytes)


def row_of(found: Run) -> Row:
    """A run as the list shows it; what of it can't be read is left out."""
    return _row(found, *_summary(found))


def _row(found: Run, summary: Mapping[str, Any], state: str) -> Row:
    reason = _get(summary, "stop_reason", str)
    if state == "finished" and reason in (None, "interrupted"):
        state = "unfinished"
    if _has_diverged(found):
        state = "diverged"
    metric, value = _judged(summary)
    epochs = _get(summary, "epochs", int)
    members = _epochs_of_members(summary)
    labels = _labels(found)
    directions: Mapping[str, object] = _get(summary, "directions", dict) or {}
    direction = None if metric is None else directions.get(metric.partition(".")[2])
    return Row(
        run=found.name,
        started=found.started,
        state=state,
        stop_reason=reason,
        metric=metric,
        value=value,
        direction=direction if direction in ("min", "max") else None,
        epochs=epochs if epochs is not None else members if members is not None else _epochs_so_far(found),
        seconds=finite(summary.get("seconds")),
        bytes=size_of(found.path),
        inexact_since=_get(summary, "inexact_since", int),
        tags=labels.tags,
        note=labels.note,
    )


def _labels(found: Run) -> Labels:
    with suppress(CheckpointError):
        return read_labels(found)
    return Labels()


def _has_diverged(found: Run) -> bool:
    with suppress(CheckpointError):
        return diverged_part(found) is not None
    return False


def size_of(folder: Path) -> int:
    """Bytes of all files; a run that is going on may take some away meanwhile."""
    size = 0
    for path in folder.rglob("*"):
        with suppress(OSError):
            size += path.stat().st_size if path.is_file() else 0
    return size


def _summary(found: Run) -> tuple[Mapping[str, Any], str]:
    if not (found.path / "summary.json").exists():
        return {}, "unfinished"
    try:
        return found.read_json("summary.json"), "finished"
    except CheckpointError:
        return {}, "damaged"


def _get(summary: Mapping[str, Any], key: str, kind: type | tuple[type, ...]) -> Any:
    """A value of a summary, if it is what it should be: a list of runs must not fail because of one of them."""
    value = summary.get(key)
    return value if isinstance(value, kind) and not isinstance(value, bool) else None


def _judged(summary: Mapping[str, Any]) -> tuple[str | None, float | None]:
    """The metric that a run is ranked by: what decided, or the first of those that it has, as a bag has no loss."""
    name: str | None = _get(summary, "monitor", str)
    best: Mapping[str, Any] = _get(summary, "best", dict) or {}
    if name is not None and name not in best and _get(summary, "kind", str) == "bag":
        name = next((each for each in best if each.startswith(SPLIT)), None)
    return (name, finite(best.get(name))) if name is not None and name in best else (None, None)


def _epochs_of_members(summary: Mapping[str, Any]) -> int | None:
    """The mean over the members; `None` where there are none."""
    members: list[object] = _get(summary, "members", list) or []
    found = [_get(cast("dict[str, Any]", each), "epochs", int) for each in members if isinstance(each, dict)]
    known = [epochs for epochs in found if epochs is not None]
    return round(fmean(known)) if known else None


def _epochs_so_far(found: Run) -> int | None:
    """Epochs that the history of a run without a summary tells of; `None` where it can't be read."""
    try:
        lines = (found.path / "history.jsonl").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None
    for line in reversed(lines[-2:]):  # the last one may be cut off
        try:
            record = json.loads(line)
        except (ValueError, RecursionError):
            continue
        return _get(cast("dict[str, Any]", record), "epoch", int) if isinstance(record, dict) else None
    return None
