from __future__ import annotations

import re
from dataclasses import dataclass

import pytest

from nntrain.commands.screens.display import Display, Position
from tests.unit.commands.shown_run import Clock, Terminal, last_frame, train, without_styles


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "80")
    return Terminal()


@dataclass
class SlowTerminal(Terminal):
    """Takes its time for each write."""

    clock: Clock
    frames: int = 0

    def __post_init__(self) -> None:
        super().__init__()

    def write(self, text: str) -> int:
        self.clock.seconds += 0.004
        self.frames += 1
        return super().write(text)


def test_drawing_on_a_slow_terminal_takes_a_small_share_of_the_time(clock: Clock, terminal: Terminal) -> None:
    slow = SlowTerminal(clock)
    with Display(quiet=False, stream=slow, clock=clock) as display:
        for step in range(1, 20_001):
            clock.seconds += 0.001
            if display.is_due:
                display.advance(Position(step, 20_000, 0, 1, 100.0, 1.0))
            if step % 10 == 0:
                display.report(step // 10, step, {"train.loss": 1.0}, "train.loss", 1.0, 1)
    assert slow.frames > 10
    assert slow.frames * 0.004 < 0.02 * clock.seconds  # of the steps and of the evaluations each half a percent


def test_a_frame_is_written_at_once(clock: Clock, terminal: Terminal) -> None:
    """In pieces it would flicker."""
    counting = SlowTerminal(clock)
    with Display(quiet=False, stream=counting, clock=clock) as display:
        train(display, clock, [5.0, 4.0], seconds=1)
        before = counting.frames
        clock.seconds += 10
        display.advance(Position(250, 400, 2, 4, 21_400.0, 38.0))
        assert counting.frames == before + 1


WORDS = {
    "train.running_loss": 0.3,
    "train.loss": 0.2,
    "train.a_metric_of_a_very_long_name_that_fills_the_line": 0.9,
    "validation.loss": 0.25,
    "validation.a_metric_of_a_very_long_name_that_fills_the_line": 123_456_789.0,
    "validation.price.rmse": 1e-9,
    **{f"validation.metric_{number}": 0.5 for number in range(20)},
}


@pytest.mark.parametrize("width", [20, 40, 80, 200])
@pytest.mark.parametrize("monitor", ["validation.price.rmse", "validation.a_metric_of_a_very_long_name_that_fills_the_line"])
def test_no_line_is_wider_than_the_terminal(
    clock: Clock, terminal: Terminal, monkeypatch: pytest.MonkeyPatch, width: int, monitor: str
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("LINES", "24")
    with Display(quiet=False, stream=terminal, clock=clock) as display:
        display.advise("overfitting since epoch 21 (gap 18 %): regularization.dropout=0.2, or more data, or a smaller network")
        for step in range(0, 40_000, 1000):
            clock.seconds += 1
            display.advance(Position(step, 40_000, step // 400, 100, 21_400.0, 123_456.0, step % 400, 400, 0.3, 4 * 10**8, 10**10, 0.031))
            display.report(step // 400, step, WORDS, monitor, 1e-9, 10)
    frames = re.split(r"[\r\n]+", without_styles(terminal.getvalue()))
    assert max(map(len, frames)) <= width
    assert any(line.startswith("advice") for line in last_frame(terminal)[-3:])
    assert len(last_frame(terminal)) <= 15
    if width >= 80:
        assert "or a smaller network" in " ".join(line.strip() for line in last_frame(terminal))


def test_forty_columns_have_what_counts(clock: Clock, terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    with Display(quiet=False, stream=terminal, clock=clock) as display:
        display.advance(Position(250, 1000, 2, 10, 21_400.0, 38.0, 50, 100, 0.3, 4 * 10**8, None, 0.03))
        display.report(2, 250, {"train.rmse": 3.0, "validation.rmse": 4.0}, "validation.rmse", 4.0, 2)
    assert last_frame(terminal) == [
        "epoch 2/10  ━━╸         25%   0:38 left",
        "step 50/100 ━━━━━       50%",
        "             train  validation",
        "* rmse       3.000       4.000   ▄",
        "  best 4.000 (epoch 2)",
        "memory 400 MB   waits for rows 3%",
    ]


def test_advice_is_shown_until_it_is_taken_away(clock: Clock, terminal: Terminal) -> None:
    with Display(quiet=False, stream=terminal, clock=clock) as display:
        display.advance(Position(1, 10, 0, 1, 0.0, None))
        display.advise("a lower rate: optimizer.lr=1e-4")
        assert "advice   a lower rate: optimizer.lr=1e-4" in without_styles(terminal.getvalue())
        seen = len(terminal.getvalue())
        display.advise("a lower rate: optimizer.lr=1e-4")  # nothing new: nothing is drawn
        assert len(terminal.getvalue()) == seen
        display.advise(None)
        clock.seconds += 1
        display.advance(Position(2, 10, 0, 1, 0.0, None))
    last = terminal.getvalue()[terminal.getvalue().rindex("epoch 0/1") :]
    assert "advice" not in last
