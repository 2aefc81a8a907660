"""What is shown of members that are trained at once."""

from __future__ import annotations

import io

import pytest

from nntrain.commands.members.members_display import MembersDisplay
from nntrain.commands.screens.display import Display, Position
from tests.unit.commands.shown_run import Clock, Terminal, last_frame

ACCURACY = "validation.accuracy"


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("LINES", "24")
    return Terminal()


def shown(display: Display, clock: Clock, values: list[list[float]], metrics: int = 0) -> None:
    """Members with an evaluation an epoch, of which each stops behind its last value."""
    members = MembersDisplay(display, "seeds")
    each = [members.of(f"seed {place}") for place in range(len(values))]
    for epoch in range(1, max(map(len, values)) + 1):
        clock.seconds += 20
        for place, (own, told) in enumerate(zip(values, each, strict=True)):
            if len(own) < epoch:
                continue
            best = max(own[:epoch])
            found = {"train.loss": 0.1, ACCURACY: own[epoch - 1], **{f"validation.metric_{number}": 0.5 for number in range(metrics)}}
            told.advance(Position(epoch * 10, 100, epoch, 10, 100.0, 5.0))
            told.report(epoch, epoch * 10, found, ACCURACY, best, own.index(best) + 1)
            if len(own) == epoch:
                members.leave(f"seed {place}", "early_stopping", f": best at epoch {own.index(best) + 1}")
        members.show()


def test_each_member_has_a_line_on_a_terminal(terminal: Terminal) -> None:
    clock = Clock()
    with Display(quiet=False, stream=terminal, clock=clock) as display:
        shown(display, clock, [[0.5, 0.7, 0.6], [0.8, 0.6], [0.4, 0.5, 0.9]])
    frame = last_frame(terminal)
    head = next(place for place, line in enumerate(frame) if line.split() == ["epoch", ACCURACY, "best", "stopped"])
    assert [line.split() for line in frame[head + 1 :]] == [
        ["seed", "0", "3", "0.6000", "0.7000", "(epoch", "2)", "early_stopping"],
        ["seed", "1", "2", "0.6000", "0.8000", "(epoch", "1)", "early_stopping"],
        ["seed", "2", "3", "0.9000", "0.9000", "(epoch", "3)", "early_stopping"],
    ]
    assert "  mean of 2 seeds, 0.6000 to 0.9000" in frame  # those that were measured last


@pytest.mark.parametrize("lines", [10, 16, 24, 40])
def test_members_leave_the_rest_of_a_small_terminal_alone(lines: int, terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LINES", str(lines))
    clock = Clock()
    with Display(quiet=False, stream=terminal, clock=clock) as display:
        shown(display, clock, [[0.5, 0.6] for _ in range(20)], metrics=9)
    frame = last_frame(terminal)
    words = [line for line in frame if line.startswith("  seed ")]
    assert len(frame) < lines
    assert len(words) == 20 or not words or f"  and {20 - len(words)} more" in frame
    assert len(words) == {10: 1, 16: 2, 24: 10, 40: 20}[lines]


def test_elsewhere_members_are_one_line_and_stops(terminal: Terminal) -> None:
    plain, clock = io.StringIO(), Clock()
    with Display(quiet=False, stream=plain, clock=clock) as display:
        shown(display, clock, [[0.5, 0.7, 0.6], [0.8, 0.6]])
    lines = plain.getvalue().splitlines()
    assert [line for line in lines if line.startswith("epoch")] == [
        "epoch 1/10   train.loss 0.1000   validation.accuracy 0.6500   mean of 2 seeds, 0.5000 to 0.8000",
        "epoch 2/10   train.loss 0.1000   validation.accuracy 0.6500   mean of 2 seeds, 0.6000 to 0.7000",
        "epoch 3/10   train.loss 0.1000   validation.accuracy 0.6000   the last of the seeds",
    ]
    assert [line for line in lines if not line.startswith("epoch")] == ["seed 1: stopped, early_stopping: best at epoch 1"]
