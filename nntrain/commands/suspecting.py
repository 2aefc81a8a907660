"""What in the rows of a job may flatter a network, found once and told at the start of a run."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nntrain.blueprint import Blueprint
    from nntrain.commands.jobs import Job
    from nntrain.data.preparing import Prepared
    from nntrain.insight.suspicion import Suspicion


def suspected(job: Job) -> Job:
    """A job that knows what to look at in its rows."""
    return replace(job, suspicions=suspicions_of(job.blueprint, job.prepared))


def suspicions_of(blueprint: Blueprint, prepared: Prepared) -> tuple[Suspicion, ...]:
    """What to look at in rows: what gives targets away, and what there is too seldom."""
    from nntrain.insight.few_rows import find_few
    from nntrain.insight.leakage import find_suspicions

    few = find_few(prepared, is_bag=blueprint.training.bag is not None)
    return (*find_suspicions(prepared, blueprint.experiment.data), *few)


def look_at(job: Job) -> list[tuple[str, str]]:
    """A line for each thing to look at."""
    return [("look at", each.sentence) for each in job.suspicions]
