"""What a run computes with: settled once where the config leaves it open, and the same again when the run goes on."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from nntrain.config.loading import load
from nntrain.errors import ConfigError
from nntrain.training.settings import DECIDED

if TYPE_CHECKING:
    from nntrain.commands.preparing.jobs import Job
    from nntrain.runs import Run

BEFORE: Final[dict[str, Any]] = {"precision": "float32", "compile": False, "channels_last": False, "matmul": "blas"}
"""What runs computed with that say nothing of it."""


def is_open(job: Job) -> bool:
    """Whether a config leaves something to be settled."""
    return any(getattr(job.blueprint.training, name) == "auto" for name in DECIDED)


def settled(job: Job) -> Job:
    """A job that leaves nothing open, by fixed rules. Raises `ConfigError`, rendered, where the device or format is not there."""
    job = _placed(job)
    if not is_open(job):
        return job
    from nntrain.training.choosing import choose
    from nntrain.training.device import resolve_device

    training, program = job.blueprint.training, job.blueprint.program
    try:
        choice = choose(training, program, resolve_device(training.device))
    except ConfigError as error:
        raise job.config.error(error.problems) from None
    return replace(computing_with(job, {name: getattr(choice.settings, name) for name in DECIDED}), choices=(*choice.reasons, *job.choices))


def as_started(stored: Run, job: Job) -> Job:
    """A job that goes on with a run, with what was settled when that started in the place of what is left open."""
    job = _placed(job)
    if not is_open(job):
        return job
    tree: dict[str, Any] = load(stored.path / "resolved.yaml").tree["training"]
    before = {name: tree.get(name, "auto") for name in DECIDED}
    before = {name: BEFORE[name] if value == "auto" else value for name, value in before.items()}
    return computing_with(job, {name: before[name] for name in DECIDED if getattr(job.blueprint.training, name) == "auto"})


def _placed(job: Job) -> Job:
    """A job that says where its rows lie: by the device that is here now, as that changes nothing of what is computed.

    Raises:
        ConfigError: The device is not there, or `training.data_on_device` has no effect; rendered.
    """
    from nntrain.training.device import resolve_device
    from nntrain.training.resting_rows import settle

    training, prepared = job.blueprint.training, job.prepared
    rows = [data for data in (prepared.train, prepared.validation) if data is not None]
    try:
        found, reason = settle(training.data_on_device, resolve_device(training.device), rows)
    except ConfigError as error:
        raise job.config.error(error.problems) from None
    if found == training.data_on_device:
        return job
    return replace(computing_with(job, {"data_on_device": found}), choices=() if reason is None else (reason,))


def computing_with(job: Job, changes: dict[str, Any]) -> Job:
    """A job with other settings of `training`."""
    experiment = job.blueprint.experiment
    training = job.blueprint.training.model_copy(update=changes)
    blueprint = replace(job.blueprint, experiment=experiment.model_copy(update={"training": training}))
    return replace(job, blueprint=blueprint)
