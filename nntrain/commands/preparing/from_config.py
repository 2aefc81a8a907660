"""From a config to a job: its data are read, what it computes with is settled, and its objects are built."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from nntrain.blueprint import Blueprint, draw, draw_first
from nntrain.commands.preparing import computing
from nntrain.commands.preparing.jobs import Job
from nntrain.commands.preparing.memory import memory_errors
from nntrain.commands.preparing.new_run import kept_fields
from nntrain.commands.preparing.shareable import check_shareable
from nntrain.commands.stored import collecting
from nntrain.config.reading import Config
from nntrain.data.layout import plan_layouts
from nntrain.errors import ConfigError, Problem
from nntrain.training.place import here

if TYPE_CHECKING:
    from nntrain.assembly import Assembly
    from nntrain.data.preparing import Prepared


def prepare_job(config: Config) -> Job:
    """Check a config, read its data and fit the fields. What the header of the data tells is checked before torch is loaded."""
    first = look_first(config)
    if config.run is None and first.starts_trained:
        from nntrain.commands.starting.trained_weights import beginning_of

        beginning_of(config, first)
    return read_job(config)


def look_first(config: Config) -> Blueprint:
    """Check a config by the header of its data, without torch. Raises `ConfigError`, rendered, and `DataError`."""
    first = draw_first(config, plan_layouts(config.experiment.data, config.folder, look=True))
    if here() is not None:
        check_shareable(config, first)
    elif first.training.shard and config.run is None:
        found = "has no effect: this is one process, which has all of the weights"
        raise config.error([Problem(("training", "shard"), found, "nntrain fit CONFIG --processes N, or remove it")])
    return first


def read_job(config: Config) -> Job:
    """Read the data of a config that was looked at, and fit its fields."""
    place = here()
    if place is not None:
        from nntrain.commands.preparing.meeting import meet

        meet(place, config)
    prepared = prepare_data(config)
    return Job(config, draw(config, prepared.layout, train_rows=prepared.train.shown), prepared)


def prepare_data(config: Config) -> Prepared:
    """Read the data of a config and fit its fields.

    Raises:
        ConfigError: Config and data don't fit together; rendered.
        DataError: The data can't be read or used.
    """
    from nntrain.commands.preparing.table_size import tell_size
    from nntrain.data.preparing import prepare

    collecting.go_on()
    try:
        with memory_errors("while the data was read"):
            tell_size(config.experiment.data, config.folder)
            return prepare(
                config.experiment.data, config.folder, config.experiment.holds, seed=config.experiment.seed, kept=kept_fields(config)
            )
    except ConfigError as error:
        raise config.error(error.problems) from None


def begin(job: Job) -> Job:
    """A job of a new run, with what it computes with, and with the trained weights that it starts from, where the config names some.

    Raises:
        ConfigError: The device is not there, nor are the weights, or too little of them fits; rendered.
    """
    job = computing.settled(job)
    if job.start is not None or not job.blueprint.starts_trained:
        return job
    from nntrain.commands.starting.trained_weights import Start, beginning_of, pinned

    start = beginning_of(job.config, job.blueprint)
    return replace(job, start=start, blueprint=pinned(job.blueprint, start) if isinstance(start, Start) else job.blueprint)


def assembled(job: Job, threads: int | None = None, *, is_new: bool = True) -> Assembly:
    """The objects of a job. Raises as `assemble`, with errors of the config rendered."""
    from nntrain.assembly import assemble

    try:
        with memory_errors():
            return assemble(job.blueprint, job.prepared, threads, None if job.start is None else job.start.load, is_new=is_new)
    except ConfigError as error:
        raise job.config.error(error.problems) from None
