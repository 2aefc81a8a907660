"""What can't be trained in several processes, and why. Torch-free."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from nntrain.blueprint import Blueprint
from nntrain.errors import Problem

if TYPE_CHECKING:
    from nntrain.config.reading import Config


def check_shareable(config: Config, blueprint: Blueprint) -> None:
    """Refuse a config whose steps can't be shared out. Raises `ConfigError`, rendered."""
    problems = list(unshareable(blueprint))
    if problems:
        raise config.error(problems)


def unshareable(blueprint: Blueprint) -> Iterator[Problem]:
    """Why several processes can't train a config."""
    experiment, training = blueprint.experiment, blueprint.training
    alone = "in one process: without --processes, or a launcher"
    if not blueprint.protocol.shares_rows:
        yield Problem(
            ("training", "protocol"), f"{blueprint.protocol.type} is not trained in several processes: its steps are no rows", alone
        )
    if experiment.optimizer is not None and experiment.optimizer.needs_closure:
        yield Problem(("optimizer",), f"{experiment.optimizer.type} asks for the loss as often as it likes, in one process", alone)
    if training.on_oom == "halve":
        yield Problem(("training", "on_oom"), "one process can't take smaller micro-batches than the others", "fix:  on_oom: stop")
    if training.shard:
        yield from _unshardable(blueprint)
    batch = experiment.data.batch
    if batch is not None and batch.tokens is not None:
        yield Problem(("data", "batch", "tokens"), "counts steps of rows, and processes share out rows", f"{alone}, or data.batch_size")
    if batch is not None and batch.carry_state:
        yield Problem(("data", "batch", "carry_state"), "what is carried over from row to row would lie in another process", alone)
    for name, plan in blueprint.targets.items():
        if any(loss.compares_rows(plan.scored_kind) for loss in plan.losses) or plan.task.times_shown > 1:
            tag = plan.losses[0].type
            yield Problem(("loss",), f"{tag} of {name} compares the rows of a batch, which lie in several processes", alone)
    if any(plan.task.unit_axis(plan.target) in ("node", "pair") for plan in blueprint.targets.values()):
        yield Problem(("data", "source"), "the nodes of one graph are one row, which can't be shared out", alone)


def _unshardable(blueprint: Blueprint) -> Iterator[Problem]:
    """Why parameters can't lie in pieces."""
    experiment, training = blueprint.experiment, blueprint.training
    regularization = experiment.regularization
    whole = "fix:  training.shard: false, so that each process has a copy"
    if experiment.optimizer is not None and experiment.optimizer.type not in _SHARDED_OPTIMIZERS:
        yield Problem(("optimizer",), f"{experiment.optimizer.type} is not used with training.shard", "sgd, adam or adamw")
    if training.accumulate > 1:
        yield Problem(("training", "accumulate"), "processes with pieces of the weights take one micro-batch a step", "fix:  accumulate: 1")
    if training.precision == "float16":
        yield Problem(("training", "precision"), "float16 scales gradients that each process has a piece of", "fix:  precision: bfloat16")
    if training.unfreeze is not None:
        yield Problem(("training", "unfreeze"), "what lies in pieces is trained from the start, or never", whole)
    for name in ("ema", "swa", "max_norm", "gradient_noise"):
        if getattr(regularization, name) is not None:
            yield Problem(
                ("regularization", name), "reads weights or gradients as a whole, and training.shard cuts them into pieces", whole
            )
    if any(step.adapter is not None for step in blueprint.program.steps):
        yield Problem(("architecture", "adapter"), "is computed from whole weights", whole)


_SHARDED_OPTIMIZERS: Final = ("sgd", "adam", "adamw")
_DRAWING: Final = frozenset({"dropout", "alpha_dropout", "stochastic_depth", "gaussian_noise"})


def other_curve(blueprint: Blueprint) -> str | None:
    """Why several processes don't compute the loss curve of one process; `None` where they do, up to rounding."""
    program = blueprint.program
    awake = [step for step in program.steps if step.name not in program.resting]
    norms = [step.name for step in awake if step.layer.mixes_rows]
    draws = [
        step.name
        for step in program.steps
        if step.layer.type in _DRAWING or getattr(step.layer, "dropout", 0.0) or step.layer.prior is not None
    ]
    reasons = [f"batch statistics are those of each process's own rows ({_some(norms)}); a layer or group norm has none"] if norms else []
    reasons += [f"each process draws by itself ({_some(draws)})"] if draws else []
    return f"another loss curve than with one process: {'; '.join(reasons)}" if reasons else None


def _some(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
