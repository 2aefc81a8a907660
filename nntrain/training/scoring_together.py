"""The losses of several members in one call, where the rows of all are rounded as those of one are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import torch
from torch import Tensor

from nntrain.losses.loss import LossFunction, Part
from nntrain.training.joint_rows import JointBatch
from nntrain.training.objective import Objective, PartName

_WHOLE: Final = 32
"""Numbers that a processor computes in one go, see `nntrain.modules.stacked`."""


def score_at_once(
    objective: Objective, outputs: Mapping[str, Tensor], batch: JointBatch, there: Sequence[int]
) -> tuple[Tensor, dict[PartName, Part]] | None:
    """Score the outputs of members, `[M * B, …]`, one behind another.

    Args:
        objective: That of any of them.
        outputs: By name.
        batch: The rows of all.
        there: The places of those that are there, N.

    Returns:
        The loss of each that is there, `[N]`, and its parts, sums and weights `[N]`, which have no graph; gradients have the bits of a run
        of its own, and sums are added up in another order than in one. `None` where each is to be scored by itself: several
        losses, weights, targets of more than a value a row, or numbers that would be rounded otherwise.
    """
    function = _plain_loss(objective)
    [(name, output), *others] = outputs.items()
    rows, whole = len(batch), batch.whole
    if function is None or others or whole is None or whole.weights is not None:
        return None
    target = whole.targets[name]
    is_exact = function.is_exact_by_row or not output[:rows].numel() % _WHOLE
    if not is_exact or output.itemsize < 4 or target.ndim > 1:
        return None
    weight = target.new_full((), rows, dtype=torch.float32)
    if len(there) < batch.members:
        output, target = (torch.cat([each[index * rows : (index + 1) * rows] for index in there]) for each in (output, target))
    sums = function.per_row(output, target, None).view(len(there), rows).sum(dim=1)
    [tag] = objective.targets[name].losses
    return sums / weight, {(name, tag): Part(sums.detach(), weight.expand(len(there)))}


def _plain_loss(objective: Objective) -> LossFunction | None:
    """The only loss of a network with one target of one value a row, where it counts all rows alike."""
    if len(objective.targets) > 1 or objective.auxiliary or objective.layer_parts or objective.compared_rows is not None:
        return None
    [target] = objective.targets.values()
    if len(target.losses) > 1 or target.is_taught or target.scored_axis is not None or not target.task.predicts:
        return None
    [loss] = target.losses.values()
    return loss.function if loss.factor == 1 and loss.function.class_weights is None else None
