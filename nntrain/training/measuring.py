"""What is added up over the rows of a split: losses and the states of metrics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, cast

import torch
from torch import Tensor

from nntrain.data.batches import Batch
from nntrain.metrics.metric import MetricState, Pooling, Table
from nntrain.modules.metrics import Scalar, accumulator, finite
from nntrain.training.asking import Reader
from nntrain.training.objective import Objective, PartName
from nntrain.training.session import Metrics
from nntrain.training.units import Units

_NOTHING: Final = 1e-30
"""Weight that no row has: losses give the least number that there is for batches of which no row counts, as they are divided by it."""


@dataclass(frozen=True, slots=True)
class Scores:
    """What was measured on a split. Names as in reports, without the split: `loss`, `accuracy`; `<target>.accuracy` of several targets."""

    metrics: Metrics = field(default_factory=Metrics)
    tables: dict[str, Table] = field(default_factory=dict[str, Table])
    """Metrics that are no number, where there are any: `confusion_matrix`."""


class Measuring:
    """The loss and the metrics of the batches that it was shown."""

    def __init__(self, objective: Objective, device: torch.device, *, tables: bool) -> None:
        self._objective, self._device = objective, device
        self.judges = Judges(objective, device, tables=tables)
        self.losses: dict[PartName, Tensor] = {}

    @property
    def states(self) -> list[Pooling] | None:
        """What several processes put together, each from some rows; `None` where each must measure all of them."""
        return self.judges.pooling() if self._objective.compared_rows is None else None

    def add(self, batch: Batch, reader: Reader) -> None:
        """Add some rows."""
        outputs = reader.outputs(batch)
        self.add_losses(outputs, batch)
        self.judges.update(reader.predictions(batch, outputs, reader.views(batch)), batch)

    def add_losses(self, outputs: Mapping[str, Tensor], batch: Batch) -> None:
        """Add the losses of some rows, whose predictions are told to the judges."""
        for name, part in self._objective.parts(outputs, batch).items():
            added = torch.stack([part.sum, part.weight]).to(accumulator(self._device))
            self.losses[name] = self.losses[name] + added if name in self.losses else added

    def scores(self) -> Scores:
        """The means and the metrics of all rows so far."""
        return self.judges.scores(self._objective.name_losses(_means(self.losses)))


class Judges:
    """The metric states of all targets over one split."""

    def __init__(self, objective: Objective, device: torch.device, *, tables: bool, thresholds: bool = True) -> None:
        self._objective, self._device, self._thresholds = objective, device, thresholds
        self._names = {
            name: tuple(key for key, metric in target.metrics.items() if tables or not metric.is_table)
            for name, target in objective.targets.items()
        }
        self._states: dict[tuple[str, str], MetricState] = {}
        """Those that were asked for, by target and metric."""
        self._known: dict[tuple[str, str], float | None] = {}
        """What was measured of several networks at once."""

    def _state(self, name: str, key: str) -> MetricState:
        """The state of a metric of a target, made where it is first asked for."""
        if (name, key) not in self._states:
            target = self._objective.targets[name]
            info = target.metric_info if self._thresholds else replace(target.metric_info, threshold=None)
            self._states[name, key] = target.metrics[key].build(info, self._device)
        return self._states[name, key]

    def pooling(self) -> list[Pooling] | None:
        """All states, in one order; `None` where one of them, of a user's own, can't be put together."""
        found = [self._state(name, key) for name, keys in self._names.items() for key in keys]
        return [state for state in found if isinstance(state, Pooling)] if all(isinstance(state, Pooling) for state in found) else None

    def update(self, predictions: Mapping[str, Tensor], batch: Batch) -> None:
        """Add the predictions for some rows."""
        for name, keys in self._names.items():
            told = self._told(name, predictions[name], batch)
            for key in keys:
                self._state(name, key).update(*told[key])

    def _told(self, name: str, prediction: Tensor, batch: Batch) -> dict[str, Units]:
        """What each metric of a target is told of some rows."""
        target = self._objective.targets[name]
        given = prediction, batch.targets[name], batch.weights
        by_row = {key: target.metrics[key].by_row for key in self._names[name]}
        units = target.judged(*given) if False in by_row.values() else None
        rows = target.judged_by_row(*given) if True in by_row.values() else None
        found = {key: rows if is_by_row else units for key, is_by_row in by_row.items()}
        return {key: each for key, each in found.items() if each is not None}

    @staticmethod
    def measure_together(all_of: Sequence[Judges], predictions: Sequence[Mapping[str, Tensor]], batches: Sequence[Batch]) -> None:
        """Tell the judges of several networks of one objective all rows of their splits, as many rows each; `update` need not be called."""
        first = all_of[0]
        for name, keys in first._names.items():
            told = [judges._told(name, own[name], batch) for judges, own, batch in zip(all_of, predictions, batches, strict=True)]
            for key in keys:
                units = [each[key] for each in told]
                values = _of_members(first._state(name, key), units)
                if values is None:
                    for judges, each in zip(all_of, units, strict=True):
                        judges._state(name, key).update(*each)
                else:
                    for judges, value in zip(all_of, cast("list[float]", values.tolist()), strict=True):
                        judges._known[name, key] = finite(value)

    def scores(self, losses: Mapping[str, float | None]) -> Scores:
        """The metrics, beside the losses."""
        single = len(self._objective.targets) == 1
        scores = Scores()
        scores.metrics.update({name: mean for name, mean in losses.items() if name == "loss" or name.startswith("loss.")})
        for name, keys in self._names.items():
            prefix = "" if single else f"{name}."
            scores.metrics.update({key: mean for key, mean in losses.items() if key.startswith(f"{prefix}loss")})
            for key in keys:
                value = self._known[name, key] if (name, key) in self._known else self._state(name, key).compute()
                if isinstance(value, list | dict):
                    scores.tables[f"{prefix}{key}"] = value
                elif not self._objective.targets[name].metrics[key].is_table:  # a table that there is none of has no number either
                    scores.metrics[f"{prefix}{key}"] = value
        return scores


def _of_members(state: MetricState, units: Sequence[Units]) -> Tensor | None:
    """A metric of several networks, `[M]`, from the rows of each; `None` where each is told by itself."""
    shapes = {(each.output.shape, each.target.shape) for each in units}
    if not isinstance(state, Scalar) or len(shapes) > 1 or any(each.weights is not None for each in units):
        return None
    return state.of_members(torch.stack([each.output for each in units]), torch.stack([each.target for each in units]))


def _means(losses: Mapping[PartName, Tensor]) -> dict[PartName, float | None]:
    sums = ((name, float(total), float(weight)) for name, (total, weight) in losses.items())
    return {name: finite(total / weight) if weight > _NOTHING else None for name, total, weight in sums}
