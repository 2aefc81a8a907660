"""`python -m nntrain` and the `nntrain` script."""

from __future__ import annotations

import signal
import sys


def main() -> None:
    """Run the command line and exit with its code.

    A scheduler may ask for a checkpoint (SIGUSR1) when there is nothing to be saved yet, or no longer: that does not end the process,
    as it would by itself. SIGTERM and SIGHUP unwind, so that no half-written file is left. `fit` has handlers of its own while it trains.
    """
    if hasattr(signal, "SIGUSR1"):
        signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    from nntrain.commands.preparing.signals import ending
    from nntrain.commands.stored.collecting import hold_back

    hold_back()
    with ending() as exit_code:
        from nntrain.commands.screens.output import open_standard_streams

        open_standard_streams()
        from nntrain.cli import main as run

        code = run()
    sys.exit(exit_code() or code)


if __name__ == "__main__":
    main()
