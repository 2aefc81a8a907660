"""Rows that a loss can't score, or a network can't read."""

from __future__ import annotations

from torch import Tensor

from nntrain.blueprint import Blueprint
from nntrain.data.lanes import goes_on, shown_once
from nntrain.data.packed_sounds import ragged_lengths
from nntrain.data.preparing import Prepared
from nntrain.errors import DataError, render_path
from nntrain.layers.scope import PROBE
from nntrain.losses.loss import Loss
from nntrain.targets import TargetPlan


def check_rows(blueprint: Blueprint, prepared: Prepared) -> None:
    """Make sure that losses can score the targets, the network can read the rows, and what is remembered is read. Raises `DataError`."""
    _check_targets(blueprint, prepared)
    _check_lengths(blueprint, prepared)
    _check_carried(prepared)


def _check_targets(blueprint: Blueprint, prepared: Prepared) -> None:
    """Make sure that every loss can score the targets of the rows that are trained on and watched. Raises `DataError`."""
    for part, data in (("training", prepared.train), ("validation", prepared.validation)):
        for name, plan in blueprint.targets.items() if data is not None else ():
            for loss in plan.losses:
                assert data is not None
                if type(loss).fault is not Loss.fault:  # most losses take whatever there is: no target is made for them
                    _check_target(loss, plan, data.once().target(name), part)


def _check_lengths(blueprint: Blueprint, prepared: Prepared) -> None:
    """Make sure that no row has more steps than the network has positions for. Raises `DataError`."""
    for step in blueprint.program.steps:
        most, lengths = step.layer.most_steps(step.inputs[0].spec), step.inputs[0].lengths
        if most is None or lengths is None or lengths.counts != PROBE:
            continue
        for part, data in prepared.splits.items():
            rows = data.stored.get(lengths.field)
            found = None if rows is None else ragged_lengths(rows)
            longest = 0 if found is None or not len(found) else int(found.max())
            if longest > most:
                place = render_path(step.path)
                raise DataError(
                    f"{lengths.field}: a {part} row has {longest:,} steps, and {step.layer.type} ({place}) has vectors for {most:,}",
                    f"fix:  max_length: {longest} there, or data.fields.{lengths.field}.max_length: {most}",
                )


def _check_carried(prepared: Prepared) -> None:
    """Make sure that what is remembered is read by some training row. Raises `DataError`."""
    if prepared.train.lanes is not None and not goes_on(shown_once(prepared.train, seed=0, epoch=0)):
        message = "data.batch.carry_state has no effect: no training window begins where another one of its series ends"
        raise DataError(message, "a smaller data.window.past, or remove carry_state")


def _check_target(loss: Loss, plan: TargetPlan, encoded: Tensor, part: str) -> None:
    needed = loss.fault(encoded, plan.scored_kind)
    if needed is not None:
        other = next(tag for tag in plan.task.losses(plan.target) if tag != loss.type)
        raise DataError(f"{loss.type} needs {needed}, and {plan.target.name} has others in the {part} rows", f"another loss: {other}")
