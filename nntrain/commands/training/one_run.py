"""Trains one run, new or begun, of a job that is ready."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING

from nntrain.commands.preparing import computing
from nntrain.commands.preparing.claiming import check_free
from nntrain.commands.preparing.from_config import assembled, begin
from nntrain.commands.preparing.heading import head_lines
from nntrain.commands.preparing.jobs import Job, Options, Outcome, Watchers
from nntrain.commands.preparing.memory import memory_errors
from nntrain.commands.preparing.new_run import write_start
from nntrain.commands.preparing.suspecting import kept_suspicions
from nntrain.commands.stored.opening import write_resolved
from nntrain.commands.training.resuming import Beginning, Comparison, check_has_state, compare_with_stored, threads_of
from nntrain.config.resolving import resolved_text, written_digest
from nntrain.errors import CheckpointError, ConfigError
from nntrain.runs import Run, lock
from nntrain.training.place import here

if TYPE_CHECKING:
    from nntrain.assembly import Assembly


def fit_in(make: Callable[[], Run], job: Job, options: Options, watchers: Watchers, name: str) -> Outcome:
    """Train a new run in the folder that `make` makes, once everything else is known to be right."""
    job = begin(job)
    assembly = assembled(job)
    with watchers.signals.held():
        new = make()
        with lock(new):
            check_free(new)
            return start_run(new, job, assembly, options, watchers, name)


def resume_job(stored: Run, job: Job, options: Options, watchers: Watchers) -> Outcome:
    """Go on with a run.

    Raises:
        CheckpointError: Another meaning of the config, other data, or no whole checkpoint.
    """
    with lock(stored):
        return go_on(stored, job, compare(stored, job, options), options, watchers)


def compare(stored: Run, job: Job, options: Options) -> Comparison:
    """Compare a job with the run that is to go on with it. Raises `CheckpointError` where it means something else."""
    return compare_with_stored(stored, job.blueprint, job.prepared.fingerprints, anyway=options.resume_anyway)


def go_on(stored: Run, job: Job, found: Comparison, options: Options, watchers: Watchers) -> Outcome:
    """Go on with a run that the caller has locked, with the differences that were found."""
    job, assembly, beginning = ready_to_go_on(stored, job, found)
    watchers.display.head([("run", f"{stored.name}   resumed"), *head_lines(job, assembly)])
    for note in found.notes:
        watchers.display.note(note)
    return _train(stored, job, assembly, options, watchers, beginning)


def ready_to_go_on(stored: Run, job: Job, found: Comparison) -> tuple[Job, Assembly, Beginning]:
    """What goes on with a run that the caller has locked, before its state is read. Raises `CheckpointError` where there is none."""
    job = replace(_begun_anew(stored, computing.as_started(stored, job)), suspicions=kept_suspicions(stored))
    assembly = assembled(job, threads_of(stored), is_new=not (stored.checkpoints / "last").is_file())
    check_has_state(stored)
    resolved = resolved_text(job.blueprint.experiment, job.config.document)
    written = {"folder": job.config.folder.as_posix(), "written": written_digest(job.config.experiment)}
    record = {**stored.read_json("data.json"), **written}
    is_exact = not (found.means_something_else or found.rounds_otherwise)
    return job, assembly, Beginning(is_exact, bool(found.notes), lambda: write_resolved(stored, resolved, record))


def _begun_anew(stored: Run, job: Job) -> Job:
    """The job of a run that goes on: from its state, and where it was killed before it had one, from what it started from.

    Raises:
        CheckpointError: That has changed since.
    """
    from nntrain.training import checkpoint

    if not job.blueprint.starts_trained or checkpoint.any_saved(stored.checkpoints):
        return job
    job = begin(job)
    if has_other_start(stored, job) and job.start is not None:
        hint = "train a new run: nntrain fit CONFIG"
        raise CheckpointError(f"{job.start.words} has changed since {stored.name} started from it", hint)
    return job


def has_other_start(run: Run, job: Job) -> bool:
    """Whether a run started from other weights than a job does."""
    before = run.read_json("data.json").get("init", {})
    return before.get("fingerprint") != (None if job.start is None else job.start.fingerprint())


def start_run(new: Run, job: Job, assembly: Assembly, options: Options, watchers: Watchers, name: str) -> Outcome:
    """Train a new run in its locked folder."""
    write_start(new, job, assembly)
    watchers.display.head([("run", f"{new.name}   {name}"), *head_lines(job, assembly)])
    return _train(new, job, assembly, options, watchers, Beginning())


def _train(target: Run, job: Job, assembly: Assembly, options: Options, watchers: Watchers, beginning: Beginning) -> Outcome:
    from nntrain.commands.training.running import train

    reading = job.prepared.fields.reading
    try:
        with memory_errors(), watchers.signals.held(), nullcontext() if reading is None else reading.kept():
            if here() is not None:
                from nntrain.commands.preparing.meeting import announce

                announce(target)
            return train(target, job, assembly, options, watchers, beginning)
    except ConfigError as error:  # what only the first step shows
        raise job.config.error(error.problems) from None
