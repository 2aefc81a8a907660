"""Runs the loop for a run folder: resumes, saves, shows, and measures the best state in the end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from nntrain.assembly import Assembly
from nntrain.commands.display import Display, Position
from nntrain.commands.finishing import Ending, finish, interrupted
from nntrain.commands.recording import Recorder
from nntrain.commands.signals import Signals
from nntrain.commands.stored import PARTS
from nntrain.errors import DivergedError
from nntrain.runs import Run
from nntrain.training.evaluation import fit_baseline
from nntrain.training.loop import Report
from nntrain.training.loop import fit as run_loop
from nntrain.training.plan import StopReason
from nntrain.training.reproducibility import differing_facts, exactness_facts

if TYPE_CHECKING:
    from nntrain.commands.fit import Job, Options, Outcome, Watchers

LIMITS = {"max_epochs", "max_steps", "max_minutes"}


@dataclass(slots=True)
class _Consumer:
    """Takes what the loop yields."""

    run: Run
    job: Job
    assembly: Assembly
    recorder: Recorder
    display: Display
    signals: Signals

    def pause_due(self, step: int) -> bool:
        """Show the position; pause where something is to be saved or stopped."""
        self.display.advance(self.position(step))
        return self.recorder.is_due(step)

    def consume(self) -> StopReason:
        """Train until the loop ends or a signal says stop; the state is saved in both cases."""
        parts = self.assembly
        progress = parts.progress
        for event in run_loop(parts.session, parts.protocol, parts.plan, progress, self.pause_due):
            if isinstance(event, Report):
                self.recorder.take(event)
                best = progress.stopping.best
                monitor = parts.plan.best.monitor
                self.display.advance(self.position(event.step))
                shown = (None, None) if best is None else (best.value, best.epoch)
                self.display.report(event.epoch, event.step, event.metrics, monitor, *shown)
            else:
                self.recorder.save()
            if self.signals.stop_requested and progress.stop_reason is None:
                if self.recorder.saved_step != progress.step:
                    self.recorder.save()
                return "interrupted"
        assert progress.stop_reason is not None
        return progress.stop_reason

    def position(self, step: int) -> Position:
        """Where the run stands after a step."""
        plan, recorder = self.assembly.plan, self.recorder
        rate = recorder.steps_per_s(step)
        total = plan.total_steps or None
        left = (total - step) / rate if total is not None and rate > 0 else None
        return Position(step, total, step // plan.steps_per_epoch, plan.settings.max_epochs, recorder.rows_per_s, left)


def train(run: Run, job: Job, assembly: Assembly, options: Options, watchers: Watchers, *, is_exact: bool) -> Outcome:
    """Train a run, from its newest checkpoint where it has one, and write its summary.

    Args:
        run: The run, locked by the caller.
        job: Config, blueprint and data.
        assembly: The objects of the run.
        options: What the command line says beside the config.
        watchers: Display and signals.
        is_exact: Whether a resumed run still means what it meant when it was started.

    Raises:
        DivergedError: NaN or infinity; what was saved before is whole.
        CheckpointError: The run has checkpoints, and none is whole.
        ResourceError: No memory or disk space left.
    """
    baseline = fit_baseline(assembly.session.objective, assembly.session.splits.train)
    constant = {"fields": job.prepared.fields.state(), "task": {"baseline": baseline, "class_weights": assembly.class_weights}}
    display, signals = watchers.display, watchers.signals
    recorder = Recorder(run, assembly, constant, signals)
    try:
        _tell_resumption(recorder, assembly, display, is_exact=is_exact)
        reason = _go_on(_Consumer(run, job, assembly, recorder, display, signals))
    finally:
        recorder.close()
    if reason == "interrupted":
        return interrupted(run, assembly, signals.exit_code)
    return finish(run, job, assembly, Ending(reason, signals, baseline, recorder.inexact_since), options)


def _go_on(consumer: _Consumer) -> StopReason:
    progress = consumer.assembly.progress
    if progress.stop_reason in LIMITS and consumer.assembly.plan.limit_reached(progress.step, progress.elapsed_s) is None:
        progress.stop_reason = None  # the limit was raised
    if progress.stop_reason is not None:
        consumer.display.note(f"{consumer.run.name} is finished: {progress.stop_reason}")
        return progress.stop_reason
    try:
        return consumer.consume()
    except DivergedError as error:
        raise _with_last_good(error, consumer.run) from None


def _tell_resumption(recorder: Recorder, assembly: Assembly, display: Display, *, is_exact: bool) -> None:
    for line in recorder.damaged:
        display.note(f"damaged, passed over: {line}")
    if recorder.resumed_from is None:
        return
    step = assembly.progress.step
    display.note(f"goes on from step {step:,}")
    differing = differing_facts(recorder.resumed_from["facts"], exactness_facts(assembly.session.device))
    if differing or not is_exact:
        recorder.inexact_since = step if recorder.inexact_since is None else recorder.inexact_since
        display.note("\n".join([f"inexact since step {step:,}: not bit for bit what one run without a break gives", *differing]))


def _with_last_good(error: DivergedError, run: Run) -> DivergedError:
    from nntrain.training import checkpoint

    newest = checkpoint.newest(run.checkpoints, PARTS).path
    run.write_json("summary.json", {"run": run.name, "stop_reason": "diverged", "message": error.message})
    kept = f"the last good state is {newest.as_posix()}" if newest is not None else "nothing was saved before"
    return DivergedError(error.message, f"{error.hint}\n   {kept}")
