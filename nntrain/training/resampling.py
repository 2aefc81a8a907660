"""The numbers of a report for many weightings of its rows at once: by group, and how far chance moves them (the bootstrap)."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, cast

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from nntrain.data.batches import TensorData
from nntrain.data.noise import derive_seed
from nntrain.losses.links import Interval
from nntrain.metrics.metric import Metric
from nntrain.modules.metrics import Scalar, finite
from nntrain.training.device import Precision
from nntrain.training.evaluation import predict
from nntrain.training.objective import Objective
from nntrain.training.session import Weighable
from nntrain.training.units import Units, counting, fold

RESAMPLES: Final = 1000
"""Times that the rows are drawn anew for an interval."""
_CELLS: Final = 2**22
"""Weights that are held at once: 32 MB."""
_AT_ONCE: Final = 16
"""Weightings that are taken together however many rows there are."""


@dataclass(frozen=True, slots=True)
class Judged:
    """All rows of a split as the metrics see them, on the CPU."""

    objective: Objective
    predictions: Mapping[str, Tensor]
    """Of the rows, or of their units that count."""
    targets: Mapping[str, Tensor]
    """In raw units."""
    weights: Tensor
    """Float64 `[N]`."""
    rows: Mapping[str, Tensor] = field(default_factory=dict[str, Tensor])
    """The row that each unit is of, int64 `[S]`, of targets that have units."""
    by_row: Mapping[str, Units] = field(default_factory=dict[str, Units])
    """The same targets with the steps of each row together, for metrics that need them so."""
    pixels: Mapping[str, Tensor] = field(default_factory=dict[str, Tensor])
    """Of targets whose units are pixels: how many each unit stands for, float64 `[S]`; those of a row that are of one class and taken for
    one are a unit."""
    limits: Mapping[str, Interval] = field(default_factory=dict[str, Interval])
    """Where values probably lie, in raw units, of targets whose loss tells."""

    def values(self, weights: Tensor) -> dict[str, Tensor]:
        """The metrics that are numbers, by name as in reports, for R weightings `[R, N]`: `[R]` each, NaN where undefined."""
        found: dict[str, Tensor] = {}
        for name, target in self.objective.targets.items():
            prefix = "" if len(self.objective.targets) == 1 else f"{name}."
            for key, metric in target.metrics.items():
                if isinstance(metric.build(target.metric_info, weights.device), Scalar):
                    found[f"{prefix}{key}"] = self._values(metric, name, weights)
        return found

    def _values(self, metric: Metric, name: str, weights: Tensor) -> Tensor:
        """A metric for R weightings `[R, N]` of the rows, `[R]`; NaN of pixels, whose shares are not kept, for metrics that need them."""
        pixels = self.pixels.get(name)
        if pixels is not None and not metric.decides:
            return torch.full((len(weights),), math.nan, dtype=torch.float64)
        rows = None if metric.by_row else self.rows.get(name)
        told = Units(self.predictions[name], self.targets[name], None)
        told = self.by_row.get(name, told) if metric.by_row else told
        at_once = len(weights) if rows is None else max(1, _CELLS // max(1, len(rows)))
        found: list[Tensor] = []
        for part in cast("tuple[Tensor, ...]", weights.split(at_once)):
            state = metric.build(self.objective.targets[name].metric_info, weights.device)
            assert isinstance(state, Scalar)
            by_unit = part if rows is None else part[:, rows]
            state.update(told.output, told.target, by_unit if pixels is None else by_unit * pixels)
            found.append(state.values())
        return torch.cat(found)


def judge(network: nn.Module, objective: Objective, data: TensorData, precision: Precision) -> Judged:
    """Predict all rows of a split, which are on the network's device."""
    shown = objective.measured(data)
    predicted = predict(network, objective, shown, precision)
    counted = len(data) if data.units is None else len(data.scored)  # of graphs each node or pair is drawn by itself
    weights = torch.ones(counted, dtype=torch.float64) if data.weights is None else data.weights.cpu().double()
    units: dict[str, Units] = {}
    rows: dict[str, Tensor] = {}
    by_row: dict[str, Units] = {}
    pixels: dict[str, Tensor] = {}
    limits: dict[str, Interval] = {}
    for name, target in objective.targets.items():
        stored, classes = data.stored_targets.get(name), len(target.target.classes)
        crossed = None if stored is None else stored.crossed(predicted[name].values, classes)
        if crossed is not None:
            shares = torch.nn.functional.one_hot(crossed.taken, classes).double()
            units[name], rows[name], pixels[name] = Units(shares, crossed.truth, None), crossed.rows, crossed.counts
            continue
        values, truth, counts = predicted[name].values, shown.target(name).cpu(), predicted[name].counts
        if target.unit_axis in ("node", "pair"):
            units[name] = target.judged(values, truth, None)
            continue
        if counts is None or target.unit_axis != "time":
            units[name] = Units(values, target.read(truth), None)
            interval = predicted[name].interval
            limits |= {} if interval is None else {name: interval}
            rows |= {} if objective.repeated is None else {name: torch.arange(len(data)).repeat_interleave(objective.repeated.times)}
            continue
        steps = pad_sequence(list(cast("tuple[Tensor, ...]", values.split(cast("list[int]", counts.tolist())))), batch_first=True)
        told = fold(steps, "time"), truth, None
        units[name], by_row[name] = target.judged(*told), target.judged_by_row(*told)
        rows[name] = torch.arange(len(truth)).repeat_interleave(steps.shape[1])[counting(fold(truth[:, : steps.shape[1]], "time"))]
    predictions, targets = {name: told.output for name, told in units.items()}, {name: told.target for name, told in units.items()}
    return Judged(objective, predictions, targets, weights, rows, by_row, pixels, limits)


