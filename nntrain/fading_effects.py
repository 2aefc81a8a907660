"""What `regularization.scheduler` needs, and what it can't be combined with. Torch-free."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from nntrain.config.experiment import Experiment
from nntrain.errors import Problem, YamlPath
from nntrain.layers.dropout import AnyDropout, StochasticDepth
from nntrain.layers.layer import Layer
from nntrain.layers.program import Program
from nntrain.schedules.constant import Constant
from nntrain.schedules.plateau import Plateau
from nntrain.schedules.schedule import Horizon, Schedule
from nntrain.training.settings import TrainingSettings

PATH: Final[YamlPath] = ("regularization", "scheduler")


def drops(program: Program) -> bool:
    """Whether a network drops numbers while training, or a layer of a plug-in may."""
    return any(_drops(step.layer) for step in program.steps)


def _drops(layer: Layer) -> bool:
    if not type(layer).__module__.startswith("nntrain."):
        return True
    p = layer.p if isinstance(layer, AnyDropout | StochasticDepth) else getattr(layer, "dropout", 0.0)
    return isinstance(p, float) and p > 0


def fading_problems(experiment: Experiment, schedule: Schedule, training: TrainingSettings, program: Program | None) -> Iterator[Problem]:
    """A schedule of regularization that is not one of the step alone, or has nothing to act on."""
    why = _misfit(schedule)
    if why is not None:
        yield Problem(PATH, *why)
        return
    if schedule.needs_total_steps and training.max_epochs is None and training.max_steps is None:
        message = f"{schedule.type} counts towards the end of the run, and max_minutes alone gives no number of steps"
        yield Problem(PATH, message, "fix:  training.max_epochs or training.max_steps")
    lowest = getattr(schedule, "min_lr", 0.0)
    if lowest >= 1:
        message = f"is {lowest:g} and not below 1: it is a factor here, which would not fall"
        yield Problem((*PATH, "min_lr"), message, "fix:  min_lr: 0.1")
    if program is not None and not _decays(experiment) and not drops(program):
        message = "has no effect: there is neither dropout nor weight decay"
        yield Problem(PATH, message, "fix:  regularization: {dropout: 0.1, weight_decay: 0.01, …}, or remove it", on_key=True)


def _misfit(schedule: Schedule) -> tuple[str, str] | None:
    """Why a schedule is none of a factor, and what to do."""
    if isinstance(schedule, Plateau):
        return f"{schedule.type} follows a metric, and what acts in a step must be a function of the step", "fix:  scheduler: linear"
    if schedule.moves_momentum:
        return f"{schedule.type} moves a momentum too, which dropout and weight decay have none of", "fix:  cycle_momentum: false"
    if isinstance(schedule, Constant) and schedule.warmup_steps is None and schedule.warmup_fraction is None:
        return "has no effect: constant leaves dropout and weight decay as they are", "remove it, or  scheduler: linear"
    return None


def _decays(experiment: Experiment) -> bool:
    """Whether any weights decay."""
    rules = () if experiment.optimizer is None else experiment.optimizer.groups
    return bool(experiment.regularization.weight_decay) or any(rule.weight_decay for rule in rules)


def fading_warnings(schedule: Schedule, horizon: Horizon, max_epochs: int | None) -> Iterator[str]:
    """What of a schedule of regularization lies beyond the end of the run."""
    for line in schedule.warnings(horizon, max_epochs):
        yield f"regularization.{line}".replace("the rate", "the factor").replace("optimizer.lr", "1")
