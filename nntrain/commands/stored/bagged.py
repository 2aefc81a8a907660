"""The networks of a bag as one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from nntrain.commands.stored.members_record import members_record
from nntrain.commands.stored.opening import Stored, open_single, stored_config
from nntrain.errors import CheckpointError
from nntrain.runs import MEMBERS, Run, is_finished

if TYPE_CHECKING:
    from torch import nn

READINGS: Final = "bag.json"
"""What was tuned on rows that members have not seen."""


def open_bag(run: Run) -> Stored:
    """The networks of a bag as one, which reads rows as each of them does.

    Raises:
        CheckpointError: A member is not finished, or the members don't go together.
    """
    from nntrain.training.checkpoint import told_as_damage
    from nntrain.training.differing import first_difference

    members = [open_single(member) for member in members_of(run)]
    first = members[0]
    for member in members[1:]:
        if first_difference({"fields": member.fields.state()}, {"fields": first.fields.state()}) is not None:
            raise CheckpointError(f"{member.run.name} reads rows in another way than {first.run.name}: they are no bag")
    tuned = run.path / READINGS
    with told_as_damage(tuned):
        objective = first.objective.tuned(run.read_json(READINGS)["readings"] if tuned.is_file() else plain_readings(first))
    notes = tuple(dict.fromkeys(note for member in members for note in member.notes))
    config = stored_config(run, for_its_data=False)
    return replace(first, run=run, config=config, network=as_one(members), objective=objective, notes=notes, members=tuple(members))


def as_one(members: Sequence[Stored]) -> nn.Module:
    """Some networks as one."""
    from nntrain.modules.ensemble import Bag

    pools = {name: plan.link.pooled for name, plan in members[0].blueprint.targets.items()}
    return Bag([member.network for member in members], pools).eval()


def plain_readings(stored: Stored) -> dict[str, dict[str, Any]]:
    """The readings of a run whose tasks tune nothing."""
    return {name: plan.task.reading().state() for name, plan in stored.blueprint.targets.items()}


def members_of(run: Run) -> list[Run]:
    """The members of a bag. Raises `CheckpointError` where one of them is not finished, or the list of them is not what a run writes."""
    members = [Run(run.path / MEMBERS / each["name"]) for each in members_record(run)["members"]]
    for member in members:
        if not is_finished(member):
            raise CheckpointError(
                f"{member.name} is not trained yet, and {run.name} predicts with all of its members", f"nntrain fit --resume {run.name}"
            )
    return members
