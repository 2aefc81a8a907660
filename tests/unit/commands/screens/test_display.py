from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import pytest

from nntrain.commands.screens.display import Display, Position, is_terminal
from tests.unit.commands.shown_run import Clock, Terminal, last_frame, train


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "80")
    return Terminal()


def fail_after(display: Display, clock: Clock, rmse: list[float]) -> None:
    """Leave the display by an exception, as when training diverges."""
    with suppress(ArithmeticError), display:
        train(display, clock, rmse, seconds=1)
        raise ArithmeticError


def test_pipe_gets_one_line_an_evaluation(clock: Clock) -> None:
    stream = io.StringIO()
    with Display(quiet=False, stream=stream, clock=clock) as display:
        train(display, clock, [500.0, 400.0], seconds=20)
    assert stream.getvalue() == (
        "epoch 1/2   train.loss 0.5000   validation.rmse 500.0   best 500.0 (epoch 1)\n"
        "epoch 2/2   train.loss 0.4000   validation.rmse 400.0   best 400.0 (epoch 2)\n"
    )


def test_pipe_gets_no_more_than_a_line_every_ten_seconds(clock: Clock) -> None:
    stream = io.StringIO()
    with Display(quiet=False, stream=stream, clock=clock) as display:
        train(display, clock, [float(value) for value in range(200, 100, -1)], seconds=1)
    assert [line.split()[1] for line in stream.getvalue().splitlines()] == [
        "1/100", "11/100", "21/100", "31/100", "41/100", "51/100", "61/100", "71/100", "81/100", "91/100", "100/100",
    ]  # fmt: skip


def test_pipe_gets_the_best_and_the_last_evaluation_at_the_end(clock: Clock) -> None:
    stream = io.StringIO()
    with Display(quiet=False, stream=stream, clock=clock) as display:
        train(display, clock, [5.0, 3.0, 4.0, 6.0], seconds=1)
    assert [line.split()[1] for line in stream.getvalue().splitlines()] == ["1/4", "2/4", "4/4"]


def test_pipe_gets_the_best_evaluation_before_a_later_one_is_due(clock: Clock) -> None:
    stream = io.StringIO()
    with Display(quiet=False, stream=stream, clock=clock) as display:
        train(display, clock, [5.0, 3.0, 4.0, 6.0], seconds=4)
    assert [line.split()[1] for line in stream.getvalue().splitlines()] == ["1/4", "2/4", "4/4"]


def test_pipe_gets_the_evaluations_so_far_when_training_fails(clock: Clock) -> None:
    stream = io.StringIO()
    fail_after(Display(quiet=False, stream=stream, clock=clock), clock, [5.0, 3.0])
    assert stream.getvalue().count("\n") == 2


def test_steps_are_named_where_an_epoch_has_several_evaluations(clock: Clock) -> None:
    stream = io.StringIO()
    with Display(quiet=False, stream=stream, clock=clock) as display:
        for step in (500, 1000):
            clock.seconds += 20
            display.advance(Position(step, None, 0, None, 0.0, None))
            display.report(0, step, {"train.loss": 1.0}, "train.loss", None, None)
    assert stream.getvalue() == "epoch 0   step 500   train.loss 1.000\nepoch 0   step 1,000   train.loss 1.000\n"


def test_undefined_metric_is_told_as_such(clock: Clock) -> None:
    stream = io.StringIO()
    with Display(quiet=False, stream=stream, clock=clock) as display:
        display.report(1, 10, {"validation.auroc": None}, "validation.auroc", None, None)
    assert stream.getvalue() == "epoch 1   validation.auroc -\n"


def test_notes_come_after_the_evaluations_before_them(clock: Clock) -> None:
    stream = io.StringIO()
    with Display(quiet=False, stream=stream, clock=clock) as display:
        train(display, clock, [5.0, 3.0], seconds=1)
        display.note("saved [bold]")
    assert [line.split()[0] for line in stream.getvalue().splitlines()] == ["epoch", "epoch", "saved"]
    assert stream.getvalue().endswith("saved [bold]\n")


def test_head_is_a_block_with_an_empty_line_below(clock: Clock) -> None:
    stream = io.StringIO()
    Display(quiet=False, stream=stream, clock=clock).head([("run", "runs/rents/0001"), ("data", "8,412 rows\ntrain 6,705")])
    assert stream.getvalue() == "run      runs/rents/0001\ndata     8,412 rows\n         train 6,705\n\n"


