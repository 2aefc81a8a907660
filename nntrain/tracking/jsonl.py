"""All that is told of a run, as JSON lines."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, Literal

from nntrain.tracking.tracker import Ending, Record, Sink, Start, Tracker


class JSONLines(Tracker):
    """Writes `tracking.jsonl` in the run folder: a line of settings, a flat line a report, a line of results."""

    type: Literal["jsonl"] = "jsonl"

    def open(self, start: Start) -> Lines:
        return Lines(start)


class Lines(Sink):
    """The file of one run."""

    def __init__(self, start: Start) -> None:
        path = Path(start.folder) / "tracking.jsonl"
        kept = _kept(path, start.sent)
        beside = path.with_name(f".{path.name}.tmp")
        with beside.open("w", encoding="utf-8", newline="\n") as file:
            file.writelines(kept or [_line({"run": start.name, "group": start.group, "params": dict(start.params)})])
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)  # a kill in between leaves the file as it was
        self._file = path.open("a", encoding="utf-8", newline="\n")

    def report(self, record: Record) -> None:
        self._write({"step": record["step"], "epoch": record["epoch"], "lr": record["lr"], **record["metrics"]})

    def end(self, ending: Ending) -> None:
        if ending.status == "finished":
            self._write({"summary": dict(ending.summary)})

    def close(self) -> None:
        self._file.close()

    def _write(self, record: dict[str, Any]) -> None:
        self._file.write(_line(record))
        self._file.flush()


def _line(record: dict[str, Any]) -> str:
    return json.dumps(record) + "\n"


def _kept(path: Path, sent: int) -> list[str]:
    """The lines of a run that goes on: settings, and reports up to a step; what a kill has cut off is left out."""
    if sent < 0 or not path.is_file():
        return []
    head, *lines = [line for line in path.read_text(encoding="utf-8").splitlines(keepends=True) if line.endswith("\n")] or [""]
    return [line for line in (head, *(line for line in lines if json.loads(line).get("step", sent + 1) <= sent)) if line]
