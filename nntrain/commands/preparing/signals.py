"""Signals become wishes that are granted where the state of a run is whole.

Work is either held together or interruptible. While a run folder is made, a network trained and a state saved, a wish is granted
at the next step boundary, or between two batches of an evaluation: an exception that a handler raises just anywhere could leave
averaged weights in the network, or half an update. Before the first step and after the last one (reading data, building,
measuring the best state, fitting baselines) there is nothing to be saved and no boundary that comes soon: there a request to stop
raises `KeyboardInterrupt` at once, wherever the program stands, as Python's own handler does, and what was in memory is dropped.
"""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType, TracebackType
from typing import Any, Final

from nntrain.errors import NNTrainError

EXIT_CODES: Final = {"SIGHUP": 129, "SIGINT": 130, "SIGTERM": 143}
"""What a command returns that was stopped, by the signal."""


class InterruptedRun(NNTrainError):  # noqa: N818 (no fault of anybody's)
    """A signal stopped a run where nothing was to be saved."""

    exit_code = EXIT_CODES["SIGINT"]

    def __init__(self, signals: Signals) -> None:
        super().__init__("interrupted before the first step: nothing was trained, nothing is kept")
        self.exit_code = signals.exit_code


_unwound: list[str] = []
"""Signals that have ended the program by `ending`: Python drops an exception that a handler raises within a callback of its own."""


@contextmanager
def ending() -> Generator[Callable[[], int]]:
    """Context in which SIGTERM and SIGHUP leave the program by way of its exit.

    Gives the exit code of a signal whose exit was dropped, or 0: to be asked when the work is done.
    """

    def leave(number: int, _frame: FrameType | None) -> None:
        _unwound.append(signal.Signals(number).name)
        sys.exit(EXIT_CODES[_unwound[0]])

    def tell(unraisable: sys.UnraisableHookArgs) -> None:
        if not issubclass(unraisable.exc_type, SystemExit | KeyboardInterrupt):  # of a signal, which is granted all the same
            sys.__unraisablehook__(unraisable)

    sys.unraisablehook = tell
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:  # as nohup leaves SIGHUP
            signal.signal(number, leave)
    yield lambda: EXIT_CODES[_unwound[0]] if _unwound else 0


class Interrupt(KeyboardInterrupt):
    """What a handler raises.

    Python remembers a plain one that has passed through an `exec`, as imports have them, and ends by SIGINT in place of the exit code.
    """


@dataclass(slots=True)
class Signals:
    """While this context manager is open, SIGINT, SIGTERM and SIGHUP ask for a stop, and SIGUSR1 for a checkpoint.

    SIGHUP comes when a terminal is closed or a connection is lost; where it is ignored, as `nohup` does, it stays so.
    A SIGINT after a request to stop raises `KeyboardInterrupt` at once, one more ends the process the hard way.
    Signals that a platform lacks are left out. Outside of the main thread nothing is caught, because Python allows
    handlers only there: no request ever comes.
    """

    stop_requested: str | None = None
    """Name of the first signal that asked for a stop: `SIGINT`, `SIGTERM` or `SIGHUP`."""
    save_requested: bool = False
    """Whether somebody asked for a checkpoint; whoever writes it sets this back."""
    _raises: bool = False
    """Whether a request to stop is granted at once."""
    _has_raised: bool = False
    """Whether that has happened, and nobody has taken note of it yet."""
    _before: dict[int, Any] = field(default_factory=dict[int, Any])
    """The handlers that stood there before."""

    def __enter__(self) -> Signals:
        self.stop_requested = next(iter(_unwound), None)
        if threading.current_thread() is threading.main_thread():
            for name, handler in (*((name, self._stop) for name in EXIT_CODES), ("SIGUSR1", self._save)):
                number = getattr(signal, name, None)
                if number is not None and not (name == "SIGHUP" and signal.getsignal(number) is signal.SIG_IGN):
                    self._before[number] = signal.signal(number, handler)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for number, handler in self._before.items():
            # None: the handler was not set from Python and can't be put back; the default is the nearest
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)
        self._before.clear()

    @property
    def exit_code(self) -> int:
        """What the command returns: 0, or the code of the signal that stopped it."""
        return EXIT_CODES[self.stop_requested] if self.stop_requested is not None else 0

    def stop_wanted(self) -> bool:
        """Whether a signal asked for a stop."""
        return self.stop_requested is not None

    @contextmanager
    def interruptible(self) -> Generator[None]:
        """Context of work that may be cut off anywhere: nothing of it is kept but files that are replaced whole.

        Raises:
            InterruptedRun: A signal asked for a stop, before or within.
        """
        if self.stop_requested is not None:
            raise InterruptedRun(self)
        before = self._raises
        try:
            self._raises = True
            yield
        except KeyboardInterrupt:
            if not self._has_raised:  # of another handler, or the second one
                raise
            self._has_raised = False
            raise InterruptedRun(self) from None
        finally:
            self._raises = before
        if self._has_raised:  # some code within has swallowed it
            self._has_raised = False
            raise InterruptedRun(self)

    @contextmanager
    def held(self) -> Generator[None]:
        """Context of work that is not cut off: it looks at `stop_requested` itself, where its state is whole.

        Raises:
            InterruptedRun: A signal asked for a stop before.
        """
        if self._has_raised:  # some code before has swallowed it
            self._has_raised = False
            raise InterruptedRun(self)
        before, self._raises = self._raises, False
        try:
            yield
        finally:
            self._raises = before

    def _stop(self, number: int, _frame: FrameType | None) -> None:
        if self.stop_requested is not None and number == signal.SIGINT:
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            raise Interrupt
        is_first = self.stop_requested is None
        self.stop_requested = self.stop_requested or signal.Signals(number).name
        if self._raises and is_first:
            self._has_raised = True
            raise Interrupt

    def _save(self, _number: int, _frame: FrameType | None) -> None:
        self.save_requested = True
