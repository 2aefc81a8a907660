"""Whether `fit` trains in one process or in several, and what each of them does. Torch-free."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from nntrain.commands.fitting import fit
from nntrain.commands.fitting.fit import Command
from nntrain.commands.preparing.jobs import Options
from nntrain.commands.screens.output import tell
from nntrain.errors import NNTrainError, UsageError
from nntrain.training.place import LOST, Place, take


def command_of(options: Options, plugin_modules: Sequence[str], *, smoke: bool, each: bool = False) -> Command:
    """What trains a config, or each of several, as options and environment say. Raises `UsageError` where these don't go together."""
    place = placed(options, smoke=smoke)
    if each and isinstance(place, Place):
        raise UsageError(
            f"--each trains one config after another, and this is process {place.rank} of {place.size} that a launcher has started for one",
            "start the launcher for each config, or without it: nntrain fit --each … --processes N",
        )
    return fit.run if place is None else partial(run, place=place, plugin_modules=plugin_modules)


def placed(options: Options, *, smoke: bool) -> Place | int | None:
    """Which of several processes this one is; how many it is to start; or `None` where it trains alone.

    Raises:
        UsageError: Options that don't go together, or with what the environment says.
    """
    from nntrain.commands.fitting.processes import check_count, check_options

    place = Place.of(os.environ)
    if options.processes is not None:
        check_count(options.processes)
        if place is not None:
            raise UsageError(
                f"--processes starts processes, and this is process {place.rank} of {place.size} that a launcher has started",
                "remove --processes, or start nntrain without the launcher",
            )
    wanted = place if place is not None else options.processes
    if wanted in (None, 1):
        return None
    check_options(options, smoke=smoke)
    return wanted


def run(path: Path | None, changes: Sequence[str], options: Options, *, place: Place | int, plugin_modules: Sequence[str]) -> int:
    """Train a config in several processes: start them, or be one of them. Returns the exit code."""
    if isinstance(place, int):
        from nntrain.commands.fitting.processes import launch

        return launch(place, _arguments(path, changes, options, plugin_modules), goes_on=options.resume is not None)
    take(place)
    from nntrain.commands.fitting.following import run_placed

    try:
        return run_placed(place, path, changes, options)
    except NNTrainError as error:
        if error.exit_code != LOST:
            if not place.is_first and place.store is None:
                tell(f"process {place.rank} of {place.size}:")
            raise
        if place.store is None:  # else whoever has started it tells of the one that is gone
            tell(str(error))
        return LOST


def _arguments(path: Path | None, changes: Sequence[str], options: Options, plugin_modules: Sequence[str]) -> list[str]:
    """The command line of one of the processes."""
    given = {
        "--resume": options.resume,
        "--run-id": options.run_id,
        "--runs": options.runs,
    }
    flags = {
        "--resume-anyway": options.resume_anyway,
        "--no-test": not options.test,
        "--skip-done": options.skip_done,
        "--json": options.as_json,
        "--json-lines": options.json_lines,
    }
    found = [str(path)] if path is not None else []
    found += changes
    for name, value in given.items():
        found += [] if value is None else [name, str(value)]
    for overlay in options.overlays:
        found += ["--with", str(overlay)]
    for module in plugin_modules:
        found += ["--plugin", module]
    return found + [name for name, is_on in flags.items() if is_on]
