"""Trains several runs of one shape at once: each ends with the weights and the history that it has by itself, up to rounding.

As `fit`, a generator without input or output. Each member keeps its own session, rules and position; what they share is the inside of a
step (`Stack`). They keep step: the ones that are furthest behind take the next one, so that members which were saved at different steps
come together again. A member that stops leaves the others, who go on among themselves.

What a member computes depends on which members take the step with it, in its last bits. That is a function of the steps at which each
of them stops, so that it is the same in a run that was interrupted and goes on.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import torch

from nntrain.data.batches import Batch
from nntrain.modules.network import Network
from nntrain.modules.stacked import DRAWING, Draws, batched_parameters, obstacle
from nntrain.schedules.plateau import Plateau
from nntrain.training.divergence import check_state
from nntrain.training.loop import Pause, Report, report_once, set_learning_rates, take_step
from nntrain.training.plan import Plan
from nntrain.training.progress import Progress
from nntrain.training.session import Session, TrainingProtocol
from nntrain.training.stacking import ELEMENTWISE, Seat, Stack


@dataclass(slots=True)
class Member:
    """One of the runs."""

    session: Session
    protocol: TrainingProtocol
    plan: Plan
    progress: Progress
    pause_due: Callable[[int], bool]
    """As of `fit`."""
    draws: Draws
    """The state of torch's global generator that belongs to it."""
    _batches: Iterator[tuple[Batch, ...]] | None = field(default=None, init=False)
    _started: float = field(default=0.0, init=False)

    def begin(self) -> None:
        """Get ready for the first step."""
        self._started = time.monotonic() - self.progress.elapsed_s
        self.session.network.train()
        self.progress.settle(self.plan.steps_per_epoch)
        if self.progress.stop_reason is None and self.progress.owed_rate is None:
            self.progress.stop_reason = self.plan.limit_reached(self.progress.step, self.progress.elapsed_s)

    def batch(self) -> Batch:
        """The rows of the next step."""
        progress = self.progress
        if self._batches is None:
            self._batches = self.protocol.batches(self.session, progress.epoch, progress.step_in_epoch)
        [batch] = next(self._batches)
        return batch

    def advance(self) -> None:
        """Count a finished step."""
        epoch = self.progress.epoch
        self.progress.advance(self.plan.steps_per_epoch)
        self.progress.elapsed_s = time.monotonic() - self._started
        if self.progress.epoch != epoch:
            self._batches = None

    @property
    def is_due(self) -> bool:
        """Whether an evaluation is."""
        return self.plan.limit_reached(self.progress.step, self.progress.elapsed_s) is not None or self.plan.evaluation_due(
            self.progress.step
        )


def fit_together(members: Sequence[Member | int]) -> Iterator[tuple[int, Report | Pause] | None]:
    """Train members from where they stand until each has stopped.

    Args:
        members: The members, each at its place; an `int` is one that has stopped at this step and is not here any more.

    Yields:
        What `fit` yields, with the place of the member; the state of that member is complete then, and torch's global random numbers are
        its own. `None` after those of a step, when all members are at a step's end and none waits for its report: where a caller may stop.

    Raises:
        DivergedError: As of `fit`, for one member. The others are at the end of the step before.
    """
    here = {index: member for index, member in enumerate(members) if isinstance(member, Member)}
    ends = {index: member for index, member in enumerate(members) if isinstance(member, int)}
    for member in here.values():
        member.begin()
    ends |= {index: member.progress.step for index, member in here.items() if member.progress.stop_reason is not None}
    stack: tuple[tuple[int | None, ...], Stack] | None = None
    while True:
        owing = {index: member for index, member in here.items() if member.progress.owed_rate is not None}
        if owing:
            yield from _events(owing, ends)
            yield None
            continue
        running = {index: member for index, member in here.items() if member.progress.stop_reason is None}
        if not running:
            break
        step = min(member.progress.step for member in running.values())
        company = [index for index in range(len(members)) if ends.get(index, step + 1) > step]
        taking = {index: member for index, member in running.items() if member.progress.step == step}
        key = tuple(index if index in taking else None for index in company)
        if stack is not None and stack[0] != key:
            stack[1].release()
            stack = None
        if len(key) == 1:
            [alone] = taking.values()
            with_own_draws(alone)
            take_step(alone.session, alone.protocol, alone.progress, (alone.batch(),))
            alone.draws.state = torch.get_rng_state()
        else:
            if stack is None:
                seats = [None if index is None else Seat(here[index].session, here[index].progress, here[index].draws) for index in key]
                stack = key, Stack(seats)
            stack[1].step([None if index is None else here[index].batch() for index in key])
        for member in taking.values():
            member.advance()
        due = {index: member for index, member in taking.items() if member.is_due}
        pausing = {index: member for index, member in taking.items() if index not in due and member.pause_due(member.progress.step)}
        if due or pausing:
            if stack is not None:
                stack[1].settle()
            yield from _events(due, ends, pausing)
            yield None
            if stack is not None:
                stack[1].begin()
    if stack is not None:
        stack[1].release()