def by_group(judged: Weighable, groups: Tensor, count: int) -> list[dict[str, float | None]]:
    """The metrics of each of some groups of rows.

    Args:
        judged: The rows.
        groups: Int64 `[N]`: the group of each row, from 0.
        count: How many groups there are.
    """
    found = judged.values((groups == torch.arange(count).unsqueeze(1)) * judged.weights)
    return [{name: finite(float(values[group])) for name, values in found.items()} for group in range(count)]


def intervals(judged: Weighable, level: float, seed: int) -> dict[str, tuple[float, float] | None]:
    """Where each metric probably lies: the middle `level` of its values on rows drawn anew (percentile bootstrap, Efron 1979).

    `RESAMPLES` times as many rows as there are are drawn with replacement, and keep their weights. A metric that is undefined on more
    than half of the draws has no interval.

    Args:
        judged: The rows.
        level: Share of the draws inside the interval, in (0, 1).
        seed: Which rows are drawn is a function of it.
    """
    drawn: dict[str, list[Tensor]] = {}
    for weights in _draws(judged.weights, seed):
        for name, values in judged.values(weights).items():
            drawn.setdefault(name, []).append(values)
    return {name: _middle(torch.cat(values), level) for name, values in drawn.items()}


@dataclass(frozen=True, slots=True)
class Paired:
    """How a metric of one network differs from that of another on the same rows."""

    difference: float | None
    """First less second, on all rows; `None` where it is undefined."""
    interval: tuple[float, float] | None
    """Where the difference probably lies."""
    higher: float
    """Share of the draws in which the first is higher, of those in which both are defined."""
    lower: float


def paired(first: Weighable, second: Weighable, level: float, seed: int) -> dict[str, Paired]:
    """Differences of the metrics that both have, and where they probably lie: both are asked for the same rows, drawn anew.

    What makes a row hard for both is in both metrics, and leaves their difference alone: the interval is narrower than those of the two.

    Args:
        first: Rows as one network answers for them.
        second: The same rows in the same order, as another does.
        level: Share of the draws inside the interval, in (0, 1).
        seed: Which rows are drawn is a function of it.

    Raises:
        ValueError: Their rows are not as many, or don't count the same.
    """
    if not torch.equal(first.weights, second.weights):
        raise ValueError("rows that are paired have to be the same, and count the same")
    whole = _apart(first, second, first.weights.unsqueeze(0))
    drawn: dict[str, list[Tensor]] = {}
    for weights in _draws(first.weights, seed):
        for name, values in _apart(first, second, weights).items():
            drawn.setdefault(name, []).append(values)
    return {name: _paired(float(whole[name]), torch.cat(values), level) for name, values in drawn.items()}


def _apart(first: Weighable, second: Weighable, weights: Tensor) -> dict[str, Tensor]:
    """First less second of the metrics that both have, for R weightings `[R, N]`: `[R]` each."""
    ours, theirs = first.values(weights), second.values(weights)
    return {name: values - theirs[name] for name, values in ours.items() if name in theirs}


def _paired(difference: float, drawn: Tensor, level: float) -> Paired:
    defined = drawn[drawn.isfinite()]
    higher, lower = (float(found.double().mean()) if len(defined) else 0.0 for found in (defined > 0, defined < 0))
    return Paired(finite(difference), _middle(drawn, level), higher, lower)


def _draws(weights: Tensor, seed: int) -> Iterator[Tensor]:
    """How much each row counts in each draw, `[R, N]`, some draws at a time."""
    rows = len(weights)
    generator = torch.Generator().manual_seed(derive_seed(seed, "bootstrap"))
    at_once = min(RESAMPLES, max(_AT_ONCE, _CELLS // rows))
    for start in range(0, RESAMPLES, at_once):
        count = min(at_once, RESAMPLES - start)
        index = torch.randint(rows, (count, rows), generator=generator)
        yield weights.new_zeros(count, rows).scatter_add_(1, index, torch.ones_like(index, dtype=weights.dtype)) * weights


def _middle(values: Tensor, level: float) -> tuple[float, float] | None:
    defined = values[values.isfinite()]
    if len(defined) <= len(values) // 2:
        return None
    tail = (1 - level) / 2
    low, high = cast("list[float]", defined.quantile(torch.tensor([tail, 1 - tail], dtype=defined.dtype)).tolist())
    assert math.isfinite(low), "only finite values were drawn"
    return low, high
