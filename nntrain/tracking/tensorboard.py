"""Event files, which TensorBoard shows."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal

from nntrain.tracking.tracker import Ending, Record, Sink, Start, Tracker, scalars


class TensorBoard(Tracker):
    """Writes event files into `tensorboard/` in the run folder: `tensorboard --logdir runs` shows all runs."""

    type: Literal["tensorboard"] = "tensorboard"
    package: ClassVar = "tensorboardX"

    def open(self, start: Start) -> Events:
        return Events(start)


class Events(Sink):
    """One event file of a run; one that goes on takes back what the files before have of later steps."""

    def __init__(self, start: Start) -> None:
        from tensorboardX import event_file_writer, summary
        from tensorboardX.proto import event_pb2

        self._events: Any = event_pb2
        self._summaries: Any = summary
        folder = Path(start.folder) / "tensorboard"
        folder.mkdir(exist_ok=True)
        # the library names files by the second, and would write over that of a run which was resumed at once
        self._file: Any = event_file_writer.EventsWriter(str(folder / "events"), f".{time.time_ns() % 10**9:09d}.{os.getpid()}")
        session = self._events.SessionLog
        self._write(start.sent + 1, session_log=session(status=session.START))  # what files before have from there on is void
        if start.sent < 0:
            settings = "\n".join(f"    {name}: {value}" for name, value in start.params.items())
            self._write(0, summary=self._summaries.text("config", settings))
        self._file.flush()

    def report(self, record: Record) -> None:
        self._write(record["step"], summary=self._numbers(scalars(record)))
        self._file.flush()

    def end(self, ending: Ending) -> None:
        if ending.numbers:
            self._write(ending.step, summary=self._numbers(ending.numbers))
        for path in map(Path, ending.files):
            if path.suffix == ".md":
                self._write(ending.step, summary=self._summaries.text(path.stem, path.read_text(encoding="utf-8")))

    def close(self) -> None:
        self._file.close()

    def _numbers(self, numbers: Mapping[str, float]) -> object:
        value = self._summaries.Summary.Value
        return self._summaries.Summary(value=[value(tag=name, simple_value=number) for name, number in numbers.items()])

    def _write(self, step: int, **content: object) -> None:
        self._file.write_event(self._events.Event(wall_time=time.time(), step=step, **content))
