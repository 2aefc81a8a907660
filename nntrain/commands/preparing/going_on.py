"""The command line that trains as this process trains: alone, or as one of several. Torch-free."""

from __future__ import annotations

import shlex

from nntrain.runs import Run
from nntrain.training.place import here


def resume_command(run: Run, processes: int | None = None) -> str:
    """What goes on with a run exactly; see `fit_command`."""
    return fit_command(f"--resume {shlex.quote(run.name)}", processes)


def fit_command(arguments: str, processes: int | None = None) -> str:
    """`nntrain fit` in as many processes as train here: in another number sums are rounded otherwise.

    Args:
        arguments: Of `fit`, as they are typed.
        processes: How many, where they are others than those that this one is of.
    """
    place = here()
    command = f"nntrain fit {arguments}"
    if processes is None and place is not None and place.store is None:
        nodes = place.size // place.local_size
        meeting = "" if place.address is None else f"--rdzv-backend c10d --rdzv-endpoint {shlex.quote(place.address)} "
        several = f"--nnodes {nodes} {meeting}" if nodes > 1 else ""  # the same line on each machine
        return f"torchrun {several}--nproc-per-node {place.local_size} -m {command}"
    count = processes if processes is not None else 1 if place is None else place.size
    return command if count == 1 else f"{command} --processes {count}"
