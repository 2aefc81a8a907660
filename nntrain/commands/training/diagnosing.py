"""The diagnosis of a run: looks at its network now and then, says what to change while it trains, and in the end."""

from __future__ import annotations

import math
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from nntrain.commands.training.sharded_saving import LOOK
from nntrain.config.reading import read_document
from nntrain.errors import NNTrainError
from nntrain.insight.diagnosis import diagnose
from nntrain.insight.findings import Advice, Finding, Override, Story
from nntrain.insight.leak_rules import suspected
from nntrain.insight.signals import Signals
from nntrain.training.exhaustion import is_exhaustion
from nntrain.training.history import read_history, read_lines

if TYPE_CHECKING:
    from nntrain.assembly import Assembly
    from nntrain.commands.preparing.jobs import Job
    from nntrain.commands.screens.display import Display
    from nntrain.commands.training.recording import Recorder
    from nntrain.insight.probe import Probe
    from nntrain.training.loop import Report

LEAST_STEPS: Final = 500
"""Steps from one look at the network to the next: a look at a small network takes as long as 4 to 8 of its steps, so that all looks
take 1 to 1.6 % of them (tests/benchmarks/NOTES.md)."""
MOST_COST: Final = 0.02
"""Part of the rows of training that looks may read, which is what they cost in large networks."""
SHOWN: Final = 3
"""Lines of advice at the end of a run."""


def look_due(step: int, period: int, steps: int) -> bool:
    """Whether the report after a step has a look at the network.

    A function of the step alone, whatever was looked at before: a run that goes on looks where one that was never stopped does.

    Args:
        step: Steps that are complete.
        period: Steps from one report to the next.
        steps: Steps from one look to the next, at least.
    """
    return step // steps != (step - period) // steps


@dataclass(slots=True)
class Adviser:
    """Follows one run."""

    job: Job
    assembly: Assembly
    recorder: Recorder
    display: Display
    probe: Probe | None
    story: Story
    """Without reports and signals."""
    reports: list[Mapping[str, Any]] = field(default_factory=list[Mapping[str, Any]])
    signals: list[Signals] = field(default_factory=list[Signals])
    unseen: str | None = None
    """Why the network is not looked at, in words; `None` where it is."""
    taken: dict[Override, bool] = field(default_factory=dict[Override, bool])
    """Whether this config takes an override, as far as it was tried."""

    @classmethod
    def of(cls, job: Job, assembly: Assembly, recorder: Recorder, display: Display) -> Adviser:
        """For a run whose state is there: a new one, or one that goes on."""
        from nntrain.commands.training.run_facts import facts_of, probe_of

        story = Story(facts_of(job, assembly), (), (), (), (), (), leaks=tuple(suspected(job.suspicions)))
        probe = probe_of(job, assembly)
        protocol = job.blueprint.protocol.type
        unseen = None if probe is not None else f"the loss of rows does not say how a network learns in the protocol {protocol}"
        found = cls(job, assembly, recorder, display, probe, story, unseen=unseen)
        found.reports += read_history(recorder.run.path / "history.jsonl")
        found.signals += [Signals.of(record) for record in read_lines(recorder.run.path / "signals.jsonl")]
        if assembly.progress.step == 0 and not found.signals:
            found._look(None)
        return found

    def take(self, report: Report) -> None:
        """Note a report; where a look at the network is due, look and say what is wrong."""
        self.reports.append({"epoch": report.epoch, "step": report.step, "lr": report.lr, "metrics": report.metrics})
        plan, session = self.assembly.plan, self.assembly.session
        rows = session.batch_size * session.accumulate
        steps = max(LEAST_STEPS, math.ceil(self._rows / (MOST_COST * max(rows, 1))))
        if plan.evaluation_due(report.step) and look_due(report.step, plan.period, steps):
            self._look(report)
            first = next(self._advice(self._story(None)), None)
            self.display.advise(None if first is None else first.line)
        elif report.stop_reason is not None and self.recorder.leader is not None:  # the other processes go when this step is done
            self._add(self._seen(report))

    def conclude(self, stop_reason: str, baseline: Mapping[str, float | None]) -> list[Advice]:
        """What is to be said in the end, most important first. `look_last` comes before, while the network is there."""
        story = self._story(stop_reason)
        return list(self._advice(replace(story, facts=replace(story.facts, baseline=baseline))))

    def look_last(self) -> None:
        """Look at the network as it is when the run has stopped. Not written down: a run with a higher limit doesn't stop there."""
        self.display.advise(None)  # it is told with the result
        is_seen = bool(self.signals) and self.signals[-1].step == self.assembly.progress.step
        if self.reports and not is_seen and self.recorder.leader is None:
            self._add(self._seen(None))

    @property
    def _rows(self) -> int:
        return self.signals[0].rows if self.signals else 0

    def _add(self, found: Signals | None) -> None:
        self.signals += [] if found is None else [found]

    def _look(self, report: Report | None) -> None:
        found = self._seen(report)
        if found is not None:
            self.signals.append(found)
            self.recorder.looks.append(found.record())

    def _seen(self, report: Report | None) -> Signals | None:
        if self.probe is None:
            return None
        progress = self.assembly.progress
        try:
            self.recorder.order(LOOK)
            found = self.probe.look()
        except (RuntimeError, MemoryError) as error:
            if not is_exhaustion(error) or self.recorder.leader is not None:  # the others are in the midst of it
                raise
            self.probe, self.unseen = None, "memory ran out in a look at it"  # an aid must not cost a run
            return None
        return replace(found, step=progress.step, epoch=progress.epoch, clipped=None if report is None else report.clipped)

    def _story(self, stop_reason: str | None) -> Story:
        return replace(
            self.story,
            epochs=[int(record["epoch"]) for record in self.reports],
            steps=[int(record["step"]) for record in self.reports],
            lrs=[float(record["lr"]) for record in self.reports],
            metrics=[record["metrics"] for record in self.reports],
            signals=self.signals,
            seconds=self.assembly.progress.elapsed_s,
            waited_s=self.assembly.session.waiting.seconds,
            stop_reason=stop_reason,
        )

    def _advice(self, story: Story) -> Iterator[Advice]:
        return (self._told(finding) for finding in diagnose(story))

    def _told(self, finding: Finding) -> Advice:
        override = next((each for each in finding.overrides if self._is_taken(each)), None)
        return Advice(finding.name, finding.sentence, finding.evidence, None if override is None else shlex.join(override))

    def _is_taken(self, override: Override) -> bool:
        """Whether `fit` takes this config with an override."""
        if override not in self.taken:
            self.taken[override] = takes(self.job, override)
        return self.taken[override]


def takes(job: Job, override: Sequence[str]) -> bool:
    """Whether a config is valid with these overrides, by the same checks as `fit` has."""
    from nntrain.blueprint import draw

    try:
        config = read_document(job.config.document, override, job.config.folder)
        draw(config, job.prepared.layout, train_rows=job.prepared.train.shown)
    except NNTrainError:
        return False
    return True
