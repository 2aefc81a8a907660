"""`python -m nntrain` and the `nntrain` script."""

from __future__ import annotations

import signal
import sys
from types import FrameType


def main() -> None:
    """Run the command line and exit with its code.

    A scheduler may ask for a checkpoint (SIGUSR1) when there is nothing to be saved yet, or no longer: that does not end the process,
    as it would by itself. SIGTERM and SIGHUP unwind, so that no half-written file is left. `fit` has handlers of its own while it trains.
    """
    for name, handler in (("SIGUSR1", signal.SIG_IGN), ("SIGTERM", _end), ("SIGHUP", _end)):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:  # as nohup leaves SIGHUP
            signal.signal(number, handler)
    from nntrain.commands.output import open_standard_streams

    open_standard_streams()
    from nntrain.cli import main as run

    sys.exit(run())


def _end(number: int, _frame: FrameType | None) -> None:
    sys.exit(128 + number)


if __name__ == "__main__":
    main()
