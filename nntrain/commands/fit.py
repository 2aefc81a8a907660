"""`nntrain fit`: train a network, keep the best state, and measure it on rows it has never seen."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nntrain.blueprint import Blueprint, draw, draw_first
from nntrain.commands import automatic, bags, collecting, computing, members
from nntrain.commands.heading import head_lines
from nntrain.commands.jobs import AUTO, Job, Options, Outcome, Watchers
from nntrain.commands.json_lines import display_of, failure_told, result_text
from nntrain.commands.memory import memory_errors
from nntrain.commands.new_run import kept_fields, write_start
from nntrain.commands.output import emit, tell
from nntrain.commands.results import labelled
from nntrain.commands.resuming import Beginning, Comparison, check_has_state, compare_with_stored, refuse_early, threads_of
from nntrain.commands.shareable import check_shareable
from nntrain.commands.signals import EXIT_CODES, Signals
from nntrain.commands.space import check_writable
from nntrain.commands.stored import changed_data, stored_config, write_resolved
from nntrain.commands.suspecting import kept_suspicions, look_at, suspected
from nntrain.config.reading import Config, find_config, read_config, read_mapping
from nntrain.config.resolving import resolved_text, written_digest
from nntrain.data.layout import plan_layouts
from nntrain.errors import CheckpointError, ConfigError, NNTrainError, Problem, UsageError
from nntrain.runs import Run, all_runs, create_run, find_whole_run, is_finished, lock, runs_root
from nntrain.training.place import here

if TYPE_CHECKING:
    from nntrain.assembly import Assembly
    from nntrain.commands.members import Plan
    from nntrain.data.preparing import Prepared


Command = Callable[[Path | None, Sequence[str], Options], int]
"""What is done with a config; it returns the exit code."""


def run(path: Path | None, changes: Sequence[str], options: Options) -> int:
    """Train as the command line says; print the result, and return the exit code."""
    with Signals() as signals, display_of(options) as display, signals.interruptible(), failure_told(display):
        outcome = fit(path, changes, options, Watchers(display, signals))
    emit(result_text(outcome, options))
    return outcome.exit_code or signals.exit_code


def run_each(paths: Sequence[Path], changes: Sequence[str], options: Options, train: Command = run) -> int:
    """Train each of several configs by itself; one that fails does not keep the others from being trained.

    Args:
        paths: The configs.
        changes: Overrides of each.
        options: What the command line says beside them.
        train: What is done with each.

    Returns:
        The exit code of the first that failed, else 0.

    Raises:
        UsageError: An option makes sense for a single run only.
    """
    if options.resume not in (None, AUTO) or options.run_id is not None:
        raise UsageError("--each trains new runs; --resume and --run-id mean a single one", "leave one of the two out")
    if not paths:
        raise UsageError("--each needs the configs that are to be trained", "nntrain fit --each first.yaml second.yaml")
    codes: list[int] = []
    for path in paths:
        try:
            codes.append(train(path, changes, options))
        except NNTrainError as error:
            tell(str(error))
            codes.append(error.exit_code)
        if codes[-1] in STOPPED:
            break
    return next((code for code in codes if code), 0)


STOPPED = tuple(EXIT_CODES.values())
"""Exit codes of a run that somebody stopped: what comes after it is not started."""


def fit(source: Path | Mapping[str, Any] | None, changes: Sequence[str], options: Options, watchers: Watchers) -> Outcome:
    """Train a new run, or go on with one.

    Args:
        source: A config file, its content, or `None`: the only config in the folder, and for a resumed run its own.
        changes: Overrides.
        options: What the command line says beside the config.
        watchers: Display and signals.

    Raises:
        UsageError: There is no such run, or an option has no effect on it.
        NNTrainError: Anything that is wrong with config, data or run, or that ends the training early.
    """
    if options.resume in (None, AUTO):
        config, name = read(source, changes, options)
        config, options = bags.as_members(config, options)
        check_writable(runs_root(options.runs) / _run_name(config))
        if options.resume is None:
            return fit_job(prepare_job(config), options, watchers, name)
        return automatic.fit_auto(config, name, options, watchers)
    if source is None and options.overlays:
        raise UsageError("--with has no effect: a run goes on with its own config", "name the config too, or write overrides: a.b=c")
    stored = find_whole_run(options.resume, runs_root(options.runs))
    with lock(stored):
        if members.has_members(stored):
            if source is not None or changes:
                raise UsageError(f"{stored.name} has members, which go on as they were started", f"nntrain fit --resume {stored.name}")
            return members.train_members(stored, None, options, watchers)
        config = stored_config(stored, tuple(changes)) if source is None else read(source, changes, options)[0]
        config = replace(config, run=stored.path)
        first = look_first(config)
        if not options.resume_anyway:
            refuse_early(stored, config, first)
        job = read_job(config)
        return go_on(stored, job, compare(stored, job, options), options, watchers)


def read(source: Path | Mapping[str, Any] | None, changes: Sequence[str], options: Options) -> tuple[Config, str]:
    """A config, and what it is called on the screen."""
    if isinstance(source, Mapping):
        return read_mapping(source, changes), "config"
    path = find_config(source)
    return read_config(path, changes, options.overlays), path.as_posix()


def fit_job(job: Job, options: Options, watchers: Watchers, name: str) -> Outcome:
    """Train a new run of a config whose data is prepared."""
    job = _begin(job, options, watchers)
    if options.skip_done and (done := find_done(job, runs_root(options.runs), options.members)) is not None:
        return Outcome(done, done.read_json("summary.json"), f"skipped  {name}: {done.name} is finished and has the same config and data")
    if options.members is None:
        return fit_in(lambda: _new_run(job, options), job, options, watchers, name)
    members.check(options.members, job)
    assembly = assembled(job)
    with watchers.signals.held():
        new = _new_run(job, options)
        with lock(new):
            automatic.check_free(new)
            return _start_members(new, options.members, job, assembly, options, watchers)


def fit_in(make: Callable[[], Run], job: Job, options: Options, watchers: Watchers, name: str) -> Outcome:
    """Train a new run in the folder that `make` makes, once everything else is known to be right."""
    job = begin(job)
    assembly = assembled(job)
    with watchers.signals.held():
        new = make()
        with lock(new):
            automatic.check_free(new)
            return _start(new, job, assembly, options, watchers, name)


def _new_run(job: Job, options: Options) -> Run:
    """The folder of a new run, of the id that the options name or the next number."""
    root, name = runs_root(options.runs), _run_name(job.config)
    return create_run(root, name) if options.run_id is None else automatic.take_over(root, name, options.run_id)


def start_in(claimed: Run, job: Job, options: Options, watchers: Watchers, name: str) -> Outcome:
    """Train a new run, with members where the options ask for them, in a folder that the caller has locked and that holds no run."""
    job = _begin(job, options, watchers)
    if options.members is not None:
        members.check(options.members, job)
    assembly = assembled(job)
    with watchers.signals.held():
        if options.members is not None:
            return _start_members(claimed, options.members, job, assembly, options, watchers)
        return _start(claimed, job, assembly, options, watchers, name)


def _start(new: Run, job: Job, assembly: Assembly, options: Options, watchers: Watchers, name: str) -> Outcome:
    write_start(new, job, assembly)
    watchers.display.head([("run", f"{new.name}   {name}"), *head_lines(job, assembly)])
    return _train(new, job, assembly, options, watchers, Beginning())


def _start_members(new: Run, plan: Plan, job: Job, assembly: Assembly, options: Options, watchers: Watchers) -> Outcome:
    members.write_plan(new, plan, job)
    write_start(new, job, assembly)
    for line in look_at(job):
        watchers.display.note(labelled([line]))
    return members.train_members(new, job, options, watchers)


def find_done(job: Job, root: Path, plan: members.Plan | None = None) -> Run | None:
    """A finished run of the same resolved config and the same data, with the members of a plan where there is one."""
    resolved = resolved_text(job.blueprint.experiment, job.config.document)
    for run in reversed(all_runs(root)):
        if run.path.parent.name != _run_name(job.config) or members.plan_of(run) != plan or not is_finished(run):
            continue
        is_same = (run.path / "resolved.yaml").read_text(encoding="utf-8") == resolved
        if is_same and not changed_data(run, job.prepared.fingerprints) and not _has_other_start(run, job):
            return run
    return None


def prepare_job(config: Config) -> Job:
    """Check a config, read its data and fit the fields. What the header of the data tells is checked before torch is loaded."""
    first = look_first(config)
    if config.run is None and first.starts_trained:
        from nntrain.commands.starting import beginning_of

        beginning_of(config, first)
    return read_job(config)


def _begin(job: Job, options: Options, watchers: Watchers) -> Job:
    if options.tune:
        from nntrain.commands.tune import tuned

        job = tuned(job, watchers.display)
    return suspected(begin(job))


def begin(job: Job) -> Job:
    """A job of a new run, with what it computes with, and with the trained weights that it starts from, where the config names some.

    Raises:
        ConfigError: The device is not there, nor are the weights, or too little of them fits; rendered.
    """
    job = computing.settled(job)
    if job.start is not None or not job.blueprint.starts_trained:
        return job
    from nntrain.commands.starting import Start, beginning_of, pinned

    start = beginning_of(job.config, job.blueprint)
    return replace(job, start=start, blueprint=pinned(job.blueprint, start) if isinstance(start, Start) else job.blueprint)


def _has_other_start(run: Run, job: Job) -> bool:
    """Whether a run started from other weights than a job does."""
    before = run.read_json("data.json").get("init", {})
    return before.get("fingerprint") != (None if job.start is None else job.start.fingerprint())


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
        from nntrain.commands.following import meet

        meet(place, config)
    prepared = prepare_data(config)
    return Job(config, draw(config, prepared.layout, train_rows=prepared.train.shown), prepared)


def prepare_data(config: Config) -> Prepared:
    """Read the data of a config and fit its fields.

    Raises:
        ConfigError: Config and data don't fit together; rendered.
        DataError: The data can't be read or used.
    """
    from nntrain.commands.table_size import tell_size
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
    if _has_other_start(stored, job) and job.start is not None:
        hint = "train a new run: nntrain fit CONFIG"
        raise CheckpointError(f"{job.start.words} has changed since {stored.name} started from it", hint)
    return job


def assembled(job: Job, threads: int | None = None, *, is_new: bool = True) -> Assembly:
    """The objects of a job. Raises as `assemble`, with errors of the config rendered."""
    from nntrain.assembly import assemble

    try:
        with memory_errors():
            return assemble(job.blueprint, job.prepared, threads, None if job.start is None else job.start.load, is_new=is_new)
    except ConfigError as error:
        raise job.config.error(error.problems) from None


def _train(target: Run, job: Job, assembly: Assembly, options: Options, watchers: Watchers, beginning: Beginning) -> Outcome:
    from nntrain.commands.training import train

    reading = job.prepared.fields.reading
    try:
        with memory_errors(), watchers.signals.held(), nullcontext() if reading is None else reading.kept():
            if here() is not None:
                from nntrain.commands.following import announce

                announce(target)
            return train(target, job, assembly, options, watchers, beginning)
    except ConfigError as error:  # what only the first step shows
        raise job.config.error(error.problems) from None


def _run_name(config: Config) -> str:
    assert config.experiment.name is not None
    return config.experiment.name
