"""Several processes that train one run. The first does all that one alone does; the others follow it through the steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from nntrain.commands.fitting import fit
from nntrain.commands.preparing.from_config import assembled, begin, look_first, read_job
from nntrain.commands.preparing.jobs import AUTO, Options
from nntrain.commands.preparing.meeting import announced, say_nothing_to_do
from nntrain.commands.preparing.signals import InterruptedRun, Signals
from nntrain.commands.stored.opening import stored_config
from nntrain.config.reading import Config
from nntrain.runs import Run, find_whole_run, runs_root
from nntrain.training.place import Place
from nntrain.training.watching import watch_parent


def run_placed(place: Place, path: Path | None, changes: Sequence[str], options: Options) -> int:
    """Train as one of several processes; the exit code.

    Raises:
        NNTrainError: As `fit`; or another process is gone.
    """
    from nntrain.training.distributed import leave

    watch_parent()
    try:
        if not place.is_first:
            return _follow(path, changes, options)
        code = fit.run(path, changes, options)
        say_nothing_to_do()
        return code
    except InterruptedRun as stop:
        if place.store is None or announced:
            raise
        return stop.exit_code  # who has started it says so, as it must where this process has not come so far
    finally:
        leave()


def _follow(path: Path | None, changes: Sequence[str], options: Options) -> int:
    from nntrain.commands.training.running import train_along
    from nntrain.training.distributed import joined

    with Signals() as signals, signals.interruptible():
        config = _config(path, changes, options)
        look_first(config)
        job = read_job(config)
        ranks = joined()
        assert ranks is not None
        told = ranks.tell(lambda: None)
        if told is None:
            return 0
        run = Run(Path(told["run"]))
        if not told["has_state"]:
            job = begin(job)
        assembly = assembled(job)
        with signals.held():
            train_along(run, job, assembly, signals)
    return 0


def _config(path: Path | None, changes: Sequence[str], options: Options) -> Config:
    """What the first process reads too."""
    if options.resume in (None, AUTO):
        return fit.read(path, changes, options)[0]
    stored = find_whole_run(options.resume, runs_root(options.runs))
    config = stored_config(stored, tuple(changes)) if path is None else fit.read(path, changes, options)[0]
    return replace(config, run=stored.path)
