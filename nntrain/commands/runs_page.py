"""The list of runs as one page, which is sorted by a click on the head of a column."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from nntrain.commands.figures import format_bytes, format_number, format_seconds
from nntrain.commands.report import FILE, check_free, write_page
from nntrain.insight.report.content import Cell, Link, Page, Section, Table, Value
from nntrain.insight.report.page import render
from nntrain.wording import number_of

if TYPE_CHECKING:
    from nntrain.commands.runs import Row


def write_runs(path: Path, root: Path, rows: Sequence[Row], more: Sequence[Mapping[str, object]]) -> None:
    """Write the page; an earlier one of the same runs folder is replaced, nothing else is.

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
    head = ("run", "started", "ended", "metric", "best", *names, "epochs", "time", "size", "tags and note")
    cells = tuple(_cells(row, [values.get(name) for name in names], path) for row, values in zip(rows, more, strict=True))
    table = Table("A click on the head of a column sorts by it; runs are ranked by their validation rows", head, cells, 4, is_sortable=True)
    page = Page(f"Runs in {root.as_posix()}", number_of(len(rows), "run"), owner, (Section("runs", "Runs", (table,)),))
    write_page(path, render(page))


def _cells(row: Row, more: Sequence[object], page: Path) -> tuple[Cell, ...]:
    started = Value(time.strftime("%Y-%m-%d %H:%M", time.localtime(row.started)), row.started)
    ended = row.stop_reason if row.state == "finished" and row.stop_reason else row.state
    return (
        _run(row.run, page),
        started,
        ended,
        row.metric or "",
        _number(row.value),
        *(_number(value) if isinstance(value, int | float) and not isinstance(value, bool) else str(value or "") for value in more),
        _number(row.epochs),
        Value("" if row.seconds is None else format_seconds(row.seconds), row.seconds),
        Value(format_bytes(row.bytes), row.bytes),
        " ".join([*(f"[{tag}]" for tag in row.tags), row.note]).strip(),
    )


def _run(name: str, page: Path) -> Cell:
    """The run, with a link to its report where it has one."""
    report = Path(name) / FILE
    if not report.is_file():
        return name
    return Link(name, quote(Path(os.path.relpath(report, page.parent)).as_posix()))


def _number(value: float | None) -> Value:
    return Value("" if value is None else f"{value:,}" if isinstance(value, int) else format_number(value), value)