def test_curves_are_of_the_run_that_the_last_head_is_of(terminal: Terminal, clock: Clock) -> None:
    with Display(quiet=False, stream=terminal, clock=clock) as display:
        display.head([("run", "0001/01")])
        train(display, clock, [5.0, 4.0, 3.0, 2.0, 1.0], seconds=20)
        display.head([("run", "0001/02")])
        train(display, clock, [5.0, 3.0], seconds=20)
    (rmse,) = [line for line in last_frame(terminal) if "rmse" in line]
    assert "█▁" in rmse
    assert "▄" not in rmse


DRAWS = """
import random, sys
from nntrain.commands.screens.display import Display
from tests.unit.commands.shown_run import Clock, Terminal, train
random.seed(0)
before, clock = random.getstate(), Clock()
with Display(quiet=False, stream=Terminal(), clock=clock) as display:
    train(display, clock, [5.0, 3.0], seconds=20)
assert "rich.live" in sys.modules
assert random.getstate() == before
"""


def test_a_terminal_leaves_random_numbers_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("CI", raising=False)
    subprocess.run([sys.executable, "-c", DRAWS], check=True)  # of its own: here rich was imported before


def test_a_second_head_says_only_what_is_new(clock: Clock) -> None:
    stream = io.StringIO()
    with Display(quiet=False, stream=stream, clock=clock) as display:
        display.head([("run", "0001/01"), ("data", "8,412 rows\ntrain 6,705; part 1"), ("stops", "after 5 epochs")])
        display.head([("run", "0001/02"), ("data", "8,412 rows\ntrain 6,706; part 2"), ("stops", "after 5 epochs")])
    assert stream.getvalue().endswith("\n\nrun      0001/02\ndata     train 6,706; part 2\n\n")


@pytest.mark.parametrize("make", [io.StringIO, Terminal])
def test_quiet_shows_nothing(clock: Clock, make: Callable[[], io.StringIO]) -> None:
    stream = make()
    with Display(quiet=True, stream=stream, clock=clock) as display:
        display.head([("run", "runs/rents/0001")])
        train(display, clock, [5.0, 3.0], seconds=20)
        display.note("saved")
    assert stream.getvalue() == ""


