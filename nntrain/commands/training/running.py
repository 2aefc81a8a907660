"""Runs the loop for a run folder: resumes, saves, shows, and measures the best state in the end."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import torch

from nntrain.assembly import Assembly
from nntrain.commands.preparing.memory import explained_memory, portions_words
from nntrain.commands.preparing.signals import Signals
from nntrain.commands.preparing.space import check_space
from nntrain.commands.screens.display import Display, Position
from nntrain.commands.training.diagnosing import Adviser
from nntrain.commands.training.finishing import Ending, finish, interrupted
from nntrain.commands.training.peak_memory import resident_bytes
from nntrain.commands.training.recording import Recorder, restore_from
from nntrain.commands.training.resuming import Beginning
from nntrain.commands.training.sharded_saving import Pieces
from nntrain.commands.training.tracking import Tracking, tracked
from nntrain.data.streaming import trim
from nntrain.errors import DivergedError
from nntrain.runs import Run
from nntrain.training.distributed import Ranks, StepWish
from nntrain.training.divergence import FoundDivergenceError
from nntrain.training.evaluation import fit_baseline
from nntrain.training.loop import Pause, Report
from nntrain.training.loop import fit as run_loop
from nntrain.training.memory import ExhaustedError
from nntrain.training.plan import StopReason
from nntrain.training.reproducibility import differing_facts, exactness_facts
from nntrain.training.settings import LIMITS

if TYPE_CHECKING:
    from torch import Tensor

    from nntrain.commands.preparing.jobs import Job, Options, Outcome, Watchers
    from nntrain.optimizers.optimizer import Optimizer


@dataclass(slots=True)
class Consumer:
    """Takes what the loop yields."""

    run: Run
    job: Job
    assembly: Assembly
    recorder: Recorder
    display: Display
    signals: Signals
    tracking: Tracking
    adviser: Adviser
    """Says what to change."""
    baseline: dict[str, Tensor] = field(default_factory=dict[str, "Tensor"])
    """The trivial prediction of each target."""
    unmeasured: set[str] = field(default_factory=set[str])
    """Splits whose loss was not finite, which is told once."""
    told_lost: bool = False
    """Whether it was said that encoded rows could not be kept."""
    told_graph: bool = False
    """Whether it was said if steps are a CUDA graph."""

    def pause_due(self, step: int) -> bool:
        """Show the position; pause where something is to be saved or stopped."""
        if self.display.is_due:
            self.display.advance(self.position(step))
        ranks = self.assembly.session.ranks
        return self.recorder.is_due(step) if ranks is None else ranks.granted.pause

    def consume(self) -> StopReason:
        """Train until the loop ends or a signal says stop; the state is saved in both cases."""
        parts = self.assembly
        progress = parts.progress
        portions = parts.session.portions
        known = portions.state()
        self.recorder.step_is_done()
        for event in run_loop(parts.session, parts.protocol, parts.plan, progress, self.pause_due):
            if portions.state() != known:
                known = portions.state()
                self.display.note(portions_words(portions, event.step, mixes_rows=portions.least > 1))
            self.take(event)
            if self.is_stopped() and progress.stop_reason is None:
                if self.recorder.saved_step != progress.step:
                    self.recorder.save()
                self.recorder.step_is_done()
                return "interrupted"
            self.recorder.step_is_done()
        assert progress.stop_reason is not None
        return progress.stop_reason

    def take(self, event: Report | Pause) -> None:
        """Write and show a report; save where the loop pauses."""
        if isinstance(event, Pause):
            self.display.advance(self.position(event.step))
            self.recorder.save()
            return
        self.adviser.take(event)
        self.recorder.take(event)
        self.tracking.report(event)
        best = self.assembly.progress.stopping.best
        self.display.advance(self.position(event.step))
        shown = (None, None) if best is None else (best.value, best.epoch)
        self.display.report(event.epoch, event.step, event.metrics, self.assembly.plan.best.monitor, *shown)
        self._tell_programs(event)
        self._tell_unmeasured(event)
        self._tell_lost()
        self._tell_graph()

    def close(self) -> None:
        """Close the files, and let the trackers come to an end."""
        try:
            self.recorder.close()
        finally:
            self.tracking.close()

    def _tell_programs(self, report: Report) -> None:
        """An evaluation as programs read it."""
        facts = {"run": self.run.name, "epoch": report.epoch, "step": report.step, "lr": report.lr, "is_best": report.is_best}
        facts |= {"seconds": round(self.assembly.progress.elapsed_s, 3), "metrics": report.metrics}
        self.display.event("evaluation", facts)

    def is_stopped(self) -> bool:
        """Whether a signal asked for a stop; of several processes, whether they have agreed on it."""
        ranks = self.assembly.session.ranks
        if ranks is not None and ranks.granted.signal is not None:
            self.signals.stop_requested = ranks.granted.signal
        return self.signals.stop_wanted() and (ranks is None or ranks.granted.signal is not None)

    def _tell_unmeasured(self, report: Report) -> None:
        """Say once of each split that its loss is not finite, and whose fault it is."""
        ranks = self.assembly.session.ranks
        if ranks is not None and ranks.is_sharded:  # the network runs with all processes only
            return
        for part, data in (("train", self.assembly.session.splits.sample), ("validation", self.assembly.session.splits.validation)):
            if data is not None and part not in self.unmeasured and report.metrics.get(f"{part}.loss", 0.0) is None:
                from nntrain.commands.training.diverging import unmeasured_words
                from nntrain.training.tracing import unmeasured

                self.unmeasured.add(part)
                self.display.note(unmeasured_words(part, unmeasured(self.assembly.session, data), report.step))

    def _tell_lost(self) -> None:
        """Say once that rows which were to be kept for later epochs could not be."""
        streamed = self.assembly.session.splits.train.streamed
        if streamed is not None and not self.told_lost and (why := streamed.store.lost) is not None:
            self.told_lost = True
            self.display.note(f"warning: encoded rows are not all kept, each epoch reads and encodes the others anew: {why}")

    def _tell_graph(self) -> None:
        """Say once whether steps are a CUDA graph, and why not, where that was tried."""
        static = self.assembly.session.static
        if static is not None and static.is_graph is not None and not self.told_graph:
            self.told_graph = True
            words = "a step is one CUDA graph" if static.is_graph else f"a step is no CUDA graph: {static.why}"
            self.display.note(words)

    def position(self, step: int) -> Position:
        """Where the run stands after a step."""
        plan, recorder = self.assembly.plan, self.recorder
        rate = recorder.steps_per_s(step)
        total = plan.total_steps or None
        left = (total - step) / rate if total is not None and rate > 0 else None
        epoch, step_in_epoch = divmod(step, plan.steps_per_epoch)
        progress, waiting = self.assembly.progress, self.assembly.session.waiting
        return Position(
            step,
            total,
            epoch,
            plan.settings.max_epochs,
            recorder.rows_per_s,
            left,
            step_in_epoch=plan.steps_per_epoch if step and not step_in_epoch else step_in_epoch,
            steps_per_epoch=plan.steps_per_epoch,
            loss=progress.running.mean() if progress.running.is_here else None,
            memory_bytes=resident_bytes(),
            device_bytes=_device_bytes(self.assembly),
            wait_fraction=waiting.seconds / progress.elapsed_s if progress.elapsed_s > 0 else None,
        )


def _device_bytes(assembly: Assembly) -> int | None:
    device = assembly.session.device
    return torch.cuda.memory_reserved(device) if device.type == "cuda" else None


def train(run: Run, job: Job, assembly: Assembly, options: Options, watchers: Watchers, beginning: Beginning) -> Outcome:
    """Train a run, from its newest checkpoint where it has one, and write its summary.

    Args:
        run: The run, locked by the caller.
        job: Config, blueprint and data.
        assembly: The objects of the run.
        options: What the command line says beside the config.
        watchers: Display and signals.
        beginning: How it begins.

    Raises:
        DivergedError: NaN or infinity; what was saved before is whole.
        CheckpointError: The run has checkpoints, and none is whole.
        ResourceError: No memory or disk space left.
    """
    consumer = opened(run, job, assembly, watchers, beginning)
    try:
        if options.profile and not _has_ended(assembly):
            from nntrain.commands.training.profiling import show_profile

            show_profile(job, assembly.threads, watchers.display, run.path if options.trace else None)
        reason = _go_on(consumer)
        consumer.recorder.close()
        return ended(consumer, reason, options)
    finally:
        consumer.close()


def opened(run: Run, job: Job, assembly: Assembly, watchers: Watchers, beginning: Beginning) -> Consumer:
    """Read a run's newest checkpoint, where it has one, and get ready for its next step. Arguments and errors as of `train`."""
    ranks = assembly.session.ranks
    if ranks is None or not ranks.is_sharded:  # else no evaluation is cut short: its forward passes are those of all processes
        assembly = replace(assembly, session=replace(assembly.session, stop_wanted=watchers.signals.stop_wanted))
    baseline = fit_baseline(assembly.session.objective, assembly.session.splits.train)
    constant = {"fields": job.prepared.fields.state(), "task": {"baseline": baseline, "class_weights": assembly.class_weights}}
    display, signals = watchers.display, watchers.signals
    settings = assembly.plan.settings
    tight = check_space(run, assembly.session, _optimizer_of(job), settings.checkpoint.keep + (settings.soup or 0))
    if tight is not None:
        display.note(tight)
    recorder = Recorder(run, assembly, constant, signals)
    try:
        for line in recorder.damaged:
            display.note(f"damaged, passed over: {line}")
        if not _has_ended(assembly):
            beginning.when_restored()
            _tell_resumption(recorder, assembly, display, is_exact=beginning.is_exact)
        elif beginning.is_changed:
            display.note("there is nothing to train: the run keeps its settings, those that were changed now are dropped")
        _lead(assembly, recorder, signals)
        step = None if recorder.resumed_from is None else assembly.progress.step
        resolved = replace(job.config, experiment=job.blueprint.experiment)
        tracking = tracked(run, resolved, display, watchers.lost_trackers, step)
        adviser = Adviser.of(job, assembly, recorder, display)
    except BaseException:
        recorder.close()
        raise
    limits = {"steps": assembly.plan.total_steps or None, "steps_per_epoch": assembly.plan.steps_per_epoch}
    display.event("start", {"run": run.name, "step": assembly.progress.step, **limits, "monitor": assembly.plan.best.monitor})
    return Consumer(run, job, assembly, recorder, display, signals, tracking, adviser, baseline)


