"""What a network with one or more targets is trained for and judged by.

The loss comes as (sum, weight) parts, so that any cut into micro-batches adds up exactly.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from torch import Tensor

from nntrain.data.batches import Batch
from nntrain.losses.loss import LossFunction, Part
from nntrain.metrics.metric import Metric, MetricInfo
from nntrain.specs import known
from nntrain.tasks.task import Target, Task


def as_is(values: Tensor) -> Tensor:
    """Values that are in raw units already."""
    return values


@dataclass(frozen=True, slots=True)
class TargetObjective:
    """How one target is scored, read and judged."""

    target: Target
    task: Task
    loss: LossFunction
    metrics: Mapping[str, Metric] = field(default_factory=dict[str, Metric])
    """By the name in reports: `accuracy`."""
    to_raw: Callable[[Tensor], Tensor] = as_is
    """Brings values from the unit of training, `[B, …]`, to that of the data."""

    @property
    def metric_info(self) -> MetricInfo:
        """What the metrics must know."""
        kind = self.task.kind(self.target)
        if kind == "classes":
            return MetricInfo(kind, known(self.task.needs(self.target).sizes[-1]))
        return MetricInfo(kind, 2 if kind == "binary" else 0)

    def predict(self, output: Tensor) -> Tensor:
        """Read the network's output `[B, …]`: probabilities `[B, K]`, `[B]` of the second of two, or values in raw units."""
        return self.read(self.task.predict(output, self.target))

    def read(self, values: Tensor) -> Tensor:
        """Bring targets or predictions to raw units; classes and probabilities have none."""
        return self.to_raw(values) if self.task.kind(self.target) == "values" else values


@dataclass(frozen=True, slots=True)
class Objective:
    """All targets of a network."""

    targets: Mapping[str, TargetObjective]

    def parts(self, outputs: Mapping[str, Tensor], batch: Batch) -> dict[str, Part]:
        """Loss parts by target: a differentiable sum and the weight it is to be divided by."""
        return {name: target.loss(outputs[name], batch.targets[name], batch.weights) for name, target in self.targets.items()}

    def weights(self, batches: Sequence[Batch]) -> dict[str, Tensor]:
        """Weight of each part over several micro-batches, from their targets alone (no forward pass)."""
        return {
            name: sum_tensors([target.loss.weight(batch.targets[name], batch.weights) for batch in batches])
            for name, target in self.targets.items()
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
