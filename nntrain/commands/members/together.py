"""Trains runs of one shape at once: seeds and folds. Each is an ordinary run in the end, with its own checkpoints, history and summary."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from nntrain.commands.members.members_display import MembersDisplay
from nntrain.commands.preparing.from_config import assembled, begin
from nntrain.commands.preparing.heading import head_lines
from nntrain.commands.preparing.jobs import Job, Options, Outcome, Watchers
from nntrain.commands.preparing.memory import explained_memory, memory_errors
from nntrain.commands.preparing.new_run import write_start
from nntrain.commands.stored.environment import describe
from nntrain.commands.training.one_run import compare, ready_to_go_on
from nntrain.commands.training.resuming import Beginning
from nntrain.commands.training.running import Consumer, ended, opened, told_divergence
from nntrain.errors import CheckpointError
from nntrain.protocols.supervised import SupervisedProtocol
from nntrain.runs import Run, lock
from nntrain.training.divergence import FoundDivergenceError
from nntrain.training.loop import Pause, Report
from nntrain.training.memory import ExhaustedError
from nntrain.training.reproducibility import restore_rng, rng_state
from nntrain.training.together import Member, fit_together, separation

if TYPE_CHECKING:
    from nntrain.assembly import Assembly
    from nntrain.training.plan import StopReason


Events = Iterator[tuple[int, Report | Pause] | None]


class Title(NamedTuple):
    """What runs are that train at once."""

    text: str
    """For the head: `runs/digits/0001   5 seeds, trained at once`."""
    kind: str
    """`seeds`."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A run that takes part."""

    run: Run
    word: str
    """What it is called: `seed 0`."""
    job: Job | None
    """Its config and data; `None` where it is finished already."""


@dataclass(frozen=True, slots=True)
class Ready:
    """A run whose objects are made."""

    run: Run
    word: str
    job: Job
    assembly: Assembly
    beginning: Beginning
    rng: Mapping[str, Any]
    """The states of the global random generators as they stand then."""
    is_new: bool
    notes: tuple[str, ...]


def make_ready(entry: Entry, options: Options) -> Ready | None:
    """Make the objects of a run, a new one or one that goes on; `None` where it is finished.

    Raises:
        CheckpointError: It can't go on.
        ConfigError: Config and data don't fit together; rendered.
    """
    if entry.job is None:
        return None
    run, job = entry.run, entry.job
    if (run.path / "resolved.yaml").is_file():
        with lock(run):
            found = compare(run, job, options)
            job, assembly, beginning = ready_to_go_on(run, job, found)
        return Ready(run, entry.word, job, assembly, beginning, rng_state(), is_new=False, notes=found.notes)
    if run.checkpoints.exists():  # without the config that they belong to
        raise CheckpointError(f"{run.name} has lost its resolved.yaml", f"remove {run.name}, then go on: it is trained anew")
    job = begin(job)
    return Ready(run, entry.word, job, assembled(job), Beginning(), rng_state(), is_new=True, notes=())


def reason_against(assemblies: Sequence[Assembly]) -> str | None:
    """Why these are trained one after another, in words; `None` where they are trained at once."""
    for assembly in assemblies:
        if type(assembly.protocol) is not SupervisedProtocol:
            return "the protocol takes steps of its own"
    return separation([_member(assembly, lambda _: False) for assembly in assemblies])


def are_even(assemblies: Sequence[Assembly]) -> bool:
    """Whether all have as many training rows."""
    return len({len(assembly.session.splits.train) for assembly in assemblies}) == 1


def _member(assembly: Assembly, pause_due: Callable[[int], bool]) -> Member:
    return Member(assembly.session, assembly.protocol, assembly.plan, assembly.progress, pause_due, rng_state())


