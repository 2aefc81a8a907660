"""Several processes that train one run. The first does all that one alone does; the others follow it through the steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from nntrain.commands import fit
from nntrain.commands.jobs import AUTO, Options
from nntrain.commands.signals import InterruptedRun, Signals
from nntrain.commands.stored import stored_config
from nntrain.config.reading import Config
from nntrain.errors import ConfigError
from nntrain.runs import Run, find_whole_run, runs_root
from nntrain.training.place import ANNOUNCED, Place, here
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
        _say_nothing_to_do()
        return code
    except InterruptedRun as stop:
        if place.store is None or _announced:
            raise
        return stop.exit_code  # who has started it says so, as it must where this process has not come so far
    finally:
        leave()


def meet(place: Place, config: Config) -> None:
    """Find the other processes, once the config is known to be right.

    Raises:
        ConfigError: There is no device for each of them; rendered.
    """
    from nntrain.training.distributed import join
    from nntrain.training.sharing_devices import own_device

    try:
        training = config.experiment.training
        join(place, own_device("auto" if training is None else training.device, place))
    except ConfigError as error:
        raise config.error(error.problems) from None


def announce(run: Run) -> None:
    """Say which run is trained. The first process says it, the others hear it in `_follow`."""
    from nntrain.training import checkpoint
    from nntrain.training.distributed import joined

    ranks = joined()
    assert ranks is not None
    ranks.tell(lambda: {"run": run.path.absolute().as_posix(), "has_state": checkpoint.any_saved(run.checkpoints)})
    if (place := here()) is not None and place.store is not None:
        Path(place.store).with_name(ANNOUNCED).write_text(run.name, encoding="utf-8")
    _announced.append(run)


_announced: list[Run] = []


def _say_nothing_to_do() -> None:
    """Let the others end, where nothing was trained."""
    from nntrain.training.distributed import joined

    ranks = joined()
    if ranks is not None and not _announced:
        ranks.tell(lambda: None)


def _follow(path: Path | None, changes: Sequence[str], options: Options) -> int:
    from nntrain.commands.training import train_along
    from nntrain.training.distributed import joined

    with Signals() as signals, signals.interruptible():
        config = _config(path, changes, options)
        fit.look_first(config)
        job = fit.read_job(config)
        ranks = joined()
        assert ranks is not None
        told = ranks.tell(lambda: None)
        if told is None:
            return 0
        run = Run(Path(told["run"]))
        if not told["has_state"]:
            job = fit.begin(job)
        assembly = fit.assembled(job)
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
