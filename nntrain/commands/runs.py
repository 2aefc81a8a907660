"""`nntrain runs`: all runs in the order in which they were started, the newest last. Torch-free."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean
from typing import Any, cast

from nntrain.commands.figures import format_bytes, format_number, format_seconds
from nntrain.commands.results import aligned
from nntrain.commands.start import ago
from nntrain.errors import CheckpointError
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
    epochs: int | None
    """Of a run with members their mean, as `nntrain compare` shows it."""
    seconds: float | None
    """From start to end, without breaks: of a run with members of all together."""
    bytes: int
    """Size on disk."""
    inexact_since: int | None
    """Step from which on it is not bit for bit what one run without a break gives; `None` for an exact run."""


def run(runs: Path | None, *, as_json: bool, unfinished: bool = False) -> str:
    """The list as a table, or as one JSON object; with `unfinished` of the runs alone that may go on."""
    root = runs_root(runs)
    rows = [row for row in map(_row, all_runs(root)) if not unfinished or row.state == "unfinished"]
    if as_json:
        return json.dumps({"runs": [asdict(row) for row in rows]}, allow_nan=False)
    if not rows and unfinished:
        return f"no unfinished runs in {root.as_posix()}/"
    if not rows:
        return f"no runs in {root.as_posix()}/ yet; train one: nntrain fit CONFIG"
    head = ["run", "started", "ended", "best", "epochs", "time", "size"]
    now = time.time()
    return aligned([head, *([row.run, ago(now - row.started), *_cells(row)] for row in rows)], gap=2, left=4)


def _cells(row: Row) -> tuple[str, str, str, str, str]:
    ended = row.stop_reason if row.state == "finished" and row.stop_reason else row.state
    ended += "" if row.inexact_since is None else f" (inexact since step {row.inexact_since:,})"
    best = f"{row.metric.removeprefix(SPLIT)} {format_number(row.value)}" if row.metric is not None else "-"
    epochs = "-" if row.epochs is None else str(row.epochs)
    seconds = "-" if row.seconds is None else format_seconds(row.seconds)
    return ended, best, epochs, seconds, format_bytes(row.bytes)


def _row(found: Run) -> Row:
    summary, state = _summary(found)
    reason = _get(summary, "stop_reason", str)
    if state == "finished" and reason in (None, "interrupted"):
        state = "unfinished"
    if _has_diverged(found):
        state = "diverged"
    metric, value = _judged(summary)
    epochs = _get(summary, "epochs", int)
    members = _epochs_of_members(summary)
    return Row(
        run=found.name,
        started=found.started,
        state=state,
        stop_reason=reason,
        metric=metric,
        value=value,
        epochs=epochs if epochs is not None else members if members is not None else _epochs_so_far(found),
        seconds=_number(summary, "seconds"),
        bytes=_size(found.path),
        inexact_since=_get(summary, "inexact_since", int),
    )


def _has_diverged(found: Run) -> bool:
    with suppress(CheckpointError):
        return diverged_part(found) is not None
    return False


def _size(folder: Path) -> int:
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


def _number(values: Mapping[str, Any], key: str) -> float | None:
    """A finite number, as every JSON reader and the table take it."""
    value = _get(values, key, (int, float))
    try:
        return value if value is not None and math.isfinite(value) else None
    except OverflowError:  # an integer beyond all floats
        return None


def _judged(summary: Mapping[str, Any]) -> tuple[str | None, float | None]:
    name: str | None = _get(summary, "monitor", str)
    best: Mapping[str, Any] = _get(summary, "best", dict) or {}
    return (name, _number(best, name)) if name is not None and name in best else (None, None)


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