def train_together(
    title: Title, found: Sequence[tuple[Entry, Ready | None]], options: Options, watchers: Watchers, *, is_even: bool
) -> dict[str, Outcome]:
    """Train runs of one shape at once, then measure each of those that were not finished.

    Args:
        title: What they are.
        found: All of them, in their order, with their objects; `None` for one that is finished.
        options: What the command line says beside the config.
        watchers: Display and signals.
        is_even: Whether all have as many training rows, the finished ones included.

    Returns:
        What came of those that were not finished, by their words.

    Raises:
        DivergedError: NaN or infinity in one of them; what was saved before is whole.
        CheckpointError: One of them can't go on.
        ResourceError: No memory or disk space left.
    """
    ready = [each for _, each in found if each is not None]
    with memory_errors(), watchers.signals.held(), ExitStack() as stack:
        display = MembersDisplay(watchers.display, title.kind)
        watchers.display.head([("run", title.text), *head_lines(ready[0].job, ready[0].assembly)])
        words = [entry.word for entry, _ in found]
        consumers: dict[int, Consumer] = {}
        seats: list[Member | int] = []
        surroundings: Mapping[str, Any] = {}
        for index, (entry, each) in enumerate(found):
            if each is None:
                seats.append(int(entry.run.read_json("summary.json")["steps"]))
                continue
            if each.is_new and not surroundings:  # those of all: git is asked once
                surroundings = describe(each.job.config.folder)
            consumers[index] = consumer = _opened(each, display, watchers, stack, surroundings)
            seats.append(_member(consumer.assembly, consumer.pause_due))
        is_interrupted = _consume(fit_together(seats, is_even=is_even), consumers, display, words, watchers)
        display.show()
        outcomes: dict[str, Outcome] = {}
        for index, consumer in consumers.items():
            reason: StopReason = consumer.assembly.progress.stop_reason or "interrupted"
            if is_interrupted and reason != "interrupted":
                continue  # it is measured when the others go on
            outcomes[words[index]] = ended(consumer, reason, options)
        return outcomes


def _opened(each: Ready, display: MembersDisplay, watchers: Watchers, stack: ExitStack, surroundings: Mapping[str, Any]) -> Consumer:
    """The consumer of a run, whose folder is locked until the stack is left. The global random numbers are those of the run then."""
    each.run.path.mkdir(parents=True, exist_ok=True)
    stack.enter_context(lock(each.run))
    restore_rng(each.rng)
    if each.is_new:
        write_start(each.run, each.job, each.assembly, surroundings)
    own = replace(watchers, display=display.of(each.word))
    for note in each.notes:
        own.display.note(note)
    consumer = opened(each.run, each.job, each.assembly, own, each.beginning)
    stack.callback(consumer.close)
    return consumer


def _consume(events: Events, consumers: Mapping[int, Consumer], display: MembersDisplay, words: Sequence[str], watchers: Watchers) -> bool:
    """Train until all have stopped, or a signal says stop: the state of each is saved then. Returns whether it did."""
    signals = watchers.signals
    is_save_wanted = False
    try:
        with ExitStack() as kept:
            for consumer in consumers.values():
                kept.enter_context(consumer.recorder.best_kept())
            for found in events:
                if found is None:
                    display.show()
                    is_save_wanted = False
                    if signals.stop_requested:
                        _save_running(consumers)
                        return any(consumer.assembly.progress.stop_reason is None for consumer in consumers.values())
                    continue
                index, event = found
                is_save_wanted |= signals.save_requested
                signals.save_requested = is_save_wanted  # the first that saves has it done for itself alone
                consumers[index].take(event)
                if isinstance(event, Report) and event.stop_reason is not None:
                    best = consumers[index].assembly.progress.stopping.best
                    display.leave(words[index], event.stop_reason, "" if best is None else f": best at epoch {best.epoch}")
    except FoundDivergenceError as error:
        if error.member is None:
            raise
        raise told_divergence(error, consumers[error.member]) from None
    except ExhaustedError as error:
        first = next(iter(consumers.values()))
        raise explained_memory(error, first.job, first.assembly.session, first.run) from None
    return False


def _save_running(consumers: Mapping[int, Consumer]) -> None:
    for consumer in consumers.values():
        progress = consumer.assembly.progress
        if progress.stop_reason is None and consumer.recorder.saved_step != progress.step:
            consumer.recorder.save()
