"""Reports go to a tracker in a thread of its own: what it does is none of the run's business."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any, Literal

import pytest

from nntrain.tracking import sending
from nntrain.tracking.sending import Sender
from nntrain.tracking.tracker import Ending, Record, Sink, Start, Tracker


class Made(Tracker):
    """Keeps what it is told, and fails where it is told to."""

    type: Literal["made"] = "made"
    fails_at: int | None = None
    """Step whose report raises."""

    def open(self, start: Start) -> Sink:
        return Kept(self.fails_at)


class Kept(Sink):
    """What it was told."""

    run_id = "abc"
    told: list[Any] = []  # noqa: RUF012 (emptied by the fixture)
    gate = threading.Event()

    def __init__(self, fails_at: int | None) -> None:
        self.fails_at = fails_at

    def report(self, record: Record) -> None:
        assert self.gate.wait(10)
        if record["step"] == self.fails_at:
            raise ConnectionError("http://ana:secret@host is away\nand much more")
        self.told.append(record["step"])

    def end(self, ending: Ending) -> None:
        self.told.append(ending.status)


@pytest.fixture(autouse=True)
def kept() -> type[Kept]:
    Kept.told.clear()
    Kept.gate.set()
    return Kept


def sender(tmp_path: Path, notes: list[tuple[str, str | None, int]], fails_at: int | None = None) -> Sender:
    begun = Start(tmp_path.as_posix(), tmp_path.as_posix(), "digits/0001", "digits", None, {})

    def keep(key: str, run_id: str | None, sent: int) -> None:
        notes.append((key, run_id, sent))

    return Sender(Made(fails_at=fails_at), begun, keep)


def record(step: int) -> dict[str, Any]:
    return {"epoch": 0, "step": step, "lr": 0.1, "metrics": {}}


def test_reports_come_in_their_order_and_it_is_noted_how_far_they_came(tmp_path: Path, kept: type[Kept]) -> None:
    notes: list[tuple[str, str | None, int]] = []
    sent = sender(tmp_path, notes)
    for step in range(1, 51):
        sent.report(record(step))
    sent.end(Ending("finished"))
    assert sent.is_done(10)
    assert (kept.told, sent.trouble) == ([*range(1, 51), "finished"], None)
    assert notes[0][1:] == ("abc", -1)  # the name is known before the first report
    assert notes[-1][1:] == ("abc", 50)


def test_an_error_is_kept_in_one_line_without_the_password_and_nothing_more_is_sent(tmp_path: Path, kept: type[Kept]) -> None:
    notes: list[tuple[str, str | None, int]] = []
    sent = sender(tmp_path, notes, fails_at=2)
    for step in (1, 2, 3):
        sent.report(record(step))
    sent.end(Ending("finished"))
    assert sent.is_done(10)
    assert sent.trouble == "ConnectionError: http://…@host is away"
    assert kept.told == [1]


def test_one_that_does_not_answer_is_given_up_when_too_much_waits(
    tmp_path: Path, kept: type[Kept], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "MOST_WAITING", 5)
    kept.gate.clear()
    sent = sender(tmp_path, [])
    for step in range(1, 20):
        sent.report(record(step))
    assert sent.trouble == "5 reports behind"
    assert not sent.is_done(0)
    kept.gate.set()
    assert sent.is_done(10)
    assert kept.told in ([], [1])  # the one that was under way


def test_what_it_raises_when_it_notes_how_far_it_came_ends_no_run(tmp_path: Path) -> None:
    def full(key: str, run_id: str | None, sent: int) -> None:
        raise OSError("no space left")

    sent = Sender(Made(), Start(tmp_path.as_posix(), tmp_path.as_posix(), "a/1", "a", None, {}), full)
    assert sent.is_done(10)
    assert sent.trouble == "OSError: no space left"
