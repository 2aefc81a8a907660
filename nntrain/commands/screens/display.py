"""What `fit` shows while it trains, on stderr: some lines that are redrawn on a terminal, plain lines elsewhere.

Loads rich where there is a terminal to draw on.
"""

from __future__ import annotations

import os
import random
import sys
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, TextIO

from nntrain.commands.screens.figures import format_number
from nntrain.commands.screens.output import spelled_out
from nntrain.commands.screens.results import labelled

if TYPE_CHECKING:
    from rich.live import Live
    from rich.text import Text

REDRAW_S: Final = 0.1
"""On a terminal the position is redrawn no more often than this."""
SHARE: Final = 0.005
"""Largest share of the time that redrawing may take: a terminal that is slow, or steps that are tiny, are redrawn less often."""
LONGEST_S: Final = 2.0
"""It is redrawn so often all the same."""
LINE_S: Final = 10.0
"""Elsewhere evaluations are printed no more often than this."""


@dataclass(frozen=True, slots=True)
class Position:
    """Where a run stands."""

    step: int
    """Steps that are complete."""
    total_steps: int | None
    """Steps after which a limit ends the run; `None` where only time or a metric limits it."""
    epoch: int
    """Epochs that are complete."""
    max_epochs: int | None
    rows_per_s: float
    seconds_left: float | None
    """Until the limit that comes first; `None` while it isn't known."""
    step_in_epoch: int = 0
    steps_per_epoch: int = 0
    loss: float | None = None
    """Mean of the training loss since the last evaluation, where to read it costs nothing."""
    memory_bytes: int | None = None
    """Memory of this process; `None` where the system doesn't tell."""
    device_bytes: int | None = None
    """Memory of the accelerator that torch has taken."""
    wait_fraction: float | None = None
    """Share of the time in which the loop waits for rows."""


