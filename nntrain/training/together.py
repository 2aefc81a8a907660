"""Trains several runs of one shape at once: each ends with the weights and the history that it has by itself, up to rounding.

As `fit`, a generator without input or output. Each member keeps its own session, rules and position; what they share is the inside of a
step (`Stack`). They keep step: the ones that are furthest behind take the next one, so that members which were saved at different steps
come together again. A member that stops leaves the others, who go on among themselves.

What a member computes depends on which members take the step with it, in its last bits. That is a function of the steps at which each
of them stops, so that it is the same in a run that was interrupted and goes on.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import torch

from nntrain.data.batches import Batch
from nntrain.modules.stacked import Draws, obstacle
from nntrain.training.divergence import check_state, named
from nntrain.training.joint_rows import JointBatch, joint_batches
from nntrain.training.loop import Pause, Report, report_once, set_learning_rates, take_step
from nntrain.training.memory import settle_malloc
from nntrain.training.plan import Plan
from nntrain.training.progress import Progress
from nntrain.training.reproducibility import OwnNumbers
from nntrain.training.session import Metrics, Session, TrainingProtocol
from nntrain.training.stacking import Seat, Stack, is_elementwise


@dataclass(slots=True)
class Member:
    """One of the runs."""

    session: Session
    protocol: TrainingProtocol
    plan: Plan
    progress: Progress
    pause_due: Callable[[int], bool]
    """As of `fit`."""
    rng: Mapping[str, Any]
    """The states of the global random generators that belong to it."""
    draws: Draws = field(init=False)
    """That of torch, which may move on while it trains."""
    _batches: Iterator[tuple[Batch, ...]] | None = field(default=None, init=False)
    _started: float = field(default=0.0, init=False)
    _numbers: OwnNumbers = field(init=False)

    def __post_init__(self) -> None:
        self.draws = Draws(self.rng["torch"])
        self._numbers = OwnNumbers(self.rng)

    def enter(self) -> None:
        """Make the global random numbers its own."""
        self._numbers.restore(self.draws.state)

    def begin(self) -> None:
        """Get ready for the first step."""
        self._started = time.monotonic() - self.progress.elapsed_s
        self.session.network.train()
        self.progress.settle(self.plan.steps_per_epoch)
        if self.progress.stop_reason is None and self.progress.owed_rate is None:
            self.progress.stop_reason = self.plan.limit_reached(self.progress.step, self.progress.elapsed_s)

    def forget_rows(self) -> None:
        """The next rows are asked for anew: others have come from elsewhere."""
        self._batches = None

    def batch(self) -> Batch:
        """The rows of the next step."""
        progress = self.progress
        if self._batches is None:
            self._batches = self.protocol.batches(self.session, progress.epoch, progress.step_in_epoch)
        [batch] = next(self._batches)
        return batch

    def advance(self, now: float) -> None:
        """Count a step that was finished at this time of `time.monotonic`."""
        progress = self.progress
        epoch = progress.epoch
        progress.advance(self.plan.steps_per_epoch)
        progress.elapsed_s = now - self._started
        if progress.epoch != epoch:
            self._batches = None

    @property
    def is_due(self) -> bool:
        """Whether an evaluation is."""
        return self.plan.limit_reached(self.progress.step, self.progress.elapsed_s) is not None or self.plan.evaluation_due(
            self.progress.step
        )


def fit_together(members: Sequence[Member | int], *, is_even: bool = True) -> Iterator[tuple[int, Report | Pause] | None]:
    """Train members from where they stand until each has stopped.

    Args:
        members: The members, each at its place; an `int` is one that has stopped at this step and is not here any more.
        is_even: Whether all have as many training rows, those included that are not here. Where they differ by a few, the last batches of
            epochs do, and each member takes that step by itself.

    Yields:
        What `fit` yields, with the place of the member; the state of that member is complete then, and torch's global random numbers are
        its own. `None` after those of a step, when all members are at a step's end and none waits for its report: where a caller may stop.

    Raises:
        DivergedError: As of `fit`, for one member. The others are at the end of the step before.
    """
    settle_malloc()
    course = _Course(members, is_even=is_even)
    while course.is_on():
        if course.owing:
            yield from course.events(course.owing, {})
            yield None
            continue
        due, pausing = course.steps()
        yield from course.events(due, pausing)
        yield None


class _Course:
    """Who takes steps with whom."""

    def __init__(self, members: Sequence[Member | int], *, is_even: bool) -> None:
        self._is_even = is_even
        self._count = len(members)
        self._here = {index: member for index, member in enumerate(members) if isinstance(member, Member)}
        for member in self._here.values():
            member.begin()
        self._ends = {index: member for index, member in enumerate(members) if isinstance(member, int)}
        self._ends |= {index: member.progress.step for index, member in self._here.items() if member.progress.stop_reason is not None}
        self._key: tuple[int | None, ...] = ()
        self._stack: Stack | None = None
        self._epoch: int | None = None
        self._rows: Iterator[JointBatch] | None = None
        """The rows of all in the epoch, where they are drawn in one go."""

    @property
    def owing(self) -> dict[int, Member]:
        """Those whose evaluation was cut short."""
        return {index: member for index, member in self._here.items() if member.progress.owed_rate is not None}

    @property
    def running(self) -> dict[int, Member]:
        """Those that have not stopped."""
        return {index: member for index, member in self._here.items() if member.progress.stop_reason is None}

    def is_on(self) -> bool:
        """Whether anything is left to be done; memory is shared no longer when there isn't."""
        if self.owing or self.running:
            return True
        self._meet(())
        return False

    def steps(self) -> tuple[dict[int, Member], dict[int, Member]]:
        """Take the next steps of those that are furthest behind, up to one after which a report or a pause is due: whose that is."""
        while True:
            taking, until = self._next()
            step = next(iter(taking.values())).progress.step
            next_due = min(member.plan.next_due(step) for member in taking.values())
            while step < until:
                self._step(taking)
                now, step = time.monotonic(), step + 1
                for member in taking.values():
                    member.advance(now)
                due = {index: member for index, member in taking.items() if member.is_due} if step >= next_due else {}
                pausing = {index: member for index, member in taking.items() if index not in due and member.pause_due(step)}
                if due or pausing:
                    return due, pausing

    def _next(self) -> tuple[dict[int, Member], float]:
        """Those that are furthest behind, who share memory now, and the step from which on others go with them, or fewer."""
        running = self.running
        step = min(member.progress.step for member in running.values())
        company = [index for index in range(self._count) if self._ends.get(index, step + 1) > step]
        taking = {index: member for index, member in running.items() if member.progress.step == step}
        self._meet(tuple(index if index in taking else None for index in company))
        ahead = [member.progress.step for index, member in running.items() if index not in taking]
        return taking, min([*ahead, *(end for end in self._ends.values() if end > step)], default=math.inf)

    def _step(self, taking: Mapping[int, Member]) -> None:
        """The next step of these."""
        if self._stack is None:
            [(index, alone)] = taking.items()
            torch.set_rng_state(alone.draws.state)
            with named(index):
                take_step(alone.session, alone.protocol, alone.progress, (alone.batch(),))
            alone.draws.state = torch.get_rng_state()
            return
        first = next(iter(taking.values()))
        if self._is_even or first.progress.step_in_epoch + 1 < first.plan.steps_per_epoch:
            self._stack.step(self._joint_batch(taking) or JointBatch.of(self._own_batches()))
        else:
            self._stack.step_apart(first.protocol, self._own_batches())

    def _own_batches(self) -> list[Batch | None]:
        """The rows of the next step, of each member by itself; `None` in the place of one that has taken it before."""
        return [None if index is None else self._here[index].batch() for index in self._key]

    def _joint_batch(self, taking: Mapping[int, Member]) -> JointBatch | None:
        """The rows of the next step, drawn for all in one go; `None` where that can't be."""
        progress = next(iter(taking.values())).progress
        if self._epoch != progress.epoch:
            self._epoch = progress.epoch
            sessions = [member.session for member in taking.values()]
            self._rows = joint_batches(sessions, progress.epoch, progress.step_in_epoch) if len(taking) == len(self._key) else None
        return None if self._rows is None else next(self._rows, None)

    def _meet(self, key: tuple[int | None, ...]) -> None:
        """Share memory with these: the places of those that take a step, `None` for one that has taken it before."""
        if key == self._key:
            return
        if self._stack is not None:
            self._stack.release()
        seats = [None if index is None else self._here[index] for index in key]
        self._key = key
        self._epoch, self._rows = None, None
        for member in self._here.values():
            member.forget_rows()
        self._stack = (
            None
            if len(key) < 2
            else Stack(
                [
                    None if index is None or member is None else Seat(index, member.session, member.progress, member.draws)
                    for index, member in zip(key, seats, strict=True)
                ]
            )
        )

    def _measured(self, due: Mapping[int, Member]) -> Mapping[int, Metrics]:
        """The metrics of those whose evaluation is due, where all that train together are measured at once."""
        if (
            self._stack is None
            or set(due) != {index for index in self._key if index is not None}
            or any(member.progress.owed_rate is not None for member in due.values())
        ):
            return {}
        found = self._stack.metrics()
        return {} if found is None else {index: metrics for index, metrics in zip(self._key, found, strict=True) if index is not None}

    def events(self, due: Mapping[int, Member], pausing: Mapping[int, Member]) -> Iterator[tuple[int, Report | Pause]]:
        """What happens to members after a step."""
        measured = self._measured(due)
        is_finite = self._stack is not None and self._stack.is_finite()
        for index, member in sorted({**due, **pausing}.items()):
            progress = member.progress
            member.enter()
            if progress.owed_rate is None:
                falls = 0 if progress.plateau is None else progress.plateau.falls
                set_learning_rates(member.session, progress.step - 1 - progress.skipped, falls)
                if not is_finite:
                    with named(index):
                        check_state(member.session, member.protocol, progress)
            if index in due:
                yield index, report_once(member.session, member.protocol, member.plan, progress, measured.get(index))
            else:
                yield index, Pause(progress.step)
            member.draws.state = torch.get_rng_state()
            if progress.stop_reason is not None:
                self._ends[index] = progress.step


