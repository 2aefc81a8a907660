"""What in the rows of a job may flatter a network, found once and told at the start of a run."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nntrain.commands.jobs import Job


def suspected(job: Job) -> Job:
    """A job that knows what to look at in its rows."""
    from nntrain.insight.few_rows import find_few
    from nntrain.insight.leakage import find_suspicions

    few = find_few(job.prepared, is_bag=job.blueprint.training.bag is not None)
    return replace(job, suspicions=(*find_suspicions(job.prepared, job.config.experiment.data), *few))


def look_at(job: Job) -> list[tuple[str, str]]:
    """A line for each thing to look at."""
    return [("look at", each.sentence) for each in job.suspicions]