def _events(due: dict[int, Member], ends: dict[int, int], pausing: dict[int, Member] | None = None) -> Iterator[tuple[int, Report | Pause]]:
    """What happens to members after a step."""
    for index, member in sorted((due | (pausing or {})).items()):
        progress = member.progress
        with_own_draws(member)
        if progress.owed_rate is None:
            falls = 0 if progress.plateau is None else progress.plateau.falls
            set_learning_rates(member.session, progress.step - 1 - progress.skipped, falls)
            check_state(member.session, member.protocol, progress)
        yield index, report_once(member.session, member.protocol, member.plan, progress) if index in due else Pause(progress.step)
        member.draws.state = torch.get_rng_state()
        if progress.stop_reason is not None:
            ends[index] = progress.step


def with_own_draws(member: Member) -> None:
    """Make torch's global random numbers those of a member."""
    torch.set_rng_state(member.draws.state)


def separation(members: Sequence[Member]) -> str | None:
    """Why members are trained one after another, in words; `None` where they are trained at once. A function of config and data."""
    first = members[0]
    return _reason(first) or next((reason for other in members[1:] if (reason := _difference(first, other)) is not None), None)


def _reason(member: Member) -> str | None:
    session, plan = member.session, member.plan
    targets = session.objective.targets.values()
    scored = all(not target.is_taught and target.scored_axis is None and target.unit_axis is None for target in targets)
    reasons = {
        f"on {session.device.type} members are not trained at once": session.device.type != "cpu",
        f"optimizer {type(session.optimizer).__name__} moves a network at a time": type(session.optimizer) not in ELEMENTWISE,
        f"precision {session.precision.name} computes a network at a time": session.precision.name != "float32",
        "training.accumulate computes a part of a step at a time": session.accumulate > 1,
        "training.on_oom: halve cuts the batches of a network": session.portions.halves,
        "training.max_minutes counts the time of a single run": plan.settings.max_minutes is not None,
        "the plateau schedule gives each member a rate of its own": isinstance(session.schedule, Plateau),
        "unfreezing changes what is trained": session.thawing is not None,
        "mixed rows have two targets": session.mixer is not None,
        "rows are read from files while training": session.splits.train.streamed is not None,
        "rows are put together by their lengths": session.buckets is not None,
        "rows go on where others have ended": session.splits.train.lanes is not None,
        "the loss compares the rows of a batch": session.objective.compared_rows is not None or session.objective.repeated is not None,
        "the loss scores more than a value a row": not scored or bool(session.objective.hinted),
    }
    return next((words for words, holds in reasons.items() if holds), None) or obstacle(session.network)


def _difference(first: Member, other: Member) -> str | None:
    """How two members differ that could be trained at once by themselves."""
    ours, theirs = ([(name, value.shape) for name, value in each.session.network.named_parameters()] for each in (first, other))
    if ours != theirs:
        return "their networks differ in shape"
    if len(first.session.splits.train) != len(other.session.splits.train):
        return f"they have {len(first.session.splits.train):,} and {len(other.session.splits.train):,} training rows"
    return None