def ended(consumer: Consumer, reason: StopReason, options: Options) -> Outcome:
    """Measure the best state of a run that has stopped, unless a signal stopped it. Raises as `train`."""
    ranks = consumer.assembly.session.ranks
    if reason == "interrupted":
        outcome = interrupted(consumer.run, consumer.assembly, consumer.signals.exit_code)
        consumer.tracking.end(outcome.summary)
        return outcome
    if ranks is not None and ranks.is_sharded:  # the others are gone
        network = consumer.job.blueprint.program.build().to(consumer.assembly.session.device)
        consumer.assembly = replace(consumer.assembly, session=replace(consumer.assembly.session, network=network))
    trim()  # what steps kept for each other; what comes now needs memory of other sizes
    consumer.adviser.look_last()
    ending = Ending(reason, consumer.signals, consumer.baseline, consumer.recorder.inexact_since, consumer.adviser)
    outcome = finish(consumer.run, consumer.job, consumer.assembly, ending, options)
    consumer.tracking.end(outcome.summary)
    return outcome


def _lead(assembly: Assembly, recorder: Recorder, signals: Signals) -> None:
    """Let other processes begin where this one stands."""
    ranks = assembly.session.ranks
    if ranks is not None:
        ranks.tell(lambda: None if recorder.resumed_path is None else recorder.resumed_path.name)
        ranks.wish = lambda step: StepWish(signals.stop_requested, recorder.is_due(step))
        _begin_together(assembly, ranks)