_LAYOUT: Final = (
    "training.channels_last is true, chosen by itself where the config leaves it open; training.channels_last=false trains them at once"
)
"""Said where nothing else is in the way."""
_PRODUCTS: Final = (
    "training.matmul is onednn, chosen by itself where the config leaves it open, and faster than at once; "
    "training.matmul=blas trains them at once"
)
"""The same."""


def separation(members: Sequence[Member]) -> str | None:
    """Why members are trained one after another, in words; `None` where they are trained at once. A function of config and data."""
    first = members[0]
    return _reason(first) or next((reason for other in members[1:] if (reason := _difference(first, other)) is not None), None)


def _reason(member: Member) -> str | None:
    session, plan = member.session, member.plan
    reasons = {
        f"on {session.device.type} members are not trained at once": session.device.type != "cpu",
        f"optimizer {type(session.optimizer).__name__} moves a network at a time": not is_elementwise(session.optimizer),
        f"precision {session.precision.name} computes a network at a time": session.precision.name != "float32",
        "training.compile compiles a network at a time": session.compiled is not None,
        "several processes train a network at a time": session.ranks is not None,
        "training.accumulate computes a part of a step at a time": session.accumulate > 1,
        "training.on_oom: halve cuts the batches of a network": session.portions.halves,
        "training.max_minutes counts the time of a single run": plan.settings.max_minutes is not None,
        "unfreezing changes what is trained": session.thawing is not None,
        "rows are read from files while training": session.splits.train.streamed is not None,
        "rows are put together by their lengths": session.buckets is not None,
        "rows go on where others have ended": session.splits.train.lanes is not None,
    }
    found = next((words for words, holds in reasons.items() if holds), None) or obstacle(session.network)
    if found is None and session.precision.matmul == "onednn":
        return _PRODUCTS
    return _LAYOUT if found is None and not all(value.is_contiguous() for value in session.network.parameters()) else found


def _difference(first: Member, other: Member) -> str | None:
    """How two members differ that could be trained at once by themselves."""
    ours, theirs = ([(name, value.shape) for name, value in each.session.network.named_parameters()] for each in (first, other))
    if ours != theirs:
        return "their networks differ in shape"
    if first.plan.steps_per_epoch != other.plan.steps_per_epoch:
        return f"their epochs have {first.plan.steps_per_epoch:,} and {other.plan.steps_per_epoch:,} steps"
    return None
