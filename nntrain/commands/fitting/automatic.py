"""`nntrain fit CONFIG --resume auto`: the same command starts a run, goes on with it, or says that it is finished.

With `--run-id` it is the run of that id. Without, it is the newest run of the same config and data; else the newest one that
becomes the same by training longer; else a new one. A run that diverged is not trained again: it would diverge again.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from nntrain.blueprint import Blueprint
from nntrain.commands.members import members
from nntrain.commands.preparing.claiming import clear
from nntrain.commands.preparing.jobs import Job, Options, Outcome, Watchers
from nntrain.commands.stored.members_record import plan_of
from nntrain.commands.training.resuming import refuse_early
from nntrain.config.reading import Config
from nntrain.config.resolving import written_digest
from nntrain.data.fingerprint import NAMED, fingerprint_sources
from nntrain.errors import CheckpointError, DivergedError, UsageError
from nntrain.runs import Run, all_runs, claim_run, diverged_part, find_run, is_finished, lock, runs_root

SLURM: Final = "slurm"


def settled_run_id(given: str | None) -> str | None:
    """The id of `--run-id`; for `slurm` that of the job, and of its task in an array, which a requeued job keeps.

    Raises:
        UsageError: `slurm` outside a Slurm job.
    """
    if given != SLURM:
        return given
    array, task = os.environ.get("SLURM_ARRAY_JOB_ID"), os.environ.get("SLURM_ARRAY_TASK_ID")
    if array and task:
        return f"{array}_{task}"
    job = os.environ.get("SLURM_JOB_ID")
    if not job:
        raise UsageError("--run-id slurm: SLURM_JOB_ID is not set, so that this is no Slurm job", "name the run: --run-id NAME")
    return job


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What the command asks for."""

    config: Config
    name: str
    """What the config is called on the screen."""
    first: Blueprint
    """As the head of the data has it."""
    fingerprints: dict[str, str]
    """Of the files."""

    def is_written_as(self, run: Run) -> bool:
        """Whether a run was started, or last gone on with, by the same config over the same files: then it is the same run."""
        record = run.read_json("data.json")
        before: dict[str, Any] = record.get("fingerprints", {})
        files = {name: value for name, value in before.items() if name != "test" and not name.endswith(NAMED)}
        same_files = files == self.fingerprints
        return record.get("written") == written_digest(self.config.experiment) and same_files


def fit_auto(config: Config, name: str, options: Options, watchers: Watchers) -> Outcome:
    """Start, go on, or say that nothing is left to do.

    Args:
        config: The config, overrides and overlays included.
        name: What it is called on the screen.
        options: What the command line says beside it.
        watchers: Display and signals.

    Raises:
        UsageError: An option that has no effect here.
        CheckpointError: The run of the id means something else, is damaged, or another process trains it.
        DivergedError: The run has diverged before.
        NNTrainError: Whatever training raises.
    """
    from nntrain.commands.fitting.fit import fit_job, start_in
    from nntrain.commands.preparing.from_config import look_first, read_job

    if options.skip_done:
        raise UsageError("--resume auto leaves out what is finished, and so does --skip-done", "leave one of the two out")
    if options.resume_anyway and options.run_id is None:
        raise UsageError("--resume-anyway goes on with a run whose config differs, and auto finds runs by their config", "--run-id NAME")
    root, folder = runs_root(options.runs), config.experiment.name
    assert folder is not None
    wanted = _Wanted(config, name, look_first(config), fingerprint_sources(config.experiment.data, config.folder))
    if options.run_id is not None:
        claimed = claim_run(root, folder, options.run_id)
        with lock(claimed):
            if (claimed.path / "resolved.yaml").is_file():
                return _go_on(claimed, wanted, None, options, watchers)
            clear(claimed)
            return start_in(claimed, read_job(config), options, watchers, name)
    runs = list(_runs_of(root, folder, options))
    job = None
    found = next((run for run in runs if wanted.is_written_as(run)), None)
    if found is None and runs:
        job = read_job(config)
        found = _closest(runs, job, options)
    if found is None:
        return fit_job(job or read_job(config), replace(options, resume=None), watchers, name)
    found = find_run(found.name, root)  # which looks whether it is in one place
    with lock(found):
        return _go_on(found, wanted, job, options, watchers)


def _runs_of(root: Path, folder: str, options: Options) -> Iterator[Run]:
    """Runs of this name with the same members, the newest first; damaged ones, which can't be told, are passed over."""
    for run in reversed(all_runs(root)):
        if run.path.parent.name != folder:
            continue
        try:
            run.read_json("data.json")
            is_one = plan_of(run) == options.members
        except CheckpointError:
            continue
        if is_one:
            yield run


def _go_on(run: Run, wanted: _Wanted, job: Job | None, options: Options, watchers: Watchers) -> Outcome:
    """Go on with a run that is there and locked, unless it has ended."""
    from nntrain.commands.preparing.from_config import read_job
    from nntrain.commands.training.one_run import compare, go_on

    if plan_of(run) != options.members:
        raise CheckpointError(f"{run.name} is {_in_words(run)}, and the command asks for something else", "another --run-id")
    if wanted.is_written_as(run) and (ended := _ended(run, options)) is not None:
        return ended
    if not options.resume_anyway:
        refuse_early(run, wanted.config, wanted.first)
    job = read_job(replace(wanted.config, run=run.path)) if job is None else job
    found = compare(run, job, options)
    if not found.has_new_limit and not found.means_something_else and (ended := _ended(run, options)) is not None:
        return ended
    _refuse_diverged(run, options)
    if options.members is None:
        return go_on(run, job, found, options, watchers)
    if found.notes:
        told = "\n".join(f"   {note}" for note in found.notes)
        raise CheckpointError(f"{run.name} has members, which go on as they were started:\n{told}", "another --run-id")
    return members.train_members(run, job, options, watchers)


def _ended(run: Run, options: Options) -> Outcome | None:
    """What is said of a run that is finished; `None` for one that is to go on. Raises `DivergedError` for one that can't."""
    _refuse_diverged(run, options)
    if not is_finished(run):
        return None
    summary = run.read_json("summary.json")
    return Outcome(run, summary, f"{run.name} is finished ({summary['stop_reason']}): nothing is left to do")


def _refuse_diverged(run: Run, options: Options) -> None:
    diverged = None if options.resume_anyway else diverged_part(run)
    if diverged is not None:
        from nntrain.training import checkpoint

        message = diverged.read_json("summary.json").get("message", "NaN or infinity")
        hint = "a changed config makes a new run"
        if checkpoint.any_saved(diverged.checkpoints):
            hint += f"; to try from the last good state all the same: nntrain fit --resume {shlex.quote(run.name)}"
        raise DivergedError(f"{diverged.name} has diverged, and is not trained again: {message}", hint)


def _in_words(run: Run) -> str:
    plan = plan_of(run)
    return "a single run" if plan is None else f"a run of {plan.count} {plan.noun}"


def _closest(runs: list[Run], job: Job, options: Options) -> Run | None:
    """The newest run that a job is, else the newest that it becomes by training longer."""
    from nntrain.commands.training.one_run import compare

    longer: Run | None = None
    for run in runs:
        try:
            found = compare(run, job, options)
        except CheckpointError:  # it means something else, or is damaged
            continue
        if not found.has_new_limit:
            return run
        if found.is_extension and options.members is None and longer is None:
            longer = run
    return longer
