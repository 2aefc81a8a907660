"""Supervised learning: the rows of an epoch in a seeded order, one step per batch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

import torch
from torch import Tensor

from nntrain.data.batches import Batch, TensorData, batch_edges, num_batches, ordered_batches
from nntrain.data.blockwise.batches import shuffled_batches
from nntrain.data.bucketing import Buckets, Cut, LaterBuckets
from nntrain.data.lanes import lane_batches, num_lane_batches, shown_once
from nntrain.data.orders import shown_order, turns_of
from nntrain.data.shares import shared_batches
from nntrain.data.sources.source import Part
from nntrain.losses.loss import Part as LossPart
from nntrain.training.carrying import Carried
from nntrain.training.evaluation import Scores, evaluate, evaluate_baseline, evaluating, measure
from nntrain.training.gradients import gradient_norm, trained
from nntrain.training.input_noise import with_noise
from nntrain.training.joint_rows import plain_order
from nntrain.training.objective import PartName, sum_tensors, total
from nntrain.training.replay import StaticSteps, tensors_of
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
        rows, train, buckets = session.batch_size * session.accumulate, session.splits.train, session.buckets
        if isinstance(buckets, Buckets) and buckets.tokens is not None:
            return -(-buckets.num_batches(buckets.tokens) // session.accumulate)
        return num_batches(train.shown, rows) if train.lanes is None else num_lane_batches(train.shown, rows)

    def batches(self, session: Session, epoch: int, start: int) -> Iterator[tuple[Batch, ...]]:
        """The rows of each step, cut into micro-batches."""
        if start == 0:
            self._carried.forget()
        order = plain_order(session, epoch)
        if order is not None:
            yield from ((batch,) for batch in ordered_batches(session.splits.train, session.batch_size, order, start=start))
            return
        cut = self._cut_by_steps(session, epoch)
        for step, batch in enumerate(self._in_order(session, epoch, start, cut), start):
            if session.growing is not None:
                batch = session.growing.shown(batch, (epoch * self.steps_per_epoch(session) + step) / session.horizon.total_steps)
            if session.mixer is not None:
                batch = session.mixer.mix(batch, epoch, step)
            if session.input_noise is not None:
                batch = with_noise(batch, session.input_noise, seed=session.seed, epoch=epoch)
            share = None if session.ranks is None else session.ranks.share
            if share is not None and _is_made_whole(session):
                batch = share.of_batch(batch)
            if session.accumulate == 1:
                yield (batch,)
            elif share is not None:
                yield batch.split(share.portion(session.batch_size))
            else:
                yield batch.split(session.batch_size) if cut is None else batch.cut(cut.parts(step, session.accumulate))
            self._carried.advance()

    def _cut_by_steps(self, session: Session, epoch: int) -> Cut | None:
        """The order of an epoch whose batches have a number of steps; `None` where they have one of rows."""
        buckets = session.buckets
        if not isinstance(buckets, Buckets) or buckets.tokens is None:
            return None
        order = shown_order(session.splits.train, seed=session.seed, epoch=epoch)
        return buckets.cut(order, buckets.tokens, seed=session.seed, epoch=epoch)

    def _in_order(self, session: Session, epoch: int, start: int, cut: Cut | None) -> Iterator[Batch]:
        """The rows of each step in the order of an epoch."""
        rows, train = session.batch_size * session.accumulate, session.splits.train.in_epoch(seed=session.seed, epoch=epoch)
        if train.lanes is not None:
            return lane_batches(shown_once(train, seed=session.seed, epoch=epoch), rows, start=start)
        augment = None if session.augmenter is None else session.augmenter.at(epoch)
        if train.in_blocks:
            later = session.buckets if isinstance(session.buckets, LaterBuckets) else None
            return shuffled_batches(train, rows, seed=session.seed, epoch=epoch, start=start, augment=augment, buckets=later)
        if cut is not None:
            return ordered_batches(train, rows, cut.order, start=start, augment=augment, edges=cut.steps(session.accumulate))
        repeated = session.objective.repeated
        if session.by_class is None:
            order, turns = shown_order(train, seed=session.seed, epoch=epoch), None
        else:
            order = session.by_class.positions(self.steps_per_epoch(session), rows, seed=session.seed, epoch=epoch)
            turns = turns_of(order)
        if isinstance(session.buckets, Buckets):
            order = session.buckets.order(order, session.batch_size, seed=session.seed, epoch=epoch)
            turns = None if turns is None else turns_of(order)
        if repeated is not None:
            order, edges = repeated.in_order(order, batch_edges(len(order), rows))
            return ordered_batches(train, edges[1], order, start=start, augment=augment, turns=turns_of(order), edges=edges)
        if session.ranks is not None and not _is_made_whole(session):
            return shared_batches(train, rows, order, session.ranks.share, start=start, augment=augment, turns=turns)
        return ordered_batches(train, rows, order, start=start, augment=augment, turns=turns)

    def step(self, session: Session, batches: tuple[Batch, ...]) -> StepLoss:
        """Mean loss over the step's rows.

        With several micro-batches each is divided by the weight of the whole step, which their targets give before any
        forward pass: the gradients are those of one big batch.
        """
        if isinstance(session.optimizer, torch.optim.LBFGS):
            return self._search(session, session.optimizer, batches)
        first, *others = batches
        if others or session.ranks is not None:
            return self._fill_gradients(session, batches)
        if session.static is not None and (tensors := tensors_of(first)) is not None:
            found = self._static(session, session.static, first, tensors)
            if found is not None:
                return self._filled(session, session.static, found)
        parts = self._parts(session, first)
        return StepLoss(total(parts), _counted([parts]))

    def _static(self, session: Session, static: StaticSteps, batch: Batch, tensors: list[Tensor]) -> Sequence[Tensor | None] | None:
        """What a step gives of which there is a recording, or one is made now: loss, norm, sums, weights and gradients. Else `None`."""
        recording = static.of(tensors)
        if recording is not None:
            return recording(tensors)
        if not static.is_due(tensors):
            return None
        parameters = trained(session.optimizer)

        def work() -> list[Tensor | None]:
            for parameter in parameters:  # a recording may have ended within a backward pass
                parameter.grad = None
            parts = self._parts(session, batch)
            loss = total(parts)
            session.precision.backward(loss)
            static.factors = {name: part.factor for name, part in parts.items()}
            sums, weights = [part.sum.detach() for part in parts.values()], [part.weight for part in parts.values()]
            norm, gradients = gradient_norm(parameters), [parameter.grad for parameter in parameters]
            static.gives_all &= all(gradient is not None for gradient in gradients)
            for parameter in parameters:  # they lie nowhere but in what is given back
                parameter.grad = None
            return [loss.detach(), norm, *sums, *weights, *gradients]

        return static.begin(work, tensors)

    def _filled(self, session: Session, static: StaticSteps, found: Sequence[Any]) -> StepLoss:
        """The step that gave these, with its gradients."""
        count = len(static.factors)
        parts = {
            name: LossPart(found[place], found[place + count], factor)
            for place, (name, factor) in enumerate(static.factors.items(), start=2)
        }
        for parameter, gradient in zip(trained(session.optimizer), found[2 + 2 * count :], strict=True):
            parameter.grad = gradient
        return StepLoss(found[0], parts, "filled", norm=found[1])

    def _fill_gradients(self, session: Session, batches: tuple[Batch, ...]) -> StepLoss:
        """Backward pass over all micro-batches; the mean loss of the step."""
        weights, ranks = session.objective.weights(batches), session.ranks
        agreement = None if ranks is None else ranks.begin(weights, session.optimizer)
        losses: list[Tensor] = []
        counted: list[Mapping[PartName, LossPart]] = []
        for batch in batches:
            parts = self._parts(session, batch)
            if agreement is not None:  # it was on its way during the forward pass
                weights = agreement.weights()
            loss = total(parts, weights)
            if ranks is not None and batch is batches[-1]:
                ranks.begin_last()
            session.precision.backward(loss)
            losses.append(loss.detach())
            counted.append(_counted([parts]))
        if ranks is not None:
            found = ranks.finish(_counted(counted), weights)
            return StepLoss(total(found), found, "filled")
        return StepLoss(sum_tensors(losses), _counted(counted), "filled")

    def _search(self, session: Session, optimizer: torch.optim.LBFGS, batches: tuple[Batch, ...]) -> StepLoss:
        """Let the optimizer evaluate the loss as often as it wants, and move the weights; the loss before it did."""
        before: list[StepLoss] = []

        def evaluate() -> float:
            optimizer.zero_grad()
            found = self._fill_gradients(session, batches)
            if not before:
                before.append(found)
            loss = float(found.value)
            for parameter in session.network.parameters():  # it reads them as one row, whatever their memory layout
                if parameter.grad is not None:
                    parameter.grad = parameter.grad.contiguous()
            return loss

        value = cast("float", optimizer.step(evaluate))
        optimizer.zero_grad()
        return StepLoss(torch.tensor(value, device=session.device), before[0].parts, "applied")

    def _parts(self, session: Session, batch: Batch) -> dict[PartName, LossPart]:
        with session.precision.autocast():
            outputs, end = session.forward(session.objective.inputs(batch), self._carried.given(batch))
        self._carried.keep(batch, end)
        return session.objective.parts(outputs, batch)

    def evaluate(self, session: Session) -> Metrics | None:
        """Train metrics on the fixed sample and validation metrics, both in eval mode, with the averaged weights where EMA is on.

        `None` where a stop was wanted in between.
        """
        if session.ranks is not None:
            return session.ranks.judge(session.network, lambda: self._evaluate(session))
        if session.ema is None:  # else averages are looked after in between, in training mode
            with evaluating(session.network):
                return self._evaluate(session)
        return self._evaluate(session)

    def _evaluate(self, session: Session) -> Metrics | None:
        splits = {"train": session.splits.sample, "validation": session.splits.validation}
        found: Metrics = {}
        for name, data in splits.items():
            if data is not None:
                metrics = evaluate(session, session.objective.measured(data))
                if metrics is None:
                    return None
                found |= {f"{name}.{metric}": value for metric, value in metrics.items()}
        return found

    def measure(self, subject: Subject, data: TensorData, part: Part | None) -> Scores:
        """The loss and the metrics of the targets over all rows."""
        shown = subject.objective.measured(data)
        return measure(subject.network, subject.objective, shown, subject.precision, rows=subject.rows, most=subject.most)

    def measure_baseline(self, subject: Subject, data: TensorData, part: Part | None) -> Metrics:
        """The metrics of the trivial prediction."""
        return evaluate_baseline(subject.objective, subject.baseline, subject.objective.measured(data), tables=False).metrics

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


def _is_made_whole(session: Session) -> bool:
    """Whether each of several processes makes all rows of a step, before it takes its own: rows mixed with others, and those of a file."""
    return session.mixer is not None or session.splits.train.in_blocks


def _counted(batches: Sequence[Mapping[PartName, LossPart]]) -> dict[PartName, LossPart]:
    """The parts of the loss over all batches of a step, without their graph."""
    found: dict[PartName, LossPart] = {}
    for name, first in batches[0].items():
        sums, weights = [parts[name].sum.detach() for parts in batches], [parts[name].weight for parts in batches]
        found[name] = LossPart(sum_tensors(sums), sum_tensors(weights), first.factor)
    return found
