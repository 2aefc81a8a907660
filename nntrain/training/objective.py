"""The loss of a network with one or more targets, as (sum, weight) parts, so that any cut into micro-batches adds up exactly."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor

from nntrain.data.batches import Batch
from nntrain.losses.loss import LossFunction, Part
from nntrain.tasks.task import Target, Task


@dataclass(frozen=True, slots=True)
class TargetObjective:
    """How one target is scored."""

    target: Target
    task: Task
    loss: LossFunction


@dataclass(frozen=True, slots=True)
class Objective:
    """All targets of a network."""

    targets: Mapping[str, TargetObjective]

    def parts(self, outputs: Mapping[str, Tensor], batch: Batch) -> dict[str, Part]:
        """Loss parts by target: a differentiable sum and the weight it is to be divided by."""
        return {name: objective.loss(outputs[name], batch.targets[name], batch.weights) for name, objective in self.targets.items()}

    def weights(self, batches: Sequence[Batch]) -> dict[str, Tensor]:
        """Weight of each part over several micro-batches, from their targets alone (no forward pass)."""
        return {
            name: sum_tensors([objective.loss.weight(batch.targets[name], batch.weights) for batch in batches])
            for name, objective in self.targets.items()
        }


def total(parts: Mapping[str, Part], weights: Mapping[str, Tensor] | None = None) -> Tensor:
    """Sum over the targets of sum / weight; `weights` replaces the parts' own where a step has several micro-batches."""
    return sum_tensors([part.sum / (part.weight if weights is None else weights[name]) for name, part in parts.items()])


def sum_tensors(tensors: Sequence[Tensor]) -> Tensor:
    """Add scalars; there is always at least one."""
    first, *rest = tensors
    for tensor in rest:
        first = first + tensor
    return first
