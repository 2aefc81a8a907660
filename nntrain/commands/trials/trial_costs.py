"""The trial of what a run takes: some of its steps, one evaluation, one save and one last measurement, from which the rest is worked out.

All is done in the order and by the functions of `fit`, so that the peak of the memory is the one that `fit` has.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from nntrain.commands.preparing.measuring import Steps
from nntrain.commands.screens.figures import format_bytes, format_seconds
from nntrain.commands.training.peak_memory import peak_bytes
from nntrain.commands.trials.findings import TrialResult
from nntrain.training.divergence import FoundDivergenceError
from nntrain.training.evaluation import evaluating, fit_baseline
from nntrain.training.memory import settle_malloc
from nntrain.training.session import Subject
from nntrain.wording import number_of

if TYPE_CHECKING:
    from nntrain.assembly import Assembly
    from nntrain.commands.preparing.jobs import Job
    from nntrain.data.batches import TensorData
    from nntrain.training.plan import Plan

WARM_S: Final = 5.0
"""Seconds that the steps before those that are measured may take."""
WARM: Final = 3
MEASURED_S: Final = 3.0
FEWEST: Final = 5
MOST: Final = 1000
FEW_ROWS: Final = 2000
"""Rows on which a simple model is fitted to see what it takes."""
LOADING_ROWS: Final = 50
"""Rows on which it is fitted before, as that loads it."""
REPORT_BYTES: Final = 1_000_000
"""About what a run has beside its checkpoints: history, summary, config, environment."""


@dataclass(frozen=True, slots=True)
class Costs:
    """What was measured, in seconds and bytes."""

    start_s: float
    """Python, torch, reading and preparing the data, building the network."""
    first_steps: int
    """Steps that are taken in another way than those after them."""
    first_step_s: float
    """Of one of them."""
    step_s: float
    """Of one after them."""
    evaluation_s: float
    save_s: float
    end_s: float
    """Measuring the best state, and simple models beside it."""
    checkpoint_bytes: int
    memory_bytes: int | None
    device_bytes: int | None
    is_broken: bool = False
    """Whether the steps ended in NaN or infinity."""

    def steps_s(self, steps: int) -> float:
        """Seconds of the first steps of a run."""
        first = min(steps, self.first_steps)
        return first * self.first_step_s + (steps - first) * self.step_s

    def run_s(self, steps: int, evaluations: int) -> float:
        """Seconds of a run of so many steps and evaluations, from the command to its end."""
        return self.start_s + self.steps_s(steps) + evaluations * self.evaluation_s + 2 * self.save_s + self.end_s


def measure_costs(job: Job, start_s: float) -> tuple[Costs, Plan]:
    """Take some steps of a run, evaluate, save to a folder that is gone afterwards, and measure as at the end.

    Args:
        job: What is to be trained; all of it is done by objects of their own.
        start_s: Seconds that were gone before the network is built.

    Returns:
        What was measured, and the limits of the run.
    """
    from nntrain.commands.preparing.from_config import assembled

    began = time.perf_counter()
    assembly = assembled(job)
    baseline = fit_baseline(assembly.session.objective, assembly.session.splits.train)
    start_s += time.perf_counter() - began
    settle_malloc()
    steps = Steps(assembly)
    is_broken = False
    try:
        first_steps, first_s, step_s = _measure_steps(steps)
    except FoundDivergenceError:
        first_steps, first_s, step_s, is_broken = 0, 0.0, 0.0, True
    save_s, size, held = _save(assembly)
    evaluation_s = _least(lambda: assembly.protocol.evaluate(assembly.session))
    end_s = _measure_end(job, assembly, baseline)
    device = _device_bytes(assembly)
    del held
    costs = Costs(start_s, first_steps, first_s, step_s, evaluation_s, save_s, end_s, size, peak_bytes(), device, is_broken)
    return costs, assembly.plan


def _measure_steps(steps: Steps) -> tuple[int, float, float]:
    """Steps of another kind at the beginning, seconds of one of them, and of one after them."""
    static = steps.assembly.session.static
    steps.seconds(1)
    first_s = steps.seconds(2)
    before = static.before if static is not None else 0
    if before * first_s > WARM_S:  # their gain is left out
        before = 0
    warm = max(WARM, before + 4) if before else WARM
    if before:
        first_s = steps.seconds(max(1, before - WARM))
        steps.seconds(warm - before)
    started, done, taken = time.perf_counter(), 0, 0.0
    while done < FEWEST or (done < MOST and time.perf_counter() - started < MEASURED_S):
        taken += steps.seconds(FEWEST) * FEWEST
        done += FEWEST
    step_s = taken / done
    return (before, first_s, step_s) if before else (0, step_s, step_s)


def _least(work: Callable[[], Any]) -> float:
    """Seconds that it takes when what it loads is there."""
    took: list[float] = []
    for _ in range(2):
        took.append(_seconds(work))
        if took[0] > MEASURED_S:
            break
    return min(took)


def _save(assembly: Assembly) -> tuple[float, int, dict[str, Any]]:
    """Write a checkpoint to a temporary folder: seconds, bytes, and the copy of the state that a run holds of its best one."""
    from nntrain.training import checkpoint
    from nntrain.training.snapshot import snapshot
    from nntrain.training.state import copied
    from nntrain.training.tuning import tune

    began = time.perf_counter()
    parts = snapshot(assembly.session, assembly.protocol, assembly.progress)
    parts["task"] = {"readings": tune(assembly.session), "class_weights": assembly.class_weights}
    with tempfile.TemporaryDirectory(prefix="nntrain-check-") as folder:
        path = checkpoint.save(Path(folder), 0, parts)
        took = time.perf_counter() - began
        size = sum(file.stat().st_size for file in path.iterdir())
    return took, size, copied(parts)


def _measure_end(job: Job, assembly: Assembly, baseline: dict[str, Any]) -> float:
    """Seconds of the figures at the end, from those of the validation rows: test rows are looked at by runs alone."""
    session = assembly.session
    shown = session.splits.validation if session.splits.validation is not None else session.splits.sample
    part = "validation" if session.splits.validation is not None else "train"
    subject = Subject(session.network, session.objective, session.precision, baseline, session.batch_size)

    def measure() -> None:
        with evaluating(session.network):
            assembly.protocol.measure(subject, shown, part)
            assembly.protocol.measure_baseline(subject, shown, part)

    splits = [session.splits.sample, *(data for data in (session.splits.validation, job.prepared.test) if data is not None)]
    rows = sum(len(data) for data in splits)
    return _least(measure) * rows / max(1, len(shown)) + _measure_rivals(job, assembly, rows)


def _measure_rivals(job: Job, assembly: Assembly, measured: int) -> float:
    """Seconds of the models that are set beside the network, `measured` rows being measured.

    Those that learn nothing, or only count, see all training rows, and some are measured, then twice as many: the rest of the first time
    is what they take to begin with. Models of scikit-learn are fitted on some rows, and on more they take so much longer.
    """
    from nntrain.training.baselines import measure_baselines
    from nntrain.training.references import Compared, measure_references

    experiment, objective = job.config.experiment, assembly.session.objective
    sample = assembly.session.splits.sample.to("cpu")
    few = _some(sample, min(FEW_ROWS, max(1, len(sample) // 2)))
    train, targets = job.prepared.train.to("cpu"), job.prepared.fields.targets

    def references(count: int) -> float:
        shown = {"train": _some(sample, count)}
        return _seconds(lambda: measure_references(Compared(objective, train, shown, targets, experiment.data.window, None)))

    first, second = references(len(few)), references(2 * len(few))
    each = max(0.0, second - first) / len(few)
    took = max(0.0, first - each * len(few)) + each * measured
    if names := experiment.baselines:
        some = _some(train, FEW_ROWS)

        def models(count: int) -> Callable[[], Any]:
            return lambda: measure_baselines(names, objective, _some(some, count), {"train": few}, experiment.seed)

        _seconds(models(LOADING_ROWS))
        took += _seconds(models(FEW_ROWS)) * (len(train) + measured) / (len(some) + len(few))
    return took


def _seconds(work: Callable[[], Any]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _some(data: TensorData, rows: int) -> TensorData:
    """The first rows, on the CPU."""
    return (data if len(data) <= rows else data.head(rows)).to("cpu")


def _device_bytes(assembly: Assembly) -> int | None:
    import torch

    device = assembly.session.device
    return torch.cuda.max_memory_reserved(device) if device.type == "cuda" else None


def told_costs(costs: Costs, plan: Plan, members: int) -> list[TrialResult]:
    """Time, memory and room on the disk in words.

    Args:
        costs: What was measured.
        plan: The limits of the run.
        members: Networks that are trained one after another.
    """
    return [_time(costs, plan, members), _memory(costs), _disk(costs, plan, members)]


def _time(costs: Costs, plan: Plan, members: int) -> TrialResult:
    if costs.is_broken:
        return TrialResult("time", "not measured: the first steps end in NaN or infinity", asdict(costs), is_warning=True)
    settings, total, period = plan.settings, plan.total_steps, plan.period
    limit_s = None if settings.max_minutes is None else settings.max_minutes * 60
    most = costs.run_s(total, -(-total // period)) if total else None
    if limit_s is not None:
        longest = costs.start_s + limit_s + costs.end_s
        most = longest if most is None else min(most, longest)
    facts: dict[str, Any] = {**asdict(costs), "total_steps": total or None, "evaluate_every": period, "members": members}
    if most is None:
        return TrialResult("time", f"{_parts(costs)}; nothing but a metric ends the run", facts)
    most *= members
    facts["seconds"] = most
    told = f"about {format_seconds(most)} for {_whole(plan)}" + (f" of each of {members} networks" if members > 1 else "")
    stopping = settings.early_stopping
    evaluations = 0 if stopping is None else stopping.patience + 1 + (stopping.warmup_epochs or 0) * plan.steps_per_epoch // period
    if stopping is not None and total and evaluations * period < total:
        least = costs.run_s(evaluations * period, evaluations) * members
        facts["least_seconds"] = least
        told += f"; early stopping may end it from {format_seconds(least)} on"
    return TrialResult("time", f"{told}\n{_parts(costs)}", facts)


def _whole(plan: Plan) -> str:
    if not plan.total_steps:
        return "all of it"
    epochs = plan.total_steps / plan.steps_per_epoch
    return f"{number_of(plan.total_steps, 'step')} ({epochs:.4g} epoch{'s' if epochs != 1 else ''})"


def _parts(costs: Costs) -> str:
    rest = costs.start_s + costs.end_s + 2 * costs.save_s
    return f"a step {_small(costs.step_s)}, an evaluation {_small(costs.evaluation_s)}, start and end {format_seconds(rest)}"


def _small(seconds: float) -> str:
    return format_seconds(seconds) if seconds >= 1 else f"{seconds * 1e3:.3g} ms"


def _memory(costs: Costs) -> TrialResult:
    facts = {"bytes": costs.memory_bytes, "device_bytes": costs.device_bytes}
    told = "not told by this system" if costs.memory_bytes is None else f"about {format_bytes(costs.memory_bytes)} at most"
    if costs.device_bytes is not None:
        told += f", {format_bytes(costs.device_bytes)} on the device"
    return TrialResult("memory", told, facts)


def _disk(costs: Costs, plan: Plan, members: int) -> TrialResult:
    count = plan.settings.checkpoint.keep + 2
    size = (count * costs.checkpoint_bytes + REPORT_BYTES) * members
    each = f"{number_of(count, 'checkpoint')} of {format_bytes(costs.checkpoint_bytes)} at most"
    return TrialResult(
        "disk", f"up to {format_bytes(size)}: {each}, and reports", {"bytes": size, "checkpoint_bytes": costs.checkpoint_bytes}
    )
