"""Measuring a network on a split, and predicting with it: in eval mode, in large batches, without gradients."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from typing import Final, NamedTuple

import torch
from torch import Tensor, nn

from nntrain.data.augmentation.views import Views
from nntrain.data.batches import Batch, TensorData, epoch_batches, plain_batches
from nntrain.data.lanes import drawn_batches, places, read_batches
from nntrain.data.packed import LENGTHS
from nntrain.losses.links import Interval
from nntrain.modules.masking import true_steps
from nntrain.modules.metrics import accumulator
from nntrain.tasks.task import Target
from nntrain.training.asking import Reader
from nntrain.training.device import Precision
from nntrain.training.exhaustion import is_exhaustion
from nntrain.training.measuring import Judges, Measuring, Scores
from nntrain.training.memory import ExhaustedError, requested
from nntrain.training.objective import Objective, TargetObjective
from nntrain.training.pooling import pool
from nntrain.training.session import Metrics, Session
from nntrain.training.units import chosen, counting, fold

_ROWS: Final = 1024
_VALUES: Final = 2**16
"""Input values of a batch that stay far from filling the memory, whatever the network makes of them."""
_PIXELS: Final = 2**20
"""Pixels that a baseline is judged on at once."""


class _StopWantedError(Exception):
    """Cuts off what an average asks for before it is measured; it will ask again."""


def evaluate(session: Session, data: TensorData) -> Metrics | None:
    """The numbers of a report on one split, with the averaged weights where there are any. The network comes back in the mode it was in.

    `None` where the session's `stop_wanted` said yes before all rows were measured. Where memory runs out and the session halves, it is
    done again with half as many rows at once.

    Raises:
        ExhaustedError: Memory ran out, and smaller batches are not wanted or not possible.
    """
    if session.ema is not None:
        try:
            session.ema.refresh(session.network, lambda: training_inputs(session), session.precision.autocast)
        except _StopWantedError:
            return None
    portions = session.portions
    rows = batch_rows(data, session.batch_size, portions.evaluation_rows)
    while True:
        try:
            return _measured(session, data, rows)
        except (RuntimeError, MemoryError) as error:
            if not is_exhaustion(error):
                raise
            request = requested(str(error))
        if not portions.halves or rows == 1:
            raise ExhaustedError("evaluation", rows, request, None)
        rows = portions.evaluation_rows = -(-rows // 2)


def _measured(session: Session, data: TensorData, rows: int) -> Metrics | None:
    averaged = session.ema.applied(session.network) if session.ema is not None else nullcontext()
    measuring = Measuring(session.objective, data.device, tables=False)
    reader = Reader(session.network, session.objective, session.precision)
    ranks, is_cut = session.ranks, False
    states = None if ranks is None else measuring.states
    shown = data if ranks is None or states is None else ranks.part_of(data)
    with averaged, evaluating(session.network):
        for batch in _scored_batches(session.objective, shown, rows):
            if is_cut := session.stop_wanted():
                break
            measuring.add(batch, reader)
        if ranks is not None:
            for _ in range(0 if shown is data else ranks.idle(len(data), len(shown), rows)):
                reader.outputs(data.batch(0, 1))
            found = pool(ranks, measuring.losses, states, is_cut=is_cut)
            is_cut, measuring.losses = found is None, found or {}
    return None if is_cut else measuring.scores().metrics


def training_inputs(session: Session) -> Iterator[Mapping[str, Tensor]]:
    """What the network reads of all training rows, in batches like those of a step. Raises `_StopWantedError`."""
    for batch in epoch_batches(session.splits.train, session.portions.rows or session.batch_size, seed=session.seed, epoch=0):
        if session.ranks is None and session.stop_wanted():
            raise _StopWantedError
        yield session.objective.inputs(batch)


def measure(  # noqa: PLR0913 (what is measured, on what, and in which portions)
    network: nn.Module,
    objective: Objective,
    data: TensorData,
    precision: Precision,
    *,
    rows: int = 1,
    most: int | None = None,
    tables: bool = True,
) -> Scores:
    """Measure a network on all rows of a split: the loss and the objective's metrics, as means over the split by the rows' weights.

    A loss that compares the rows of a batch is that of batches as large as those of training; `None` is the loss of rows of which none
    counts. Where the objective has further views of rows, metrics are of the means over them; the loss is that of the rows as they are.

    Args:
        network: Takes the inputs of a batch; its weights are used as they are.
        objective: Targets, their losses and metrics.
        data: The rows, on the network's device.
        precision: Number format of the forward pass.
        rows: Rows that surely fit in one batch; more are taken where rows are small.
        most: Rows above which a batch is known not to fit.
        tables: Whether metrics that are no number are wanted.
    """
    measuring = Measuring(objective, data.device, tables=tables)
    reader = Reader(network, objective, precision)
    with evaluating(network):
        for batch in _scored_batches(objective, data, batch_rows(data, rows, most), objective.views):
            measuring.add(batch, reader)
    return measuring.scores()


def _scored_batches(objective: Objective, data: TensorData, rows: int, views: Views | None = None) -> Iterator[Batch]:
    """Batches of `rows` rows; where a loss compares those of a batch, batches that are a function of the rows alone."""
    if objective.compared_rows is None:
        return read_batches(data, rows, views)
    compared = len(data) if objective.compared_rows == "full" else objective.compared_rows
    return drawn_batches(data, compared, views, times=1 if objective.repeated is None else objective.repeated.times)


def raw_outputs(
    network: nn.Module, objective: Objective, data: TensorData, precision: Precision, *, most: int | None = None
) -> dict[str, list[Tensor]]:
    """What the network outputs for each target of all rows, then for each further view of them, on the CPU; arguments as in `measure`."""
    views = 0 if objective.views is None else len(objective.views.each)
    found: dict[str, list[list[Tensor]]] = {name: [[] for _ in range(1 + views)] for name in objective.targets}
    reader = Reader(network, objective, precision)
    with evaluating(network):
        for batch in read_batches(data, batch_rows(data, 1, most), objective.views):
            for place, outputs in enumerate((reader.outputs(batch), *reader.views(batch))):
                for name, parts in found.items():
                    parts[place].append(outputs[name].float().cpu())
    where = places(data, objective.views)
    joined = {name: [torch.cat(parts) for parts in each] for name, each in found.items()}
    return joined if where is None else {name: [outputs[where] for outputs in each] for name, each in joined.items()}


class Predicted(NamedTuple):
    """What is predicted of some rows, on the CPU."""

    values: Tensor
    """Probabilities float32 `[N, K]` of classes or labels, `[N]` of the second of two; values in raw units, `[N]` or `[N, …]`, as the
    objective's `to_raw` gives them (float64). Of pixels the likeliest class alone, uint8 `[N, H, W]`: the shares of all would fill the
    memory."""
    interval: Interval | None
    """Where values probably lie, in raw units; `None` for a loss that doesn't tell."""
    counts: Tensor | None = None
    """Units of each row, int64 `[N]`, where values are those of units, one row's after another's; `None` where each row has one."""