def train_along(run: Run, job: Job, assembly: Assembly, signals: Signals) -> None:
    """Train a run that another process writes.

    Raises:
        CheckpointError: The checkpoint that it goes on with is not there, or is damaged.
        PeerLostError: Another process is gone.
    """
    from nntrain.commands.training.run_facts import probe_of

    ranks, progress = assembly.session.ranks, assembly.progress
    assert ranks is not None
    name = ranks.tell(lambda: None)
    if name is not None:
        restore_from(run, name, assembly)
    ranks.wish = lambda _: StepWish(signals.stop_requested)
    _begin_together(assembly, ranks)
    if _is_lifted(assembly):
        progress.stop_reason = None
    if progress.stop_reason is not None:
        return
    saving = Pieces(ranks, assembly, probe_of(job, assembly) if ranks.is_sharded else None)
    if ranks.is_sharded:
        saving.obey()
    for _ in run_loop(assembly.session, assembly.protocol, assembly.plan, progress, lambda _: ranks.granted.pause):
        if ranks.is_sharded:
            saving.obey()
        if ranks.granted.signal is not None:
            return


def _begin_together(assembly: Assembly, ranks: Ranks) -> None:
    """Make all processes hold the same network, and share out its rows."""
    session = assembly.session
    ranks.share = replace(ranks.share, least=session.portions.least)
    if not ranks.is_sharded:  # else initial weights are a function of the seed alone
        ranks.copy_first([tensor.data for tensor in (*session.network.parameters(), *session.network.buffers())])


