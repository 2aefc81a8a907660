"""`nntrain check --run`: tries a config out before it is trained, in objects of its own, and leaves nothing behind."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from nntrain.commands.training.peak_memory import forget_peak
from nntrain.data.cache_folder import FOLDER

if TYPE_CHECKING:
    from nntrain.blueprint import Blueprint
    from nntrain.commands.trials.findings import TrialResult
    from nntrain.config.reading import Config

LONG_S: Final = 5.0
"""Processor time after which a process is no command that has just begun."""


def begin_trial() -> float:
    """Seconds that are gone before a config is tried: of a command those that Python took to begin."""
    forget_peak()
    gone = time.process_time()
    return gone if gone < LONG_S else 0.0


def try_out(config: Config, plot: Path | None, gone_s: float) -> tuple[Blueprint, list[TrialResult]]:
    """Try a config out: costs, first step, learning rates, 8 rows, own layers.

    Args:
        config: What is to be trained.
        plot: Where the range test is drawn; `None`: it isn't.
        gone_s: Seconds that `fit` takes too before it reads the config.

    Raises:
        NNTrainError: What `fit` would raise before its first step, or where memory does not suffice for one.
    """
    from nntrain.commands.members.bags import as_members
    from nntrain.commands.preparing.jobs import Options

    began = time.perf_counter()
    config, options = as_members(config, Options())
    with _own_cache():
        from nntrain.commands.preparing.from_config import begin, prepare_job
        from nntrain.commands.preparing.measuring import without_trace

        job = begin(prepare_job(config))
        with without_trace(job):
            members = 1 if options.members is None else options.members.count
            return job.blueprint, _findings(job, plot, gone_s + time.perf_counter() - began, members)


def _findings(job: Any, plot: Path | None, start_s: float, members: int) -> list[TrialResult]:
    from nntrain.commands.preparing.memory import memory_errors
    from nntrain.commands.trials.findings import TrialResult
    from nntrain.commands.trials.rate_plot import plot_sweep
    from nntrain.commands.trials.trial_costs import measure_costs, told_costs
    from nntrain.commands.trials.trial_layers import try_own_layers
    from nntrain.commands.trials.trial_rates import sweep, told_sweep, why_no_sweep
    from nntrain.commands.trials.trial_rows import try_first_step, try_rows

    with memory_errors("while the config was tried"):
        costs, plan = measure_costs(job, start_s)  # first of all, as nothing else has taken memory yet
        found = try_first_step(job)
        why, suggested = why_no_sweep(job), None
        if why is None:
            swept = sweep(job, costs.step_s)
            suggested = None if swept.advice is None else swept.advice.suggested
            found.append(told_sweep(swept))
            if plot is not None and not swept.losses:
                found.append(TrialResult("plot", "not drawn: no step had a loss that is finite", is_warning=True))
            elif plot is not None:
                plot_sweep(swept, job.config.experiment.name or "learning rates", plot)
        else:
            found.append(TrialResult("rate", f"no range test: {why}" + ("" if plot is None else ", and nothing to draw")))
        return [try_rows(job, suggested), *found, *try_own_layers(job), *told_costs(costs, plan, members)]


@contextmanager
def _own_cache() -> Generator[None]:
    """Context in which encoded rows of streamed tables are kept in a folder that is gone afterwards, not where `fit` looks."""
    before = os.environ.get(FOLDER)
    if before == "":  # nothing is to be kept
        yield
        return
    with tempfile.TemporaryDirectory(prefix="nntrain-check-") as folder:
        os.environ[FOLDER] = folder
        try:
            yield
        finally:
            if before is None:
                del os.environ[FOLDER]
            else:
                os.environ[FOLDER] = before
