"""The one training loop: a generator that trains and measures, and does no input or output.

It yields only at step boundaries and only when something is due: a `Report` after an evaluation, a `Pause` when the caller
asked for one (a checkpoint, a signal). The state is complete and consistent at every yield, so whoever consumes the generator
may save there, and may stop by no longer asking. An evaluation that is cut short (`Session.stop_wanted`) ends in a `Pause` too: the
state owes its report then, and whoever goes on with it begins with that. There are no callbacks, and no exception is control flow.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from nntrain.data.batches import Batch
from nntrain.data.streaming import trim
from nntrain.losses.loss import Part
from nntrain.training.divergence import check_applied, check_scaling, check_state, check_step, watch_step
from nntrain.training.exhaustion import is_exhaustion
from nntrain.training.gradients import gradient_norm, trained
from nntrain.training.memory import Before, ExhaustedError, release, requested, settle_malloc
from nntrain.training.objective import PartName
from nntrain.training.plan import Plan, StopReason
from nntrain.training.progress import Progress
from nntrain.training.replay import tensors_of
from nntrain.training.session import Metrics, Session, StepLoss, TrainingProtocol
from nntrain.training.state import whole

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Report:
    """One evaluation."""

    epoch: int
    """Epochs that are complete."""
    step: int
    metrics: Metrics
    lr: float
    is_best: bool
    stop_reason: StopReason | None
    clipped: float | None = None
    """Share of the steps since the report before whose gradients `clip_norm` made smaller; `None` where none are."""


@dataclass(frozen=True, slots=True)
class Pause:
    """A step boundary that the caller asked for."""

    step: int


def fit(
    session: Session, protocol: TrainingProtocol, plan: Plan, progress: Progress, pause_due: Callable[[int], bool]
) -> Iterator[Report | Pause]:
    """Train from where `progress` stands until a limit is reached or a rule says stop.

    A run that is beyond a limit already (it was lowered since) ends with that reason, without another step or report.

    Args:
        session: The objects of the run.
        protocol: Order of batches and meaning of a step.
        plan: Limits and evaluation times.
        progress: Position of the run; advanced in place.
        pause_due: Asked after each step without a report; a true answer makes the generator yield a `Pause`.

    Raises:
        DivergedError: NaN or infinity in the loss, the gradients or the weights; raised before such a state is yielded.
        ExhaustedError: Memory ran out, and smaller micro-batches are not wanted or not possible.
    """
    started, first = _begin(session, plan, progress), progress.step
    if progress.owed_rate is not None:
        yield from _report(session, protocol, plan, progress)
    if progress.stop_reason is None:
        progress.stop_reason = plan.limit_reached(progress.step, progress.elapsed_s)
    while progress.stop_reason is None:
        if session.thawing is not None:
            session.thawing.begin(session.network, progress.epoch)
        asked = protocol.batches(session, progress.epoch, progress.step_in_epoch)
        for batches in session.waiting.around(asked, session.device):
            rows = session.portions.rows
            take_step(session, protocol, progress, batches)
            if progress.step == first:  # it made the optimizer's state where activations had been: from now on these lie elsewhere
                trim()
            progress.advance(plan.steps_per_epoch)
            progress.elapsed_s = time.monotonic() - started if session.ranks is None else session.ranks.elapsed_s
            if plan.limit_reached(progress.step, progress.elapsed_s) is not None or plan.evaluation_due(progress.step):
                check_state(session, protocol, progress)
                yield from _report(session, protocol, plan, progress)
            elif pause_due(progress.step) or session.portions.rows != rows:  # what was decided is saved before it can be forgotten
                check_state(session, protocol, progress)
                yield Pause(progress.step)
            if progress.stop_reason is not None:
                return


def _begin(session: Session, plan: Plan, progress: Progress) -> float:
    """Get ready for the first step; returns when the run would have started had it never stopped, by `time.monotonic`."""
    started = time.monotonic() - progress.elapsed_s
    if session.ranks is not None:
        session.ranks.started = started
    settle_malloc()
    session.network.train()
    progress.settle(plan.steps_per_epoch)
    return started


def _report(session: Session, protocol: TrainingProtocol, plan: Plan, progress: Progress) -> Iterator[Report | Pause]:
    """Evaluate and judge; pause as often as the evaluation is cut short."""
    while isinstance(event := report_once(session, protocol, plan, progress), Pause):
        yield event
    yield event


def report_once(
    session: Session, protocol: TrainingProtocol, plan: Plan, progress: Progress, measured: Metrics | None = None
) -> Report | Pause:
    """Evaluate, where that is not done, and judge; a `Pause` where the evaluation is cut short, and `progress` owes the report then."""
    lr = progress.owed_rate = _lr(session) if progress.owed_rate is None else progress.owed_rate
    found = protocol.evaluate(session) if measured is None else measured
    if found is None:
        return Pause(progress.step)
    progress.owed_rate = None
    metrics: Metrics = {"train.running_loss": progress.running.take(), **found}
    is_best = progress.judge(plan, metrics, plan.limit_reached(progress.step, progress.elapsed_s))
    return Report(progress.epoch, progress.step, metrics, lr, is_best, progress.stop_reason, progress.clipping.take())


def take_step(session: Session, protocol: TrainingProtocol, progress: Progress, batches: tuple[Batch, ...]) -> None:
    """One optimizer update: learning rate, loss, gradients, penalties, clipping, noise, update, bounds, averaging.

    Raises:
        DivergedError: On a CPU, where loss or gradients are not finite; elsewhere `check_state` tells it later.
        ExhaustedError: As `compute`, or in the update.
    """
    falls = 0 if progress.plateau is None else progress.plateau.falls
    set_learning_rates(session, progress.step - progress.skipped, falls)
    if session.ranks is not None:
        session.ranks.begin_step(progress.step, session.seed)
    if not (_replayed(session, progress, batches) or _computed(session, protocol, progress, batches)):
        return
    if session.ema is not None:
        session.ema.update(session.network, progress.step + 1 - progress.skipped)


def _replayed(session: Session, progress: Progress, batches: tuple[Batch, ...]) -> bool:
    """Take a step of which there is a recording, where its gradients are used as they are: what little is left between two of them.

    Whether it was taken. Raises as `take_step`.
    """
    static = session.static
    if static is None or not session.moves_directly or len(batches) != 1 or (tensors := tensors_of(batches[0])) is None:
        return False
    recording = static.of(tensors)
    if recording is None or not static.gives_all:
        return False
    try:
        loss, norm, *found = recording(tensors)
    except (RuntimeError, MemoryError) as error:
        if not is_exhaustion(error):
            raise
        raise ExhaustedError("step", len(batches[0]), requested(str(error)), progress.step) from None
    check_step(session, progress, batches, loss, norm)
    count = len(static.factors)
    optimizer: Any = session.optimizer
    _moved(partial(optimizer.move, found[2 * count :]), progress, batches)
    for place, (name, factor) in enumerate(static.factors.items()):
        progress.running.count(name, found[place].item(), found[place + count].item(), factor)
    return True


def _computed(session: Session, protocol: TrainingProtocol, progress: Progress, batches: tuple[Batch, ...]) -> bool:
    """Take a step, whose updates may be several; whether all were made. Raises as `take_step`."""
    parts: dict[PartName, Part] = {}
    update: Callable[[tuple[Batch, ...]], StepLoss] | None = partial(protocol.step, session)
    updates = 0
    while update is not None:
        loss = compute(session, update, progress, batches)
        if loss.stage == "applied":
            check_applied(session, progress, batches, loss.value)
        elif not update_weights(session, progress, batches, loss, updates):
            return False
        parts |= loss.parts
        update, updates = loss.following, updates + 1
    progress.running.add(parts)
    return True


def compute(session: Session, update: Callable[[tuple[Batch, ...]], StepLoss], progress: Progress, batches: tuple[Batch, ...]) -> StepLoss:
    """Forward and backward pass; where memory runs out and `on_oom` says so again, with half as many rows at once.

    The pass changes nothing but gradients, running statistics and random numbers, which are put back before it is tried again: the
    step is the one that it would have been with these micro-batches from the start.

    Raises:
        ExhaustedError: Memory ran out, and smaller micro-batches are not wanted or not possible.
    """
    portions = session.portions
    before = Before.of(session.network, session.device) if portions.halves else None
    while True:
        parts = portions.cut(batches)
        try:
            return _pass(session, update, parts)
        except (RuntimeError, MemoryError) as error:
            if not is_exhaustion(error):
                raise
            request = requested(str(error))
        release(session.network, session.device)  # not before the error is gone, whose frames hold what the pass has made
        if before is None or not portions.shrink(parts):
            raise ExhaustedError("step", max(len(part) for part in parts), request, progress.step)
        before.restore()


def _pass(session: Session, update: Callable[[tuple[Batch, ...]], StepLoss], parts: tuple[Batch, ...]) -> StepLoss:
    """Forward and backward pass. In a function of its own, so that one that fails leaves no graph behind in a variable."""
    loss = update(parts)
    if loss.stage == "loss":
        session.precision.backward(loss.value)
    return loss


def update_weights(session: Session, progress: Progress, batches: tuple[Batch, ...], loss: StepLoss, update: int = 0) -> bool:
    """Shape the gradients and move the weights by them; returns whether they were moved (float16 scaling may skip a step).

    Args:
        session: The objects of the run.
        progress: Where the run stands.
        batches: What the gradients are of.
        loss: What the step has handed back.
        update: Updates of this step before this one.

    Raises:
        DivergedError: As in `take_step`, or step after step is skipped whatever the scale.
        ExhaustedError: Memory ran out in the optimizer.
    """
    session.precision.unscale(session.optimizer)
    parameters = trained(session.optimizer)
    is_penalized = session.shaping.penalize()
    own = gradient_norm(parameters) if loss.norm is None or is_penalized else loss.norm
    compared = session.shaping.clip(parameters, own)
    norm = whole(own)
    is_same = compared is own
    session.shaping.add_noise(parameters, progress.step, update)
    is_here = session.device.type == "cpu"
    if is_here:
        check_step(session, progress, batches, loss.value, norm)
    else:
        watch_step(session, progress, loss.value, norm)
    if (longest := session.shaping.settings.clip_norm) is not None:
        known = progress.recent[-1].norm if is_here and is_same else None  # that was read already
        progress.clipping.add((norm if is_same else whole(compared)) > longest if known is None else known > longest)
    moved = _moved(partial(session.precision.step, session.optimizer), progress, batches)
    for parameter in parameters:  # what zero_grad does, without its bookkeeping
        parameter.grad = None
    if not moved:
        progress.skipped += 1
        check_scaling(session, progress, batches)
    else:
        session.shaping.bound()
    return moved


def _moved(move: Callable[[], T], progress: Progress, batches: tuple[Batch, ...]) -> T:
    """The optimizer's update. Raises `ExhaustedError`: part of the weights may have moved, so that nothing is tried again."""
    try:
        return move()
    except (RuntimeError, MemoryError) as error:
        if not is_exhaustion(error):
            raise
        raise ExhaustedError("update", sum(len(batch) for batch in batches), requested(str(error)), progress.step) from None


def set_learning_rates(session: Session, step: int, falls: int = 0) -> None:
    """Give every parameter group its rate, and its momentum where the schedule moves it; dropout and weight decay theirs where they change.

    Args:
        session: The objects of the run.
        step: Steps that were taken, without those that float16 skipped.
        falls: How often a metric that got no better has lowered the rate.
    """
    if session.fading is not None and session.fading.apply(session.optimizer, step, session.horizon) and session.static is not None:
        session.static.forget()
    schedule = session.schedule
    momentum = schedule.momentum(step, session.horizon)
    for group in session.optimizer.param_groups:
        lr = schedule.reduced(schedule.lr(step, group["initial_lr"], session.horizon), falls)
        group["lr"] = lr if session.ema is None else session.ema.lr(step, group["initial_lr"], lr)
        if momentum is not None:
            if "betas" in group:
                group["betas"] = (momentum, group["betas"][1])
            else:
                group["momentum"] = momentum


def _lr(session: Session) -> float:
    return float(session.optimizer.param_groups[0]["lr"])
