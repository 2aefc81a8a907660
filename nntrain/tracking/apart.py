"""A sink in a process of its own: what its library does to random numbers, signals and the end of a process stays there.

    python -c CODE PATHS, from where it reads JSON lines: settings of the tracker and `Start`, then reports, then an `Ending`

Each line is answered by one. It ends with the process that started it, also where that is killed.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from typing import IO, Any, Final

from nntrain.schema import Slot
from nntrain.tracking.settings import TRACKERS
from nntrain.tracking.tracker import Ending, Record, Sink, Start, Tracker, TrackingError

_CODE: Final = "import sys, json; sys.path[:] = json.loads(sys.argv.pop()); from nntrain.tracking.apart import main; main()"
"""Finds modules where this process does, and nowhere else."""


class Apart(Sink):
    """The sink of a tracker, in a process of its own."""

    def __init__(self, folder: str) -> None:
        """Start the process, which works in a folder."""
        self._is_killed = False
        self._process = subprocess.Popen(  # noqa: S603
            [sys.executable, "-P", "-c", _CODE, json.dumps(sys.path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is for the run, which says then what is to be done
            cwd=folder,
        )

    def open(self, tracker: Tracker, start: Start) -> None:
        """Let it open the sink. Raises `TrackingError`."""
        self._tell({"tracker": tracker.dump(), "start": asdict(start)})

    def report(self, record: Record) -> None:
        self._tell({"report": dict(record)})

    def end(self, ending: Ending) -> None:
        self._tell({"end": asdict(ending)})

    def kill(self) -> None:
        """End the process and all that it started, whatever they do; from any thread, while another one waits for an answer."""
        if not self._is_killed:
            self._is_killed = True
            with suppress(OSError):
                os.killpg(self._process.pid, 9) if hasattr(os, "killpg") else self._process.kill()

    def close(self) -> None:
        self.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            with suppress(OSError):
                assert pipe is not None
                pipe.close()

    def _tell(self, message: Mapping[str, Any]) -> None:
        """Say something and wait for the answer. Raises `TrackingError` for an error, or where the process is gone."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps(message).encode() + b"\n")
            self._process.stdin.flush()
            answer = json.loads(self._process.stdout.readline())
        except (OSError, ValueError):
            raise TrackingError("its process has ended") from None
        if "error" in answer:
            raise TrackingError(answer["error"])
        self.run_id = answer["run_id"]


def main() -> None:
    """Take lines from stdin until they end."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what the library prints is no answer
    first = json.loads(sys.stdin.readline())
    tracker = Slot("tracker", (TRACKERS,)).validate(first["tracker"])
    assert isinstance(tracker, Tracker)
    try:
        sink = tracker.open(Start(**first["start"]))
    except Exception as error:  # whatever the library raises
        _answer(answers, {"error": words(error)})
        return
    _answer(answers, {"run_id": sink.run_id})
    for line in sys.stdin:
        message = json.loads(line)
        try:
            if "end" in message:
                sink.end(Ending(**message["end"]))
            else:
                sink.report(message["report"])
        except Exception as error:
            _answer(answers, {"error": words(error)})
            return
        _answer(answers, {"run_id": sink.run_id})
        if "end" in message:
            return
    sink.end(Ending("interrupted"))  # the run was killed


def words(error: BaseException) -> str:
    """What an exception says, in one line."""
    text = next((line.strip() for line in str(error).splitlines() if line.strip()), "")
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _answer(answers: IO[bytes], answer: Mapping[str, Any]) -> None:
    answers.write(json.dumps(answer).encode() + b"\n")
    answers.flush()