@dataclass(frozen=True, slots=True)
class MemberLine:
    """Where one of several runs stands that are trained at once."""

    word: str
    """What it is called: `seed 0`."""
    epoch: int
    """Epochs that are complete."""
    value: float | None
    """Of the metric that decides, at its last evaluation."""
    best_value: float | None
    best_epoch: int | None
    stopped: str = ""
    """Why it has stopped: `early_stopping`; empty while it goes on."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """One report as it is shown: the training loss, the metric that decides, and its best value so far."""

    epoch: int
    step: int
    metrics: Mapping[str, float | None]
    monitor: str
    best_value: float | None
    best_epoch: int | None
    told: str = ""
    """What they are the figures of, where that is not one run."""
    members: tuple[MemberLine, ...] = ()
    """The runs that they are of then."""

    def text(self) -> str:
        """`train.loss 0.2120   validation.rmse 412.0   best 409.1 (epoch 10)`."""
        names = dict.fromkeys(name for name in ("train.loss", self.monitor) if name in self.metrics)
        parts = [f"{name} {format_number(self.metrics[name])}" for name in names]
        parts += [best] if (best := self.best_text()) else []
        parts += [self.told] if self.told else []
        return "   ".join(parts)

    def best_text(self) -> str:
        """`best 409.1 (epoch 10)`; empty where nothing was the best yet."""
        return "" if self.best_value is None else f"best {format_number(self.best_value)} (epoch {self.best_epoch})"


def is_terminal(stream: TextIO) -> bool:
    """Whether lines may be redrawn: a terminal that can, and no CI service behind it."""
    if stream.closed:
        return False
    automated = os.environ.get("CI", "").lower() not in {"", "0", "false"}
    return stream.isatty() and os.environ.get("TERM") != "dumb" and not automated


@dataclass(slots=True)
class Display:
    """Shows a run while it trains. Does nothing at all when quiet.

    Goes quiet where nobody can be shown anything (no stream, a reader that went away, a full disk): that ends no training.

    A context manager: on leaving, whatever was held back is printed and the terminal is as it was before. Print results after that.
    """

    quiet: bool
    stream: TextIO | None = field(default_factory=lambda: sys.stderr)
    """`None` in a process that was started without one."""
    clock: Callable[[], float] = time.monotonic
    """Seconds from any start."""
    told: str = ""
    """What evaluations are of, where that is not one run: `mean of 5 seeds`."""
    members: tuple[MemberLine, ...] = ()
    """These runs, each with a line of its own on a terminal."""
    _live: Live | None = None
    _position: Position | None = None
    _evaluation: Evaluation | None = None
    _curves: dict[str, list[float | None]] = field(default_factory=dict[str, list[float | None]])
    """Values of each metric, one an evaluation."""
    _advice: str | None = None
    _said: set[tuple[str, str]] = field(default_factory=set[tuple[str, str]])
    """Lines of the blocks at the start of runs, with their labels: members of a run have most of them in common."""
    _held: dict[str, str] = field(default_factory=dict[str, str])
    """Lines not printed yet: those of the best evaluation and of the last, and the last advice."""
    _drawn_at: float = float("-inf")
    _told_at: float = float("-inf")
    """When an evaluation was drawn as soon as it was there."""
    _wait_s: float = REDRAW_S
    _redraws: bool = False

    def __post_init__(self) -> None:
        self.quiet = self.quiet or self.stream is None
        self._redraws = not self.quiet and self.stream is not None and is_terminal(self.stream)

    def __enter__(self) -> Display:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def head(self, rows: Sequence[tuple[str, str]]) -> None:
        """Print labels and values, as the block at the start of a run; what such a block has said already is not said again.

        Curves begin anew: they are of one run.
        """
        self._curves.clear()
        unsaid = [(label, [line for line in value.splitlines() if (label, line) not in self._said]) for label, value in rows]
        self._said.update((label, line) for label, lines in unsaid for line in lines)
        self.note(labelled([(label, "\n".join(lines)) for label, lines in unsaid if lines]) + "\n")

    def note(self, text: str) -> None:
        """Print a text above the position."""
        if not self.quiet:
            self._flush()
            self._print(text)

    def event(self, kind: str, facts: Mapping[str, Any]) -> None:
        """Tell programs what happens: `start`, `evaluation`, `end`. People are told by the other methods; here is nobody else."""

    def advise(self, line: str | None) -> None:
        """Show what the run should be told now; `None` takes it away. Elsewhere than on a terminal a new advice is a line, when one is due.

        Args:
            line: One sentence or two, without a label; on a terminal three lines of it are shown.
        """
        if line == self._advice:
            return
        self._advice = line
        self._show_now()
        if line is None:
            self._held.pop("advice", None)
        elif not self._redraws:
            self._held["advice"] = f"advice   {line}"

    @property
    def is_due(self) -> bool:
        """Whether it is time to show where the run stands; cheap enough to be asked at every step."""
        return self._redraws and self.clock() - self._drawn_at >= self._wait_s

    def advance(self, position: Position) -> None:
        """Tell where the run stands; it is shown where that is due."""
        self._position = position
        if self.is_due:
            self._redraw()

    def report(  # one argument a column
        self,
        epoch: int,
        step: int,
        metrics: Mapping[str, float | None],
        monitor: str,
        best_value: float | None,
        best_epoch: int | None,
    ) -> None:
        """Show an evaluation.

        Args:
            epoch: Epochs that are complete.
            step: Steps that are complete.
            metrics: All metrics by full name.
            monitor: The metric that decides which state is the best.
            best_value: Its best value so far, this evaluation included.
            best_epoch: When that was.
        """
        within_epoch = epoch == 0 or (self._evaluation is not None and self._evaluation.epoch == epoch)
        self._evaluation = Evaluation(epoch, step, metrics, monitor, best_value, best_epoch, self.told, self.members)
        for name, value in metrics.items():
            self._curves.setdefault(name, []).append(value)
        self._show_now()
        if self._redraws or self.quiet:
            return
        place = f"epoch {epoch}{self._of_epochs()}" + (f"   step {step:,}" if within_epoch else "")
        self._hold(f"{place}   {self._evaluation.text()}", is_best=best_value is not None and metrics.get(monitor) == best_value)

    def close(self) -> None:
        """Print what was held back and leave the terminal as it was. May be called twice."""
        self._flush()
        if self._live is not None:
            self._redraw()  # the last position may have come too soon after the one before to be drawn
        if self._live is not None:
            with self._writing():
                self._live.stop()
            self._live = None

    def _hold(self, line: str, *, is_best: bool) -> None:
        self._held["last"] = line
        if is_best:
            self._held["best"] = line
        if self.clock() - self._drawn_at >= LINE_S:
            self._drawn_at = self.clock()
            self._flush()

    def _flush(self) -> None:
        for line in dict.fromkeys([self._held.pop(name, None) for name in ("best", "last", "advice")]):
            if line is not None:
                self._print(line)

    def _print(self, text: str) -> None:
        if self.quiet:
            return
        text = spelled_out(text)
        with self._writing():
            if self._live is not None:
                self._live.console.print(text, markup=False, highlight=False, soft_wrap=True)
            elif self.stream is not None:
                self.stream.write(text + "\n")
                self.stream.flush()

    def _show_now(self) -> None:
        """Draw what has come between two steps, unless that was done just now: the next step's end may be far."""
        if self._redraws and self.clock() - self._told_at >= self._wait_s:
            self._told_at = self.clock()
            self._redraw()

    def _redraw(self) -> None:
        self._drawn_at = self.clock()
        with self._writing():
            if self._live is None:
                self._live = _lines_of(self.stream)
                self._live.start()
            began = self.clock()
            self._live.update(self._lines(*self._live.console.size), refresh=True)
            self._wait_s = min(max(REDRAW_S, (self.clock() - began) / SHARE), LONGEST_S)

    @contextmanager
    def _writing(self) -> Generator[None]:
        """Context that goes quiet where the stream can't be written (`OSError`) or is closed (`ValueError`)."""
        try:
            yield
        except (OSError, ValueError):
            self.quiet, self._redraws = True, False
            live, self._live = self._live, None
            if self.stream is not None and self.stream is sys.stderr:
                _discard(self.stream)
            if live is not None:
                with suppress(OSError, ValueError):
                    live.stop()  # gives back the streams that it had redirected

    def _lines(self, width: int, height: int) -> Text:
        from nntrain.commands.screens.live_view import Screen, live_view

        screen = Screen(width, height, self.stream is not None and _draws(self.stream))
        return live_view(self._position, self._evaluation, self._curves, self._advice, screen)

    def _of_epochs(self) -> str:
        return _of(self._position.max_epochs) if self._position is not None else ""


def _lines_of(stream: TextIO | None) -> Live:
    """Lines of a terminal that are drawn again and again."""
    drawn = random.getstate()  # importing rich draws, and a run saves this state: it must not depend on who looks on
    try:
        from nntrain.commands.screens.terminal import live_lines
    finally:
        random.setstate(drawn)
    return live_lines(stream)


def _discard(stream: TextIO) -> None:
    """Let the rest of what a stream holds go nowhere: Python writes it at the end, and a failure there would be the exit code."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
        stream.flush()


def _of(total: int | None) -> str:
    return f"/{total}" if total is not None else ""


def _draws(stream: TextIO) -> bool:
    return (stream.encoding or "").lower().replace("-", "").startswith("utf")
