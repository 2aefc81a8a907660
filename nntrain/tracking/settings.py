"""The table of trackers. Torch-free."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Final

from nntrain.errors import Problem
from nntrain.schema import Forms, Slot, Tags
from nntrain.tracking.tracker import Tracker

TRACKERS: Final = {
    "tensorboard": "nntrain.tracking.tensorboard:TensorBoard",
    "jsonl": "nntrain.tracking.jsonl:JSONLines",
    "mlflow": "nntrain.tracking.mlflow:MLflow",
    "wandb": "nntrain.tracking.wandb:WandB",
}

AnyTracker = Annotated[Tracker, Slot("tracker", (TRACKERS,))]

Trackers = Annotated[AnyTracker | tuple[AnyTracker, ...] | None, Forms(Tags("tracker", TRACKERS))]
"""One, or several in a list."""


def trackers_of(given: Trackers) -> tuple[Tracker, ...]:
    """The trackers that a config asks for."""
    return given if isinstance(given, tuple) else () if given is None else (given,)


def tracker_problems(given: Trackers) -> Iterator[Problem]:
    """Why trackers can't work here: told before anything is trained."""
    trackers = trackers_of(given)
    for place, tracker in enumerate(trackers):
        path = ("tracking", place) if isinstance(given, tuple) else ("tracking",)
        if (told := tracker.problem()) is not None:
            yield Problem(path, *told)
        elif tracker.key in {other.key for other in trackers[:place]}:
            yield Problem(path, f"stands here twice: {tracker.type} is told of a run once", "remove one of the two")
