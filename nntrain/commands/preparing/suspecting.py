"""What in the rows of a job may flatter a network, found once and told at the start of a run."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, get_args

from nntrain.errors import CheckpointError

if TYPE_CHECKING:
    from nntrain.blueprint import Blueprint
    from nntrain.commands.preparing.jobs import Job
    from nntrain.data.preparing import Prepared
    from nntrain.insight.suspicion import Suspicion
    from nntrain.runs import Run


def suspected(job: Job) -> Job:
    """A job that knows what to look at in its rows."""
    return replace(job, suspicions=suspicions_of(job.blueprint, job.prepared))


def suspicions_of(blueprint: Blueprint, prepared: Prepared) -> tuple[Suspicion, ...]:
    """What to look at in rows: what gives targets away, and what there is too seldom."""
    from nntrain.insight.few_rows import find_few
    from nntrain.insight.leakage import find_suspicions

    few = find_few(prepared, is_bag=blueprint.training.bag is not None)
    return (*find_suspicions(prepared, blueprint.experiment.data), *few)


def kept_suspicions(run: Run) -> tuple[Suspicion, ...]:
    """What was found in the rows of a run when it was started: one that goes on says in the end what one that never stopped says.

    Raises:
        CheckpointError: That is not what a run writes.
    """
    # what runs of older versions don't have is none
    record: list[Any] = run.read_json("data.json").get("suspicions", [])
    try:
        return tuple(_restored(each) for each in record)
    except (TypeError, ValueError, KeyError, AttributeError):
        raise CheckpointError(f"{run.name}/data.json: damaged: its suspicions are not what nntrain writes") from None


def _restored(record: Any) -> Suspicion:
    from nntrain.insight.suspicion import Kind, Suspicion

    kind, override = record["kind"], record["override"]
    words = (record["name"], record["sentence"], *([] if override is None else [override]))
    if kind not in get_args(Kind) or not all(isinstance(word, str) for word in words):
        raise ValueError("another kind, or no words")
    return Suspicion(
        kind, record["name"], {str(name): float(value) for name, value in record["evidence"].items()}, record["sentence"], override
    )


def look_at(job: Job) -> list[tuple[str, str]]:
    """A line for each thing to look at."""
    return [("look at", each.sentence) for each in job.suspicions]
