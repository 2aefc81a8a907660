"""`nntrain fit` up to the end of its first step, in a process of its own: CPU seconds and loaded modules, as one line of JSON.

`python tests/benchmarks/first_step.py CONFIG` trains in a temporary folder and stops there: nothing of the end of a run is counted.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from typing import Any, NoReturn

from nntrain.commands.stored.collecting import hold_back


class StepDoneError(BaseException):
    """Ends the command after its first step, past all that would tell a user of a fault."""


def main() -> None:
    """Run the command and print."""
    hold_back()  # as the command line does, before anything else is loaded
    from nntrain import cli
    from nntrain.commands.training import one_run

    train = one_run._train  # pyright: ignore[reportPrivateUsage]

    def stopped(*given: Any) -> Any:
        from nntrain.training import loop

        step = loop.take_step

        def noted(*arguments: Any) -> NoReturn:
            step(*arguments)
            raise StepDoneError

        loop.take_step = noted
        return train(*given)

    one_run._train = stopped  # pyright: ignore[reportPrivateUsage]
    with tempfile.TemporaryDirectory() as folder:
        try:
            cli.main(["fit", *sys.argv[1:], "--runs", folder])
        except StepDoneError:
            sys.stdout.write(f"{json.dumps({'cpu_s': round(time.process_time(), 3), 'modules': sorted(sys.modules)})}\n")
            return
    sys.exit("no step was taken")


if __name__ == "__main__":
    main()
