"""A training in a process of its own that ends itself at a given step: what `nntrain verify` starts.

    python -m nntrain.commands.proofs.watched RUN STOP KILL PARENT [--plugin=MODULE …] [OVERRIDE …]

It is `nntrain fit --resume RUN --no-test`; only who watches differs.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from nntrain import plugins
from nntrain.commands.fitting.fit import fit
from nntrain.commands.preparing.jobs import Options, Watchers
from nntrain.commands.preparing.signals import Signals
from nntrain.commands.screens.display import Display, Position
from nntrain.commands.screens.output import tell
from nntrain.errors import NNTrainError

KILL = getattr(signal, "SIGKILL", signal.SIGTERM)
"""On Windows any signal ends a process at once."""

PLUGIN: Final = "--plugin="
"""Before the name of a module of components that may be loaded."""


@dataclass(frozen=True, slots=True)
class Orders:
    """Where a process is to end."""

    stop: int
    """Step at which it stops as a signal would make it: saved."""
    kill: int
    """Step at which it kills itself: nothing is saved, nothing is closed; 0 for never."""
    parent: int
    """Process without which it is of no use."""


@dataclass(slots=True)
class Watching(Display):
    """Shows nothing, and ends the process where it was told to."""

    orders: Orders = Orders(0, 0, 0)
    signals: Signals | None = None

    @property
    def is_due(self) -> bool:
        """It looks at every step."""
        return True

    def advance(self, position: Position) -> None:
        """Look at the step that is complete. It is not saved yet, unless it ended an evaluation that was the best."""
        orders = self.orders
        if position.step == orders.kill:
            os.kill(os.getpid(), KILL)
        is_alone = os.name != "nt" and os.getppid() != orders.parent  # Windows goes on naming a parent that is gone
        if self.signals is not None and (position.step >= orders.stop or is_alone):
            self.signals.stop_requested = self.signals.stop_requested or "SIGTERM"


def main(arguments: Sequence[str]) -> int:
    """Train; returns 0 where the step was reached or the run ended before by itself, else the exit code of the error."""
    run, stop, kill, parent, *more = arguments
    orders = Orders(int(stop), int(kill), int(parent))
    changes = [argument for argument in more if not argument.startswith(PLUGIN)]
    try:
        for argument in more:
            if argument.startswith(PLUGIN):
                plugins.allow(argument.removeprefix(PLUGIN))
        with Signals() as signals:
            outcome = fit(None, changes, Options(resume=run, test=False), Watchers(Watching(True, orders=orders, signals=signals), signals))
    except NNTrainError as error:
        tell(str(error))
        return error.exit_code
    return 0 if outcome.exit_code == 0 or outcome.summary["steps"] >= orders.stop else outcome.exit_code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