def test_terminal_shows_position_metrics_and_curve(clock: Clock, terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    with Display(quiet=False, stream=terminal, clock=clock) as display:
        train(display, clock, [8.0, 4.0, 2.0, 1.0], seconds=1)
    shown = terminal.getvalue()
    assert "epoch 2/4 ━━━━━━━━━━            50%   0:38 left" in shown
    assert "21,400 rows/s" in shown
    assert last_frame(terminal)[-2:] == [
        "  loss    0.001000           -   █▄▂▁",
        "* rmse           -       1.000   █▄▂▁   best 1.000 (epoch 4)",
    ]


def test_terminal_without_a_limit_in_steps_counts_steps(clock: Clock, terminal: Terminal) -> None:
    with Display(quiet=False, stream=terminal, clock=clock) as display:
        display.advance(Position(1234, None, 3, None, 0.0, 59.0))
    assert "epoch 3   step 1,234   0:59 left" in terminal.getvalue()


def test_terminal_is_not_redrawn_at_every_step(clock: Clock, terminal: Terminal) -> None:
    with Display(quiet=False, stream=terminal, clock=clock) as display:
        for step in range(1, 1001):
            clock.seconds += 0.001
            display.advance(Position(step, 1000, 0, 1, 100.0, 1.0))
    assert terminal.getvalue().count("rows/s") <= 15


def test_terminal_has_colour_unless_no_color_is_set(clock: Clock, terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    green = "\x1b[32m"
    with Display(quiet=False, stream=terminal, clock=clock) as display:
        train(display, clock, [2.0], seconds=1)
    monkeypatch.setenv("NO_COLOR", "1")
    plain = Terminal()
    with Display(quiet=False, stream=plain, clock=clock) as display:
        train(display, clock, [2.0], seconds=1)
    assert green in terminal.getvalue()
    assert green not in plain.getvalue()


def test_terminal_shows_its_cursor_again_when_training_fails(clock: Clock, terminal: Terminal) -> None:
    fail_after(Display(quiet=False, stream=terminal, clock=clock), clock, [5.0])
    assert terminal.getvalue().rindex("\x1b[?25h") > terminal.getvalue().rindex("\x1b[?25l")


def test_results_printed_while_the_terminal_is_live_stay_on_stdout(
    clock: Clock, terminal: Terminal, capsys: pytest.CaptureFixture[str]
) -> None:
    with Display(quiet=False, stream=terminal, clock=clock) as display:
        train(display, clock, [5.0], seconds=1)
        sys.stdout.write("a result\n")
    assert capsys.readouterr().out == "a result\n"


@pytest.mark.parametrize(("name", "value", "expected"), [("TERM", "dumb", False), ("CI", "true", False), ("CI", "false", True)])
def test_is_terminal_obeys_the_environment(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch, name: str, value: str, expected: bool
) -> None:
    monkeypatch.setenv(name, value)
    assert is_terminal(terminal) is expected


def test_is_terminal_is_false_for_a_pipe() -> None:
    assert not is_terminal(io.StringIO())


@dataclass
class Gone(Terminal):
    """A stream that takes a number of writes, then none."""

    takes: int
    error: Exception
    redraws: bool

    def __post_init__(self) -> None:
        super().__init__()

    def isatty(self) -> bool:
        return self.redraws

    def write(self, text: str) -> int:
        if self.takes == 0:
            raise self.error
        self.takes -= 1
        return super().write(text)


@pytest.mark.parametrize("redraws", [False, True])
@pytest.mark.parametrize("takes", [0, 1, 2, 4])
@pytest.mark.parametrize("error", [BrokenPipeError(), OSError(28, "No space left on device"), ValueError("closed")], ids=repr)
def test_a_stream_that_goes_away_ends_no_training(clock: Clock, terminal: Terminal, error: Exception, takes: int, redraws: bool) -> None:
    before = sys.stdout, sys.stderr
    gone = Gone(takes, error, redraws)
    with Display(quiet=False, stream=gone, clock=clock) as display:
        display.head([("run", "runs/rents/0001")])
        train(display, clock, [5.0, 3.0, 2.0], seconds=20)
        display.note("saved")
    assert display.quiet
    assert gone.takes == 0
    assert (sys.stdout, sys.stderr) == before


def test_no_stream_and_a_closed_one_are_quiet(clock: Clock) -> None:
    closed = io.StringIO()
    closed.close()
    for stream in (None, closed):
        with Display(quiet=False, stream=stream, clock=clock) as display:
            train(display, clock, [5.0, 3.0], seconds=20)
        assert display.quiet


def test_a_reader_of_stderr_that_leaves_does_not_change_the_exit_code() -> None:
    code = (
        "from nntrain.commands.screens.display import Display\n"
        "with Display(quiet=False) as display:\n"
        "    for number in range(100): display.note('x' * 1000)\n"
        "print('done')"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stderr is not None
    process.stderr.close()
    assert process.stdout is not None
    assert process.stdout.read().strip() == b"done"
    process.stdout.close()
    assert process.wait() == 0


def test_terminal_ends_with_the_last_position(clock: Clock, terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    with Display(quiet=False, stream=terminal, clock=clock) as display:
        for step in range(1, 401):
            clock.seconds += 0.0003
            display.advance(Position(step, 400, step // 100, 4, 0.0, 0.0))
    assert terminal.getvalue().rindex("epoch 4/4 ━━━━━━━━━━━━━━━━━━━━ 100%") > terminal.getvalue().rindex("epoch 3/4")


def test_pipe_gets_new_advice_with_the_next_line(clock: Clock) -> None:
    stream = io.StringIO()
    with Display(quiet=False, stream=stream, clock=clock) as display:
        display.advise("first")
        display.advise("second")
        train(display, clock, [5.0], seconds=20)
        display.advise(None)
    assert [line.split()[0] for line in stream.getvalue().splitlines()] == ["epoch", "advice"]
    assert stream.getvalue().endswith("advice   second\n")


def test_advice_that_was_taken_back_is_no_line_of_a_pipe(clock: Clock) -> None:
    stream = io.StringIO()
    with Display(quiet=False, stream=stream, clock=clock) as display:
        train(display, clock, [5.0], seconds=20)
        display.advise("first")
        display.advise(None)
    assert "advice" not in stream.getvalue()


def test_a_pipe_draws_nothing_between_evaluations(clock: Clock) -> None:
    stream = io.StringIO()
    with Display(quiet=False, stream=stream, clock=clock) as display:
        for step in range(1000):
            clock.seconds += 1
            assert not display.is_due
            display.advance(Position(step, 1000, 0, 1, 1.0, 1.0))
    assert stream.getvalue() == ""
