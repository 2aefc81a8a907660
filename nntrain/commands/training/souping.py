"""`training.soup`: the best states of a run are read back from the disk in its end, and averaged where validation rows say so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from nntrain.commands.screens.figures import format_number
from nntrain.commands.stored.opening import needed_of
from nntrain.commands.stored.soup_record import PART
from nntrain.errors import CheckpointError
from nntrain.training import checkpoint
from nntrain.training.early_stopping import Best
from nntrain.training.evaluation import training_inputs
from nntrain.training.meta import folder_name
from nntrain.training.running_statistics import moving_norms, take_statistics
from nntrain.training.session import Subject
from nntrain.training.snapshot import predicting_weights
from nntrain.training.soup import Soup, cook
from nntrain.training.tuning import tune

if TYPE_CHECKING:
    from torch import Tensor

    from nntrain.assembly import Assembly
    from nntrain.runs import Run


def make_soup(run: Run, assembly: Assembly, baseline: Mapping[str, Tensor]) -> tuple[str, ...]:
    """Average the best states of a run that asks for it, and let `best` name the result.

    It is made anew each time that the run comes to its end: a function of the states. Where no average is as good as the best state,
    `best` goes on naming that.

    Args:
        run: The run, whose best states are on the disk; their folders stay as they are.
        assembly: Its objects; the network has other weights afterwards.
        baseline: The trivial prediction of each target.

    Returns:
        What is to be told.

    Raises:
        ResourceError: The disk is full.
    """
    rule, validation = assembly.progress.soup, assembly.session.splits.validation
    if rule is None or not rule.found or validation is None:
        return ()
    session = replace(assembly.session, stop_wanted=lambda: False)
    norms = moving_norms(session.network)
    split, _, metric = assembly.plan.best.monitor.partition(".")
    assert split == "validation"
    objective = replace(session.objective, views=None)  # as reports have it
    subject = Subject(session.network, objective, session.precision, baseline, session.batch_size, session.portions.evaluation_rows)

    def settle() -> None:
        if norms:
            take_statistics(session.network, norms, lambda: training_inputs(session), session.precision.autocast)

    def measure() -> float | None:
        return assembly.protocol.measure(subject, validation, "validation").metrics[metric]

    whole, notes = _readable(run, rule.found)
    if not whole or whole[0] != rule.found[0]:
        return (*notes, "no soup: the best state is not there")
    soup = cook(session.network, (_weights(run, each) for each in whole), measure, settle, assembly.plan.best.direction)
    if len(soup.taken) > 1:
        _write(run, assembly, whole, soup)
    return (*notes, _told(soup, len(whole), assembly.plan.best.monitor))


def _readable(run: Run, states: Sequence[Best]) -> tuple[list[Best], tuple[str, ...]]:
    """Those that are on the disk as they were written, and what is to be told of the others."""
    whole: list[Best] = []
    notes: list[str] = []
    for each in states:
        try:
            _weights(run, each)
            whole.append(each)
        except CheckpointError as error:
            notes.append(f"left out of the soup: {error.message}")
    return whole, tuple(notes)


def _parts(run: Run, state: Best) -> dict[str, Any]:
    """What the checkpoint of a state holds. Raises `CheckpointError`."""
    path = run.checkpoints / folder_name(state.step)
    parts = checkpoint.load(path, needed_of(run))
    with checkpoint.told_as_damage(path):
        predicting_weights(parts)
    return parts


def _weights(run: Run, state: Best) -> Mapping[str, Tensor]:
    return predicting_weights(_parts(run, state))


def _write(run: Run, assembly: Assembly, states: Sequence[Best], soup: Soup) -> None:
    """Write the average as a checkpoint of its own, with what is tuned for it. Nothing goes on from it, so that it has no optimizer."""
    best = _parts(run, states[0])
    readings = tune(replace(assembly.session, ema=None))
    steps = [states[place].step for place in soup.taken]
    parts = {
        **{name: tree for name, tree in best.items() if name != "ema"},
        "weights": soup.weights,
        "optimizer": {},
        "task": {**best["task"], "readings": readings},
        PART: {"of": len(states), "steps": steps, "before": soup.before, "after": soup.after},
    }
    checkpoint.save_soup(run.checkpoints, states[0].step, parts, needed_of(run).run)


def _told(soup: Soup, count: int, monitor: str) -> str:
    if soup.before is None:
        return f"no soup: {monitor} of the best state is undefined"
    if count == 1:
        return "no soup: there is one state, and no other to average it with"
    if len(soup.taken) == 1:
        return f"soup of 1 of {count} states: averaged with any other, {monitor} is worse than {format_number(soup.before)}"
    values = f"{monitor} {format_number(soup.before)} -> {format_number(soup.after)}"
    return f"soup of {len(soup.taken)} of {count} states: {values}"
