"""What is tuned on the validation rows once weights are there: the temperature of the probabilities, and the threshold of a class."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from typing import Any, Final, cast

import torch
from torch import Tensor

from nntrain.metrics.metric import Metric
from nntrain.tasks.judging import Reading, Tuning
from nntrain.training.evaluation import raw_outputs
from nntrain.training.objective import Objective, TargetObjective
from nntrain.training.session import Session

COARSEST: Final = 20.0
"""Temperatures from its reciprocal to it are tried."""
_HALVINGS: Final = 40
MAX_THRESHOLDS: Final = 200
"""Thresholds that are tried at most."""
_GOLDEN: Final = 0.6180339887498949


def tune(session: Session) -> dict[str, dict[str, Any]]:
    """Tune what the tasks ask for, with the weights that predict; nothing is drawn, and the network comes back as it was.

    Returns:
        By target whose task asks for something: the reading (see `Reading.state`), and under `told` what it changes.
    """
    wanted = {name: target for name, target in session.objective.targets.items() if target.task.tuning() != Tuning()}
    validation = session.splits.validation
    if not wanted or validation is None:
        return {}
    averaged = session.ema.applied(session.network) if session.ema is not None else nullcontext()
    with averaged:
        outputs = raw_outputs(session.network, session.objective, validation, session.precision, most=session.portions.evaluation_rows)
    weights = None if validation.weights is None else validation.weights.cpu()
    return tune_on(session.objective, outputs, {name: validation.target(name).cpu() for name in wanted}, weights)


def tune_on(
    objective: Objective, outputs: Mapping[str, Sequence[Tensor]], truth: Mapping[str, Tensor], weights: Tensor | None
) -> dict[str, dict[str, Any]]:
    """Tune what the tasks ask for on rows whose outputs are there.

    Args:
        objective: The targets.
        outputs: By target the outputs of the rows, `[N, …]`, then those of each further view of them, on the CPU.
        truth: Their targets, `[N, …]`.
        weights: How much each row counts, `[N]`; `None` where all count once.

    Returns:
        As of `tune`.
    """
    wanted = {name: target for name, target in objective.targets.items() if target.task.tuning() != Tuning()}
    return {name: _Rows(target, outputs[name], truth[name], weights).tuned() for name, target in wanted.items()}


def told(readings: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """What was tuned, a sentence each."""
    for name, found in readings.items():
        of = f" of {name}" if len(readings) > 1 else ""
        for line in found["told"]:
            yield line.format(of=of)


class _Rows:
    """The outputs for the validation rows and their further views, and the targets, on the CPU."""

    def __init__(self, target: TargetObjective, outputs: Sequence[Tensor], truth: Tensor, weights: Tensor | None) -> None:
        self.target, self.outputs, self.truth, self.weights = target, [output.double() for output in outputs], truth, weights

    def tuned(self) -> dict[str, Any]:
        tuning = self.target.task.tuning()
        reading = self.target.reading
        lines: list[str] = []
        if tuning.temperature:
            before = reading
            reading = replace(reading, temperature=self.best_temperature(reading))
            judge = self.calibration()
            values = " to ".join(_shown(self.measure(judge, state)) for state in (before, reading))
            lines.append(f"temperature{{of}} {reading.temperature:.4g}: {judge.type} of the validation rows from {values}")
        if tuning.threshold_for is not None:
            metric = tuning.threshold_for
            reading = replace(reading, threshold=self.best_threshold(metric, reading))
            plain, best = (_shown(self.measure(metric, state)) for state in (replace(reading, threshold=None), reading))
            lines.append(f"threshold{{of}} {reading.threshold:.4g}: {metric.label} of the validation rows {best}, at 0.5 {plain}")
        return {**reading.state(), "told": lines}

    def predicted(self, reading: Reading) -> Tensor:
        """The chances, read in some way: the mean over the views of a row, where there are any."""
        target = replace(self.target, reading=reading)
        first, *others = [target.predict(output) for output in self.outputs]
        return torch.stack([first, *others]).mean(dim=0) if others else first

    def measure(self, metric: Metric, reading: Reading) -> float | None:
        """A metric of the rows, read in some way."""
        target = replace(self.target, reading=reading)
        state = metric.build(target.metric_info, torch.device("cpu"))
        state.update(self.predicted(reading), self.truth, self.weights)
        value = state.compute()
        return value if isinstance(value, float) else None

    def calibration(self) -> Metric:
        """The metric that tells what a temperature changes."""
        from nntrain.metrics.classification import ECE, LogLoss

        return LogLoss() if self.target.metric_info.kind == "labels" else ECE()

    def best_temperature(self, reading: Reading) -> float:
        """The one with the smallest log loss: a golden section search, as the log loss has one valley (Guo et al. 2017)."""
        from nntrain.metrics.classification import LogLoss

        def loss(exponent: float) -> float:
            value = self.measure(LogLoss(), replace(reading, temperature=COARSEST**exponent))
            return float("inf") if value is None else value

        return float(f"{COARSEST ** _valley(loss, -1.0, 1.0):.6g}")

    def best_threshold(self, metric: Metric, reading: Reading) -> float:
        """The one that is best for a metric, of those between the probabilities that occur; of equally good ones the nearest to 0.5."""
        sign = 1 if metric.direction == "max" else -1
        predicted = self.predicted(reading)
        chances = predicted[:, 1] if predicted.ndim == 2 and self.truth.ndim == 1 else predicted
        scored = [
            (value * sign, -abs(threshold - 0.5), threshold)
            for threshold in (0.5, *_between(chances.flatten()))
            if (value := self.measure(metric, replace(reading, threshold=threshold))) is not None
        ]
        return max(scored)[2] if scored else 0.5


def _between(chances: Tensor) -> list[float]:
    """Middles between neighbouring values, and between the outermost and 0 or 1; evenly chosen where there are many."""
    edges = torch.tensor([0.0, 1.0], dtype=torch.float64)
    values = cast("Tensor", torch.cat([edges, chances.double()]).unique())
    middles = (values[1:] + values[:-1]) / 2
    if len(middles) > MAX_THRESHOLDS:
        middles = middles[torch.linspace(0, len(middles) - 1, MAX_THRESHOLDS).round().long()]
    return [float(f"{middle:.6g}") for middle in cast("list[float]", middles.tolist()) if 0 < middle < 1]


def _valley(function: Callable[[float], float], low: float, high: float) -> float:
    """Where a function with one valley is lowest."""
    left, right = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
    at_left, at_right = function(left), function(right)
    for _ in range(_HALVINGS):
        if at_left <= at_right:
            high, right, at_right = right, left, at_left
            left = high - _GOLDEN * (high - low)
            at_left = function(left)
        else:
            low, left, at_left = left, right, at_right
            right = low + _GOLDEN * (high - low)
            at_right = function(right)
    return (low + high) / 2


def _shown(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.4g}"