def _optimizer_of(job: Job) -> Optimizer:
    optimizer = job.blueprint.experiment.optimizer
    assert optimizer is not None
    return optimizer


def _go_on(consumer: Consumer) -> StopReason:
    progress = consumer.assembly.progress
    if _is_lifted(consumer.assembly):
        progress.stop_reason = None
        _tell_lifted(consumer)
    if progress.stop_reason is not None:
        consumer.display.note(f"{consumer.run.name} is finished: {progress.stop_reason}{_way_on(progress.stop_reason)}")
        return progress.stop_reason
    try:
        with consumer.recorder.best_kept():
            return consumer.consume()
    except FoundDivergenceError as error:
        raise told_divergence(error, consumer) from None
    except ExhaustedError as error:
        raise explained_memory(error, consumer.job, consumer.assembly.session, consumer.run) from None


def told_divergence(error: FoundDivergenceError, consumer: Consumer) -> DivergedError:
    """A divergence in the words of the config, noted in the summary of the run."""
    from nntrain.commands.training.diverging import explained

    told = explained(error, consumer.job, consumer.run)
    consumer.run.write_json("summary.json", {"run": consumer.run.name, "stop_reason": "diverged", "message": str(told)})
    return told


def _has_ended(assembly: Assembly) -> bool:
    """Whether a run has come to its end, and nothing that was said now lets it go on."""
    return assembly.progress.stop_reason is not None and not _is_lifted(assembly)


def _is_lifted(assembly: Assembly) -> bool:
    """Whether what ended a run ends it no longer: a limit or the patience was raised."""
    progress, plan = assembly.progress, assembly.plan
    if progress.stop_reason in LIMITS or progress.stop_reason == "early_stopping":
        return plan.limit_reached(progress.step, progress.elapsed_s) is None and not progress.stopping.is_exhausted
    return False


def _tell_lifted(consumer: Consumer) -> None:
    """A limit between two evaluations has brought one that a run without this limit doesn't have; rules and history have seen it."""
    step, recorder = consumer.assembly.progress.step, consumer.recorder
    if not consumer.assembly.plan.evaluation_due(step):
        recorder.inexact_since = step if recorder.inexact_since is None else recorder.inexact_since
        consumer.display.note(f"inexact since step {step:,}: the limit before brought an evaluation there that is not due otherwise")


def _way_on(reason: StopReason) -> str:
    """What goes on with a run that has ended, where there is a way."""
    if reason in LIMITS:
        return "; a longer limit goes on: training.max_epochs=N"
    return "; more patience goes on: training.early_stopping.patience=N" if reason == "early_stopping" else ""


def _tell_resumption(recorder: Recorder, assembly: Assembly, display: Display, *, is_exact: bool) -> None:
    if recorder.resumed_from is None:
        return
    step = assembly.progress.step
    display.note(f"goes on from step {step:,}")
    differing = differing_facts(recorder.resumed_from["facts"], exactness_facts(assembly.session.device))
    if differing or not is_exact:
        recorder.inexact_since = step if recorder.inexact_since is None else recorder.inexact_since
        display.note("\n".join([f"inexact since step {step:,}: not bit for bit what one run without a break gives", *differing]))