def predict(
    network: nn.Module, objective: Objective, data: TensorData, precision: Precision, *, rows: int = 1, most: int | None = None
) -> dict[str, Predicted]:
    """Predict every target of all rows of `data`, which needs no targets; arguments as in `measure`."""
    values: dict[str, list[Tensor]] = {name: [] for name in objective.targets}
    counts: dict[str, list[Tensor]] = {name: [] for name in objective.targets}
    intervals: dict[str, list[Interval]] = {name: [] for name in objective.targets}
    reader = Reader(network, objective, precision)
    with evaluating(network):
        for batch in read_batches(data, batch_rows(data, rows, most), objective.views):
            outputs, views = reader.blind(batch), reader.views(batch)
            predictions = reader.predictions(batch, outputs, views)
            for name, target in objective.targets.items():
                read, own = _true_units(target, predictions[name], outputs.get(name), outputs.get(LENGTHS.format(name)))
                values[name].append(read.cpu())
                counts[name] += [] if own is None else [own.cpu()]
                interval = objective.interval(name, outputs, views)
                intervals[name] += [] if interval is None else [Interval(interval.low.cpu(), interval.high.cpu())]
    predicted = {
        name: Predicted(_cat(batches), _joined(intervals[name]), torch.cat(counts[name]) if counts[name] else None)
        for name, batches in values.items()
    }
    where = places(data, objective.views)
    return predicted if where is None else {name: _in_order(found, where) for name, found in predicted.items()}


def _in_order(found: Predicted, where: Tensor) -> Predicted:
    """Predictions of rows that were read in another order, in that of the data; `where` says at which place each row was read."""
    counts, index = found.counts, where
    if counts is not None:
        ends, counts = counts.cumsum(0), counts[where]
        index = torch.arange(int(counts.sum())) + (ends[where] - counts.cumsum(0)).repeat_interleave(counts)
    interval = None if found.interval is None else Interval(found.interval.low[index], found.interval.high[index])
    return Predicted(found.values[index], interval, counts)


