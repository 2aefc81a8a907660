"""Sends reports to a tracker in a thread of its own, so that no server can stop or slow a run."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from typing import Final

from nntrain.tracking.apart import Apart, words
from nntrain.tracking.tracker import Ending, Record, Sink, Start, Tracker, TrackingError

MOST_WAITING: Final = 10_000
"""Reports that may wait to be sent; a tracker that is further behind is given up."""
KEEP_S: Final = 5.0
"""How often it is written down up to where a tracker has the reports."""
LONGEST: Final = 300
"""Letters of an error that are told."""

Keep = Callable[[str, str | None, int], None]
"""Writes down, for a tracker's key, what it calls the run and up to which step it has the reports."""


class Sender:
    """The reports of one run on their way to one tracker."""

    def __init__(self, tracker: Tracker, start: Start, keep: Keep) -> None:
        """Begin; whether the tracker can be reached is known later.

        Args:
            tracker: Where they go.
            start: What the tracker is told first.
            keep: Called in the thread.
        """
        self.tracker = tracker
        self.trouble: str | None = None
        """Why nothing more is sent, once that is so."""
        self._start, self._keep = start, keep
        self._sink: Sink | None = None
        self._queue = SimpleQueue[Record | Ending]()
        self._is_given_up = False
        self._sent, self._kept_at = start.sent, 0.0
        self._thread = threading.Thread(target=self._work, name=f"nntrain-{tracker.type}", daemon=True)
        self._thread.start()

    def report(self, record: Record) -> None:
        """Send a report, some time."""
        if self.trouble is None and self._queue.qsize() >= MOST_WAITING:
            self.give_up(f"{MOST_WAITING:,} reports behind")
        if self.trouble is None:
            self._queue.put(record)

    def end(self, ending: Ending) -> None:
        """Send the end, behind all reports."""
        self._queue.put(ending)

    def is_done(self, wait_s: float) -> bool:
        """Whether all is sent, or given up, after waiting so long at most."""
        self._thread.join(max(wait_s, 0))
        return not self._thread.is_alive()

    def give_up(self, why: str) -> None:
        """Send nothing more. What is under way is cut off where that can be done."""
        self._is_given_up = True
        self.trouble = self.trouble or why
        if isinstance(self._sink, Apart):
            self._sink.kill()

    def _work(self) -> None:
        try:
            self._send_all()
        except Exception as error:  # a library may raise anything, and none of it must cost the run
            self.trouble = self.trouble or _harmless(str(error) if isinstance(error, TrackingError) else words(error))
        finally:
            if self._sink is not None:
                with suppress(Exception):  # of a full disk was told already
                    self._note(self._sink)
                with suppress(OSError):
                    self._sink.close()

    def _open(self) -> Sink:
        if not self.tracker.apart:
            return self.tracker.open(self._start)
        self._sink = sink = Apart(self._start.folder)  # known before it is open: a server that never answers is not waited for
        sink.open(self.tracker, self._start)
        return sink

    def _send_all(self) -> None:
        self._sink = sink = self._open()
        self._note(sink)
        while not self._is_given_up:
            item = self._queue.get()
            if isinstance(item, Ending):
                sink.end(item)
                return
            sink.report(item)
            self._sent = item["step"]
            if time.monotonic() - self._kept_at >= KEEP_S:
                self._note(sink)

    def _note(self, sink: Sink) -> None:
        if not self._is_given_up:
            self._keep(self.tracker.key, sink.run_id or self._start.run_id, self._sent)  # of one that could not go on the old name
            self._kept_at = time.monotonic()


def _harmless(text: str) -> str:
    """An error of a library without the password that an address may hold, and not too long."""
    text = re.sub(r"://[^/@\s]+@", "://…@", text)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
