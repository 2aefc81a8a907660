"""Signals become wishes that are granted at the next step boundary, where the state of a run is whole."""

from __future__ import annotations

import signal
import threading
from dataclasses import dataclass, field
from types import FrameType, TracebackType
from typing import Any, Final

EXIT_CODES: Final = {"SIGINT": 130, "SIGTERM": 143}
"""What a command returns that was stopped, by the signal."""


@dataclass(slots=True)
class Signals:
    """While this context manager is open, SIGINT and SIGTERM ask for a stop, and SIGUSR1 for a checkpoint.

    A SIGINT after a request to stop raises `KeyboardInterrupt` at once, one more ends the process the hard way.
    Signals that a platform lacks are left out. Outside of the main thread nothing is caught, because Python allows
    handlers only there: no request ever comes.
    """

    stop_requested: str | None = None
    """Name of the first signal that asked for a stop: `SIGINT` or `SIGTERM`."""
    save_requested: bool = False
    """Whether somebody asked for a checkpoint; whoever writes it sets this back."""
    _before: dict[int, Any] = field(default_factory=dict[int, Any])
    """The handlers that stood there before."""

    def __enter__(self) -> Signals:
        if threading.current_thread() is threading.main_thread():
            for name, handler in (("SIGINT", self._stop), ("SIGTERM", self._stop), ("SIGUSR1", self._save)):
                number = getattr(signal, name, None)
                if number is not None:
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

    def _stop(self, number: int, _frame: FrameType | None) -> None:
        if self.stop_requested is not None and number == signal.SIGINT:
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            raise KeyboardInterrupt
        self.stop_requested = self.stop_requested or signal.Signals(number).name

    def _save(self, _number: int, _frame: FrameType | None) -> None:
        self.save_requested = True