def _true_units(target: TargetObjective, values: Tensor, output: Tensor | None, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
    """The predictions of the units that rows have, and how many each row has; `None` where each row is one."""
    if target.unit_axis == "pixel" and output is not None:
        return values.argmax(dim=1).byte().reshape(len(output), *output.shape[2:]), None
    if target.unit_axis != "time" or output is None:
        return values, None
    rows, steps = output.shape[:2]
    if lengths is None:
        return values, torch.full((rows,), steps)
    return values[true_steps(lengths, steps).flatten()], lengths


def _cat(parts: Sequence[Tensor]) -> Tensor:
    """Predictions of all batches; sequences `[B, L]` are padded to the longest of all."""
    longest = max(part.shape[1] for part in parts) if parts[0].ndim == 2 else 0
    if all(part.ndim != 2 or part.shape[1] == longest for part in parts):
        return torch.cat(list(parts))
    return torch.cat([torch.nn.functional.pad(part, (0, longest - part.shape[1]), value=-1) for part in parts])


def _joined(parts: Sequence[Interval]) -> Interval | None:
    if not parts:
        return None
    return Interval(torch.cat([part.low for part in parts]), torch.cat([part.high for part in parts]))


def fit_baseline(objective: Objective, train: TensorData) -> dict[str, Tensor]:
    """The trivial prediction of each target, fitted on the training rows and their weights: float64 `[1, …]`, in raw units, on the CPU."""
    train = train.once()
    weights = None if train.weights is None else train.weights.cpu()
    with torch.inference_mode():
        return {
            name: target.read(target.task.baseline(*_units(name, target, train, weights))) for name, target in objective.targets.items()
        }


def evaluate_baseline(objective: Objective, baseline: Mapping[str, Tensor], data: TensorData, *, tables: bool = True) -> Scores:
    """Measure the trivial prediction of each target on `data`, which takes the likeliest class. It has no loss."""
    judges = Judges(objective, data.device, tables=tables, thresholds=False)
    with torch.inference_mode():
        rows = {name: row.to(accumulator(data.device)).to(data.device) for name, row in baseline.items()}
        for batch in _judged_batches(data, _baseline_rows(objective, data)):
            judges.update({name: _repeated(row, objective.targets[name], batch.targets[name]) for name, row in rows.items()}, batch)
    return judges.scores({})


def _judged_batches(data: TensorData, rows: int) -> Iterator[Batch]:
    """All rows for who predicts without a look at a batch: no input is read, or made into what a network reads."""
    if not data.in_blocks or data.stored_targets or data.target_pixels:
        return plain_batches(data if data.in_blocks else replace(data, inputs={}, stored={}, pixels={}, streamed=None), rows)
    from nntrain.data.blockwise.batches import targets_alone

    return targets_alone(data, rows)


def _baseline_rows(objective: Objective, data: TensorData) -> int:
    """Rows whose baseline is judged at once: fewer where each has many units."""
    pixels = [data.stored_targets[name].values_per_row for name, target in objective.targets.items() if target.unit_axis == "pixel"]
    return max(1, min(_ROWS, *(_PIXELS // max(1, count) for count in pixels))) if pixels else _ROWS


def evaluate_predictions(objective: Objective, predictions: Mapping[str, Tensor], data: TensorData) -> Scores:
    """Measure predictions of every target for all rows of `data`, as `Predicted.values` has them. They have no loss."""
    judges = Judges(objective, data.device, tables=False)
    with torch.inference_mode():
        for batch in _judged_batches(data, len(data)):
            judges.update(predictions, batch)
    return judges.scores({})


def evaluate_portions(objective: Objective, predict: Callable[[int, int], Mapping[str, Tensor]], data: TensorData, rows: int) -> Scores:
    """Like `evaluate_predictions`, of predictions that are asked for so many rows at a time: from one row to before another."""
    judges = Judges(objective, data.device, tables=False)
    with torch.inference_mode():
        for start, batch in zip(range(0, len(data), rows), _judged_batches(data, rows), strict=True):
            judges.update(predict(start, min(start + rows, len(data))), batch)
    return judges.scores({})


def _units(name: str, target: TargetObjective, train: TensorData, weights: Tensor | None) -> tuple[Tensor, Target, Tensor | None]:
    """The rows or units of training targets that count, as `Task.baseline` is told of them.

    Where that costs less, rows tell it in their own way: steps are not padded, and of pixels each class is told once, with their number.
    """
    axis, stored = target.unit_axis, train.stored_targets.get(name)
    told = None if axis is None or stored is None else stored.told(len(target.target.classes), weights)
    if told is not None:
        values, by_unit = told
        keep = counting(values)
        return values[keep], target.target, None if by_unit is None else by_unit[keep]
    is_narrow = axis is None and name in train.targets and name not in train.target_pixels  # as classes of many rows are kept
    encoded = (train.targets[name] if is_narrow else train.target(name)).cpu()
    if axis is None:
        return encoded, target.target, weights
    units = chosen(fold(encoded, axis), encoded, weights, axis)
    return units.target, target.target, units.weights


def _repeated(row: Tensor, target: TargetObjective, truth: Tensor) -> Tensor:
    """One prediction `[1, …]` for each row of a batch, or each unit of its targets."""
    return row.expand(len(fold(truth, target.unit_axis)), *row.shape[1:])


@contextmanager
def evaluating(network: nn.Module) -> Generator[None]:
    """Context of measuring a network: in evaluation mode, without gradients. One inside another costs nothing more."""
    was_training = network.training  # one that isn't is left alone: other threads may be in it
    if was_training:
        network.eval()
    try:
        with torch.inference_mode():
            yield
    finally:
        if was_training:
            network.train()


def batch_rows(data: TensorData, rows: int, most: int | None = None) -> int:
    """Rows of a batch that is measured; arguments as in `measure`."""
    found = max(rows, min(_ROWS, _VALUES // max(1, data.values_per_row)))
    return found if most is None else min(found, most)
