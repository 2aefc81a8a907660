"""Supervised learning: the rows of an epoch in a seeded order, one step per batch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, cast

import torch
from torch import Tensor

from nntrain.data.batches import Batch, TensorData, balanced_order, num_batches, ordered_batches, shown_order, turns_of
from nntrain.data.lanes import lane_batches, num_lane_batches, shown_once
from nntrain.data.sources.source import Part
from nntrain.training.carrying import Carried
from nntrain.training.evaluation import Scores, evaluate, evaluate_baseline, measure
from nntrain.training.input_noise import with_noise
from nntrain.training.objective import PartName, sum_tensors, total
from nntrain.training.resampling import judge
from nntrain.training.session import Metrics, Session, StepLoss, Subject, Weighable


class SupervisedProtocol:
    """The order is a function of (seed, epoch), so a resumed run needs little beyond the position: what recurrent layers remember.

    That is where they go on from row to row (`data.batch.carry_state`); elsewhere nothing.
    """

    def __init__(self) -> None:
        """Begin with nothing remembered."""
        self._carried = Carried()

    def steps_per_epoch(self, session: Session) -> int:
        """Steps of one epoch; a last batch of one row is merged into the one before, but where rows go on from others."""
        rows, train = session.batch_size * session.accumulate, session.splits.train
        return num_batches(train.shown, rows) if train.lanes is None else num_lane_batches(train.shown, rows)

    def batches(self, session: Session, epoch: int, start: int) -> Iterator[tuple[Batch, ...]]:
        """The rows of each step, cut into micro-batches."""
        if start == 0:
            self._carried.forget()
        for step, batch in enumerate(self._in_order(session, epoch, start), start):
            if session.mixer is not None:
                batch = session.mixer.mix(batch, epoch, step)
            if session.input_noise is not None:
                batch = with_noise(batch, session.input_noise, seed=session.seed, epoch=epoch)
            yield (batch,) if session.accumulate == 1 else batch.split(session.batch_size)
            self._carried.advance()

    def _in_order(self, session: Session, epoch: int, start: int) -> Iterator[Batch]:
        """The rows of each step in the order of an epoch."""
        rows, train = session.batch_size * session.accumulate, session.splits.train
        if train.lanes is not None:
            return lane_batches(shown_once(train, seed=session.seed, epoch=epoch), rows, start=start)
        if session.balance is None:
            order, turns = shown_order(train, seed=session.seed, epoch=epoch), None
        else:
            order = balanced_order(session.balance, seed=session.seed, epoch=epoch)
            turns = turns_of(order)
        augment = None if session.augmenter is None else session.augmenter.at(epoch)
        return ordered_batches(train, rows, order, start=start, augment=augment, turns=turns)

    def step(self, session: Session, batches: tuple[Batch, ...]) -> StepLoss:
        """Mean loss over the step's rows.

        With several micro-batches each is divided by the weight of the whole step, which their targets give before any
        forward pass: the gradients are those of one big batch.
        """
        counted = _counted(batches)
        if isinstance(session.optimizer, torch.optim.LBFGS):
            return StepLoss(self._search(session, session.optimizer, batches), counted, "applied")
        if len(batches) == 1:
            return StepLoss(self._loss(session, batches[0], None), counted)
        return StepLoss(self._fill_gradients(session, batches), counted, "filled")

    def _fill_gradients(self, session: Session, batches: tuple[Batch, ...]) -> Tensor:
        """Backward pass over all micro-batches; the mean loss of the step."""
        weights = session.objective.weights(batches)
        losses: list[Tensor] = []
        for batch in batches:
            loss = self._loss(session, batch, weights)
            session.precision.backward(loss)
            losses.append(loss.detach())
        return sum_tensors(losses)

    def _search(self, session: Session, optimizer: torch.optim.LBFGS, batches: tuple[Batch, ...]) -> Tensor:
        """Let the optimizer evaluate the loss as often as it wants, and move the weights; the loss before it did."""

        def evaluate() -> float:
            optimizer.zero_grad()
            loss = float(self._fill_gradients(session, batches))
            for parameter in session.network.parameters():  # it reads them as one row, whatever their memory layout
                if parameter.grad is not None:
                    parameter.grad = parameter.grad.contiguous()
            return loss

        value = cast("float", optimizer.step(evaluate))
        optimizer.zero_grad()
        return torch.tensor(value, device=session.device)

    def _loss(self, session: Session, batch: Batch, weights: Mapping[PartName, Tensor] | None) -> Tensor:
        with session.precision.autocast():
            outputs, end = session.network(session.objective.inputs(batch), self._carried.given(batch))
        self._carried.keep(batch, end)
        return total(session.objective.parts(outputs, batch), weights)

    def evaluate(self, session: Session) -> Metrics | None:
        """Train metrics on the fixed sample and validation metrics, both in eval mode, with the averaged weights where EMA is on.

        `None` where a stop was wanted in between.
        """
        splits = {"train": session.splits.sample, "validation": session.splits.validation}
        found: Metrics = {}
        for name, data in splits.items():
            if data is not None:
                metrics = evaluate(session, data)
                if metrics is None:
                    return None
                found |= {f"{name}.{metric}": value for metric, value in metrics.items()}
        return found

    def measure(self, subject: Subject, data: TensorData, part: Part | None) -> Scores:
        """The loss and the metrics of the targets over all rows."""
        return measure(subject.network, subject.objective, data, subject.precision, rows=subject.rows, most=subject.most)

    def measure_baseline(self, subject: Subject, data: TensorData, part: Part | None) -> Metrics:
        """The metrics of the trivial prediction."""
        return evaluate_baseline(subject.objective, subject.baseline, data, tables=False).metrics

    def judge(self, subject: Subject, data: TensorData, part: Part | None) -> Weighable:
        """All rows with their predictions."""
        return judge(subject.network, subject.objective, data, subject.precision)

    def state(self) -> dict[str, Any]:
        """What is carried over to the next step."""
        carried = self._carried.state()
        return {"carried": carried} if carried else {}

    def restore(self, state: dict[str, Any]) -> None:
        """Take back what was carried over. Raises `AttributeError` or `TypeError` where it is something else."""
        self._carried.restore(state.get("carried", {}))


def _counted(batches: tuple[Batch, ...]) -> Tensor | float:
    """How much a step counts: its rows, or the sum of their weights, as a scalar on their device."""
    weights = [batch.weights.sum() for batch in batches if batch.weights is not None]
    return sum_tensors(weights) if weights else sum(len(batch) for batch in batches)
