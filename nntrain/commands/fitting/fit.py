"""`nntrain fit`: train a network, keep the best state, and measure it on rows it has never seen."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nntrain.commands.fitting import automatic
from nntrain.commands.fitting.json_lines import display_of, failure_told, result_text
from nntrain.commands.members import bags, members
from nntrain.commands.preparing.claiming import check_free, take_over
from nntrain.commands.preparing.from_config import assembled, begin, look_first, prepare_job, read_job
from nntrain.commands.preparing.jobs import AUTO, Job, Options, Outcome, Watchers
from nntrain.commands.preparing.new_run import write_start
from nntrain.commands.preparing.signals import EXIT_CODES, Signals
from nntrain.commands.preparing.space import check_writable
from nntrain.commands.preparing.suspecting import look_at, suspected
from nntrain.commands.screens.output import emit, tell
from nntrain.commands.screens.results import labelled
from nntrain.commands.stored.members_record import has_members, plan_of
from nntrain.commands.stored.opening import changed_data, stored_config
from nntrain.commands.training.one_run import compare, fit_in, go_on, has_other_start, start_run
from nntrain.commands.training.resuming import refuse_early
from nntrain.config.reading import Config, find_config, read_config, read_mapping
from nntrain.config.resolving import resolved_text
from nntrain.errors import NNTrainError, UsageError
from nntrain.runs import Run, all_runs, create_run, find_whole_run, is_finished, lock, runs_root

if TYPE_CHECKING:
    from nntrain.assembly import Assembly
    from nntrain.commands.stored.members_record import Plan


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
        if has_members(stored):
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
            check_free(new)
            return _start_members(new, options.members, job, assembly, options, watchers)


def _new_run(job: Job, options: Options) -> Run:
    """The folder of a new run, of the id that the options name or the next number."""
    root, name = runs_root(options.runs), _run_name(job.config)
    return create_run(root, name) if options.run_id is None else take_over(root, name, options.run_id)


def start_in(claimed: Run, job: Job, options: Options, watchers: Watchers, name: str) -> Outcome:
    """Train a new run, with members where the options ask for them, in a folder that the caller has locked and that holds no run."""
    job = _begin(job, options, watchers)
    if options.members is not None:
        members.check(options.members, job)
    assembly = assembled(job)
    with watchers.signals.held():
        if options.members is not None:
            return _start_members(claimed, options.members, job, assembly, options, watchers)
        return start_run(claimed, job, assembly, options, watchers, name)


def _start_members(new: Run, plan: Plan, job: Job, assembly: Assembly, options: Options, watchers: Watchers) -> Outcome:
    members.write_plan(new, plan, job)
    write_start(new, job, assembly)
    for line in look_at(job):
        watchers.display.note(labelled([line]))
    return members.train_members(new, job, options, watchers)


def find_done(job: Job, root: Path, plan: Plan | None = None) -> Run | None:
    """A finished run of the same resolved config and the same data, with the members of a plan where there is one."""
    resolved = resolved_text(job.blueprint.experiment, job.config.document)
    for run in reversed(all_runs(root)):
        if run.path.parent.name != _run_name(job.config) or plan_of(run) != plan or not is_finished(run):
            continue
        is_same = (run.path / "resolved.yaml").read_text(encoding="utf-8") == resolved
        if is_same and not changed_data(run, job.prepared.fingerprints) and not has_other_start(run, job):
            return run
    return None


def _begin(job: Job, options: Options, watchers: Watchers) -> Job:
    if options.tune:
        from nntrain.commands.trials.tune import tuned

        job = tuned(job, watchers.display)
    return suspected(begin(job))


def _run_name(config: Config) -> str:
    assert config.experiment.name is not None
    return config.experiment.name
