"""What does not go with the way in which rows come together in batches. Torch-free."""

from __future__ import annotations

from collections.abc import Iterator

from nntrain.config.experiment import Experiment
from nntrain.data.carrying import CARRY
from nntrain.errors import Problem
from nntrain.layers.carrying import carried_problems
from nntrain.layers.program import Program
from nntrain.losses.loss import Loss
from nntrain.training.settings import TrainingSettings


def batch_problems(experiment: Experiment, training: TrainingSettings, program: Program | None) -> Iterator[Problem]:
    """Batches that a layer, a recurrent state or the memory can't do with."""
    if experiment.data.lanes is not None:
        for mixing in ("mixup", "cutmix"):
            if getattr(experiment.regularization, mixing) is not None:
                message = "mixes rows with others, and data.batch.carry_state goes on from each row to the one behind it"
                yield Problem(("regularization", mixing), message, "remove one of the two", on_key=True)
        yield from carried_problems(program, CARRY) if program is not None else ()
    steps = program.steps if program is not None else ()
    resting = program.resting if program is not None else ()
    norms = [step for step in steps if step.layer.mixes_rows and step.name not in resting and not step.spec.is_packed]
    instead = f", or {norms[0].layer.by_row}" if norms and norms[0].layer.by_row is not None else ""
    if experiment.data.batch_size == 1 and norms:
        yield Problem(
            ("data", "batch_size"),
            f"is 1, and {norms[0].name} needs at least 2 rows to normalise over",
            f"fix:  batch_size: 2 or more{instead}{' in its place' if instead else ''}",
        )
    batch = experiment.data.batch
    if batch is not None and batch.tokens is not None and norms:
        message = f"may leave a long row alone in its batch, and {norms[0].name} needs at least 2 rows to normalise over"
        yield Problem(("data", "batch", "tokens"), message, f"fix:  bucket: true in its place{instead}", on_key=True)
    if experiment.data.batch_size == "full" and training.accumulate > 1:
        yield Problem(("training", "accumulate"), "has no effect: with data.batch_size: full each step has all rows already", on_key=True)
    if training.on_oom == "halve" and experiment.data.batch_size == 1:
        yield Problem(("training", "on_oom"), "has no effect: data.batch_size is 1, which has no half", "fix:  on_oom: stop")
    if training.on_oom == "halve" and experiment.optimizer is not None and experiment.optimizer.needs_closure:
        found = f"can't be halve: {experiment.optimizer.type} has moved the weights already when memory runs out in its search"
        yield Problem(("training", "on_oom"), found, "fix:  on_oom: stop, and a smaller data.batch_size with training.accumulate")


def whole_batch_problems(experiment: Experiment, training: TrainingSettings, loss: Loss | None, times: int = 1) -> Iterator[Problem]:
    """What cuts or mixes batches whose rows are compared with each other.

    Args:
        experiment: With defaults filled in.
        training: The training section with its defaults.
        loss: The loss that compares them; `None` where none does.
        times: How often a batch has each row.
    """
    batch = experiment.data.batch
    if times > 1 and batch is not None and batch.tokens is not None:
        message = f"counts each row once, and task.views shows it {times} times, all of them in one batch"
        yield Problem(("data", "batch", "tokens"), message, "fix:  bucket: true in its place, with data.batch_size", on_key=True)
    if loss is None:
        return
    compares = f"{loss.type} compares each row with all others of its batch"
    if training.accumulate > 1:
        message = f"cuts a step into batches, and {compares}: those of other batches would be left out"
        yield Problem(("training", "accumulate"), message, "fix:  a larger data.batch_size, and leave accumulate out", on_key=True)
    if training.on_oom == "halve":
        yield Problem(("training", "on_oom"), f"can't be halve: {compares}, and half a batch has another loss", "fix:  on_oom: stop")
    if experiment.data.batch_size == 1:
        yield Problem(("data", "batch_size"), f"is 1, and {compares}", "fix:  batch_size: 32 or more")
    for mixing in ("mixup", "cutmix"):
        if getattr(experiment.regularization, mixing) is not None:
            message = f"mixes rows of different classes, and {compares} by their class"
            yield Problem(("regularization", mixing), message, f"fix:  leave {mixing} out", on_key=True)
