"""What a network with one or more targets is trained for and judged by.

The loss comes as (sum, weight) parts, so that any cut into micro-batches adds up exactly.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import torch
from torch import Tensor

from nntrain.data.augmentation.views import Views
from nntrain.data.batches import Batch, TensorData
from nntrain.data.packed import LENGTHS
from nntrain.layers.program import Auxiliary
from nntrain.losses.links import Identity, Interval, Link
from nntrain.losses.loss import LossFunction, Part
from nntrain.metrics.metric import Metric, MetricInfo
from nntrain.specs import MASK, known, teacher_port
from nntrain.tasks.judging import Reading, metric_info
from nntrain.tasks.task import Lesson, Target, Task, UnitAxis
from nntrain.training.repeated import Repeated
from nntrain.training.units import Units, chosen, fold, fold_target


def as_is(values: Tensor) -> Tensor:
    """Values that are in raw units already."""
    return values


PartName = tuple[str, str]
"""Output (a target or an auxiliary head of one), and loss by its name in reports."""


@dataclass(frozen=True, slots=True)
class WeightedLoss:
    """One of the losses of a target."""

    function: LossFunction
    factor: float = 1.0
    """How much it counts in the sum."""
    gives_chances: bool = False
    """Whether the sigmoid of its scores is the chance that a row is real."""


@dataclass(frozen=True, slots=True)
class TargetObjective:
    """How one target is scored, read and judged."""

    target: Target
    task: Task
    losses: Mapping[str, WeightedLoss]
    """By the name in reports: `dice`; all read the output through `link`."""
    metrics: Mapping[str, Metric] = field(default_factory=dict[str, Metric])
    """By the name in reports: `accuracy`."""
    to_raw: Callable[[Tensor], Tensor] = as_is
    """Brings values from the unit of training, `[B, …]`, to that of the data."""
    link: Link = field(default_factory=Identity)
    """How the losses read the network's output."""
    reading: Reading = field(default_factory=Reading)
    """How logits become probabilities, and those become classes."""
    scale: tuple[float, ...] = ()
    """What values were divided by for training, as metrics are told."""
    naive: tuple[float, ...] = ()
    """Of a forecast, the error of repeating the last season, as metrics are told."""
    members: int = 1
    """Outputs that a row has while the network is trained, one after another; each is scored by itself."""
    hold: Callable[[Tensor], Tensor] = as_is
    """Brings predictions in raw units to where the task holds them."""

    @property
    def metric_info(self) -> MetricInfo:
        """What the metrics must know."""
        return replace(metric_info(self.task, self.target, self.reading.threshold), scale=self.scale, naive=self.naive)

    @property
    def unit_axis(self) -> UnitAxis | None:
        """What of a row is scored and judged by itself; `None` for the row."""
        return self.task.unit_axis(self.target)

    @property
    def is_taught(self) -> bool:
        """Whether the network reads what its task tells it of the target."""
        return self.task.port(self.target) is not None

    def lesson(self, targets: Mapping[str, Tensor]) -> Lesson:
        """What the network is told, and scored by."""
        return self.task.teach(targets[self.target.name])

    def predict(self, output: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Read the network's output `[B, …]`: probabilities `[B, K]`, `[B]` of the second of two, or values in raw units.

        Of a target with units there is one for each, `[S, …]`, those behind the ends of rows included; `lengths` is that of the rows of an
        output `[B, T, …]` that is no unit's, or `None`.
        """
        if self.reading.temperature != 1:
            output = output.float() / self.reading.temperature
        return self.hold(self.read(self.task.predict(fold(output, self.unit_axis), self.target, self.link, lengths)))

    def unfold(self, prediction: Tensor, rows: int) -> Tensor:
        """Predictions of pixels `[B * H * W, K]` as maps `[B, K, H, W]`; all others as they are."""
        if self.unit_axis != "pixel":
            return prediction
        height, width = (known(size) for size in self.target.spec.sizes)
        return prediction.reshape(rows, height, width, -1).movedim(-1, 1)

    def judged(self, prediction: Tensor, target: Tensor, weights: Tensor | None) -> Units:
        """What metrics are told of a batch: what `predict` gives, the target and the weights, of the rows or units that count."""
        units = chosen(prediction, target, weights, self.unit_axis)
        return units._replace(target=self.read(units.target))

    def judged_by_row(self, prediction: Tensor, target: Tensor, weights: Tensor | None) -> Units:
        """What metrics of whole rows are told of a batch: the steps of each row together, whether they count or not."""
        by_row = prediction.reshape(len(target), -1, *prediction.shape[1:]) if self.unit_axis == "time" else prediction
        return Units(by_row, self.read(target[:, : by_row.shape[1]] if self.unit_axis == "time" else target), weights)

    def score(self, loss: LossFunction, output: Tensor, batch: Batch, targets: Mapping[str, Tensor], lengths: Tensor | None) -> Part:
        """Score the output for a batch by its rows or units; `targets` are those of the batch, or of what it was mixed with."""
        if self.members > 1 and len(output) > len(batch):
            return self._score_members(loss, output, batch.weights, targets)
        if batch.choice is not None:
            output = output.gather(1, batch.choice.unsqueeze(1)).squeeze(1)
        axis = self.scored_axis
        target, weights = fold_target(self._scored(targets), batch.weights, axis, output.shape[1] if axis == "time" else None)
        return loss(fold(output, axis), target, weights, lengths)

    def _score_members(self, loss: LossFunction, output: Tensor, weights: Tensor | None, targets: Mapping[str, Tensor]) -> Part:
        """The mean of the scores of all members, `[B * M, …]`."""
        target = self._scored(targets).repeat_interleave(self.members, dim=0)
        found = loss(output, target, None if weights is None else weights.repeat_interleave(self.members))
        return found._replace(sum=found.sum / self.members, weight=found.weight / self.members)

    def weigh(self, loss: LossFunction, batch: Batch, targets: Mapping[str, Tensor]) -> Tensor:
        """The weight that `score` gives, before any forward pass."""
        return loss.weight(*fold_target(self._scored(targets), batch.weights, self.scored_axis))

    @property
    def scored_axis(self) -> UnitAxis | None:
        """What of a row losses score by itself: of a lesson each step; pixels are scored as maps."""
        return "time" if self.is_taught else None if self.unit_axis == "pixel" else self.unit_axis

    def _scored(self, targets: Mapping[str, Tensor]) -> Tensor:
        return self.lesson(targets).target if self.is_taught else targets[self.target.name]

    def interval(self, output: Tensor) -> Interval | None:
        """Where the values probably lie, in raw units, of the network's output; `None` where the loss doesn't tell."""
        found = self.task.interval(output, self.target, self.link)
        return None if found is None else Interval(self.hold(self.read(found.low)), self.hold(self.read(found.high)))

    def read(self, values: Tensor) -> Tensor:
        """Bring targets or predictions to raw units; classes and probabilities have none."""
        return self.to_raw(values) if self.task.kind(self.target) == "values" else values


@dataclass(frozen=True, slots=True)
class Objective:
    """All targets of a network."""

    targets: Mapping[str, TargetObjective]
    auxiliary: Mapping[str, Auxiliary] = field(default_factory=dict[str, Auxiliary])
    """Outputs beside those of the targets whose losses count too, by name."""
    layer_parts: Mapping[str, float] = field(default_factory=dict[str, float])
    """Parts of the loss that layers add, as the network names them (`loss.<point>.<part>`), and how much each counts."""
    hinted: tuple[str, ...] = ()
    """Targets that the network reads where they are known, for layers beside its outputs."""
    views: Views | None = None
    """Further views of the rows that are measured and predicted for, at the end of a run and after it."""

    repeated: Repeated | None = None
    """How often rows are shown, where that is more than once."""
    compared_rows: int | Literal["full"] | None = None
    """Rows that are measured at once where a loss compares the rows of a batch: as many as training compares, `full`: all of a split.
    `None`: no loss does, so that it is the same in portions of any size."""

    def measured(self, data: TensorData) -> TensorData:
        """The rows of a split as they are measured."""
        return data if self.repeated is None else self.repeated.measured(data)

    def interval(self, name: str, outputs: Mapping[str, Tensor], views: Sequence[Mapping[str, Tensor]] = ()) -> Interval | None:
        """Where the values of a target probably lie, in raw units: the mean of the ends over the outputs for some rows and their views."""
        if name not in outputs:
            return None
        found = [self.targets[name].interval(each[name]) for each in (outputs, *views)]
        ends = [(each.low, each.high) for each in found if each is not None]
        if len(ends) < 2:
            return found[0]
        low, high = zip(*ends, strict=True)
        return Interval(self._mean(name, low), self._mean(name, high))

    def mean(self, name: str, predictions: Sequence[Tensor], rows: int) -> Tensor:
        """What is predicted of a target, made of the predictions for some rows and for each of their views, all as `predict` gives them."""
        target = self.targets[name]
        mean = self._mean(name, [target.unfold(each, rows) for each in predictions])
        return target.task.of_mean(fold(mean, "pixel") if target.unit_axis == "pixel" else mean, target.link)

    def _mean(self, name: str, values: Sequence[Tensor]) -> Tensor:
        assert self.views is not None
        return self.views.mean(tuple(values), is_map=self.targets[name].target.spec.axes[-2:] == MASK)

    def tuned(self, readings: Mapping[str, Mapping[str, Any]]) -> Objective:
        """The same, with what was tuned by target. Raises `LookupError`, `TypeError` or `ValueError` where it is something else."""
        changed = {name: replace(self.targets[name], reading=Reading.restore(tree)) for name, tree in readings.items()}
        return replace(self, targets={**self.targets, **changed})

    def inputs(self, batch: Batch) -> Mapping[str, Tensor]:
        """What the network reads of a batch of which the targets are known: its fields, and what it is told of targets."""
        taught = [name for name, target in self.targets.items() if target.is_taught]
        if not taught and not self.hinted:
            return batch.inputs
        found = {**batch.inputs, **{teacher_port(name): batch.targets[name] for name in self.hinted}}
        for name in taught:
            lesson, port = self.targets[name].lesson(batch.targets), teacher_port(name)
            found |= {port: lesson.told, LENGTHS.format(port): lesson.lengths}
        return found

    def parts(self, outputs: Mapping[str, Tensor], batch: Batch) -> dict[PartName, Part]:
        """Loss parts: a differentiable sum, the weight it is to be divided by, and how much it counts."""
        scored = {
            (output, tag): _score(self.targets[name], loss.function, outputs[output], batch, outputs.get(LENGTHS.format(output)))._replace(
                factor=loss.factor
            )
            for output, name, tag, loss in self._scored()
        }
        for name, factor in self.layer_parts.items():
            by_row = outputs[name] if batch.weights is None else outputs[name] * batch.weights
            scored[name, ""] = Part(by_row.sum(), _rows_weight(batch), factor)
        return scored

    def weights(self, batches: Sequence[Batch]) -> dict[PartName, Tensor]:
        """Weight of each part over several micro-batches, from their targets alone (no forward pass)."""
        scored = {
            (output, tag): sum_tensors([_weight(self.targets[name], loss.function, batch) for batch in batches])
            for output, name, tag, loss in self._scored()
        }
        return scored | {(name, ""): sum_tensors([_rows_weight(batch) for batch in batches]) for name in self.layer_parts}

    def _scored(self) -> Iterator[tuple[str, str, str, WeightedLoss]]:
        """Everything that is scored: the output, its target, and a loss under its name."""
        for name, target in self.targets.items():
            if target.task.predicts:
                yield from ((name, name, tag, loss) for tag, loss in target.losses.items())
        for output, head in self.auxiliary.items():
            for tag, loss in self.targets[head.target].losses.items():
                yield output, head.target, tag, WeightedLoss(loss.function, head.weight * loss.factor)

    def name_losses(self, means: Mapping[PartName, float | None]) -> dict[str, float | None]:
        """The means of the parts under their names in reports.

        `loss` is what is minimised; `<target>.loss` the share of each of several targets in it; `loss.dice`, `<target>.loss.dice` each
        of several losses of a target, and `loss.<point>.<part>` each that a layer adds, as if it had the weight 1. Beside such a part the
        loss of a single target stands by itself too, `loss.bce`.
        """
        factors = {(output, tag): loss.factor for output, _, tag, loss in self._scored()}
        factors |= {(name, ""): factor for name, factor in self.layer_parts.items()}
        owners = {output: name for output, name, _, _ in self._scored()}
        found = {"loss": _weighted_sum(means, factors)}
        for name, target in self.targets.items():
            is_single = len(self.targets) == 1
            prefix = "" if is_single else f"{name}."
            own = {key: mean for key, mean in means.items() if owners.get(key[0]) == name}
            found |= {} if is_single else {f"{prefix}loss": _weighted_sum(own, factors)}
            if len(target.losses) > 1 or (is_single and self.layer_parts):
                found |= {f"{prefix}loss.{tag}": mean for (output, tag), mean in own.items() if output == name}
        return found | {name: means.get((name, "")) for name in self.layer_parts}


def _rows_weight(batch: Batch) -> Tensor:
    """How many rows of a batch count."""
    if batch.weights is None:
        return batch.rows.new_full((), len(batch), dtype=torch.float32)
    return batch.weights.sum().clamp(min=torch.finfo(torch.float32).tiny)


def _score(target: TargetObjective, loss: LossFunction, output: Tensor, batch: Batch, lengths: Tensor | None = None) -> Part:
    """Score a target; of rows that were mixed with others both targets, each by its share."""
    own = target.score(loss, output, batch, batch.targets, lengths)
    if batch.partner is None or target.target.name not in batch.partner.targets:
        return own
    other, share = target.score(loss, output, batch, batch.partner.targets, lengths), batch.partner.share
    return own._replace(sum=share * own.sum + (1 - share) * other.sum, weight=share * own.weight + (1 - share) * other.weight)


def _weight(target: TargetObjective, loss: LossFunction, batch: Batch) -> Tensor:
    """The weight that `_score` gives."""
    own = target.weigh(loss, batch, batch.targets)
    if batch.partner is None or target.target.name not in batch.partner.targets:
        return own
    return batch.partner.share * own + (1 - batch.partner.share) * target.weigh(loss, batch, batch.partner.targets)


def total(parts: Mapping[PartName, Part], weights: Mapping[PartName, Tensor] | None = None) -> Tensor:
    """What is minimised: the sum over the parts of factor * sum / weight; 0 of a step whose rows all have the weight 0.

    Args:
        parts: The parts of a micro-batch.
        weights: Replace the parts' own where a step has several micro-batches.
    """
    means = [(part.factor, _mean(part.sum, part.weight if weights is None else weights[name])) for name, part in parts.items()]
    return sum_tensors([mean if factor == 1 else factor * mean for factor, mean in means])


def _mean(value: Tensor, weight: Tensor) -> Tensor:
    """A quotient that is 0, and has the gradient 0, where there is no weight. Any other weight stays as it is to the last bit."""
    return value / weight.clamp(min=torch.finfo(weight.dtype).tiny)


def _weighted_sum(means: Mapping[PartName, float | None], factors: Mapping[PartName, float]) -> float | None:
    values = [None if mean is None else factors[name] * mean for name, mean in means.items()]
    return None if not values or None in values else sum(value for value in values if value is not None)


def sum_tensors(tensors: Sequence[Tensor]) -> Tensor:
    """Add scalars; there is always at least one."""
    first, *rest = tensors
    for tensor in rest:
        first = first + tensor
    return first
