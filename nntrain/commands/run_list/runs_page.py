"""The list of runs as one page, which is sorted by a click on the head of a column."""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast
from urllib.parse import quote

from nntrain.commands.screens.figures import format_bytes, format_number, format_seconds
from nntrain.commands.screens.pages import FILE, check_free, write_page
from nntrain.insight.report.content import Cell, Link, Page, Section, Sparkline, Table, Value
from nntrain.insight.report.page import render
from nntrain.wording import number_of

if TYPE_CHECKING:
    from nntrain.commands.run_list.runs import Row

POINTS: Final = 24
"""Reports of a history that a small curve is made of."""


def write_runs(path: Path, root: Path, rows: Sequence[Row], more: Sequence[Mapping[str, object]]) -> None:
    """Write the page, the newest or best run first; an earlier page of the same runs folder is replaced, nothing else is.

    Args:
        path: The file.
        root: The runs folder.
        rows: The runs.
        more: Of each further values by name, which are columns too.

    Raises:
        UsageError: A file of somebody's is in the way.
        ResourceError: It can't be written.
    """
    owner = sha256(b"runs\n" + str(root.resolve()).encode()).hexdigest()
    check_free(path, owner)
    names = list(dict.fromkeys(name for values in more for name in values))
    head = ("run", "metric", "best", "loss", *names, "ended", "started", "epochs", "time", "size", "tags and note")
    cells = tuple(_cells(row, [values.get(name) for name in names], path, root) for row, values in zip(rows, more, strict=True))
    words = frozenset({3, head.index("ended"), head.index("started"), len(head) - 1})
    caption = "A click on the head of a column sorts by it; runs are ranked by their validation rows"
    table = Table(caption, head, cells[::-1], 2, words=words, is_sortable=True)
    page = Page(f"Runs in {root.as_posix()}", number_of(len(rows), "run"), owner, (Section("runs", "Runs", (table,)),))
    write_page(path, render(page))


def _cells(row: Row, more: Sequence[object], page: Path, root: Path) -> tuple[Cell, ...]:
    started = Value(time.strftime("%Y-%m-%d %H:%M", time.localtime(row.started)), row.started)
    ended = row.stop_reason if row.state == "finished" and row.stop_reason else row.state
    return (
        _run(Path(row.run), page, root),
        (row.metric or "").removeprefix("validation."),
        _number(row.value),
        Sparkline(losses_of(Path(row.run))),
        *(_number(value) if isinstance(value, int | float) and not isinstance(value, bool) else str(value or "") for value in more),
        ended,
        started,
        _number(row.epochs),
        Value("" if row.seconds is None else format_seconds(row.seconds), row.seconds),
        Value(format_bytes(row.bytes), row.bytes),
        " ".join([*(f"[{tag}]" for tag in row.tags), row.note]).strip(),
    )


def _run(run: Path, page: Path, root: Path) -> Cell:
    """The run as it is called within its runs folder, with a link to its report where it has one."""
    name = run.relative_to(root).as_posix() if run.is_relative_to(root) else run.as_posix()
    report = run / FILE
    if not report.is_file():
        return name
    return Link(name, quote(Path(os.path.relpath(report, page.parent)).as_posix()))


def losses_of(run: Path) -> tuple[float, ...]:
    """The validation loss over a run, else that of training, at a few of its reports; what can't be read is left out."""
    try:
        lines = [line for line in (run / "history.jsonl").read_bytes().split(b"\n") if line]
    except OSError:
        return ()
    count = min(POINTS, len(lines))
    records = [_metrics(lines[(place + 1) * len(lines) // count - 1]) for place in range(count)]
    for name in ("validation.loss", "train.loss"):
        values = tuple(value for record in records if isinstance(value := record.get(name), float) and math.isfinite(value))
        if values:
            return values
    return ()


def _metrics(line: bytes) -> dict[str, object]:
    try:
        record: object = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    metrics = cast("dict[str, object]", record).get("metrics") if isinstance(record, dict) else None
    return cast("dict[str, object]", metrics) if isinstance(metrics, dict) else {}


def _number(value: float | None) -> Value:
    return Value("" if value is None else f"{value:,}" if isinstance(value, int) else format_number(value), value)
