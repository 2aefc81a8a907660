"""The end of a run: its best state is read back from the disk and measured beside the trivial baseline; the summary is written."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

from nntrain.assembly import Assembly
from nntrain.belonging import compared_fields
from nntrain.commands.preparing.going_on import resume_command
from nntrain.commands.preparing.jobs import Job, Options, Outcome
from nntrain.commands.preparing.signals import InterruptedRun, Signals
from nntrain.commands.screens.results import Summary, advice_text, better_line, confusions, result_screen
from nntrain.commands.stored.intervals import keep_scores
from nntrain.commands.stored.model_card import CardFacts, write_card
from nntrain.commands.stored.opening import measured_state
from nntrain.commands.stored.soup_record import soup_of
from nntrain.commands.training.diagnosing import SHOWN, Adviser
from nntrain.commands.training.souping import make_soup
from nntrain.data.batches import TensorData
from nntrain.data.moving import laid
from nntrain.data.scored_units import num_scored
from nntrain.data.sources.source import Part
from nntrain.errors import DataError, ResourceError
from nntrain.insight.findings import Advice
from nntrain.metrics.metric import Table
from nntrain.runs import Run, count_test_look
from nntrain.training.history import read_history
from nntrain.training.plan import StopReason
from nntrain.training.session import Subject
from nntrain.training.snapshot import predicting_weights
from nntrain.training.state import restore_network
from nntrain.training.tuning import told

if TYPE_CHECKING:
    from torch import Tensor

    from nntrain.training.baselines import Baseline


@dataclass(frozen=True, slots=True)
class Measured:
    """What the best state scores, and the baseline, by full name: `test.accuracy`."""

    metrics: dict[str, float | None]
    baseline: dict[str, float | None]
    tables: dict[str, Table]
    notes: tuple[str, ...]
    simple: Mapping[str, Baseline] = field(default_factory=dict[str, "Baseline"])
    """Simple models by their word in the config."""
    soup: Mapping[str, Any] | None = None
    """The states that are averaged, where they are."""
    position: Mapping[str, int | None] = field(default_factory=lambda: dict[str, "int | None"](epoch=None, step=None))
    """`epoch` and `step` of the state that was measured; no numbers where none was the best."""


@dataclass(frozen=True, slots=True)
class Ending:
    """How the training of a run ended."""

    reason: StopReason
    signals: Signals
    """Asked while the best state is measured, which may take long."""
    baseline: dict[str, Tensor]
    """The trivial prediction of each target."""
    inexact_since: int | None
    adviser: Adviser
    """Says what to change; has looked at the network as it was in the end."""


def interrupted(run: Run, assembly: Assembly, exit_code: int) -> Outcome:
    """The end for now of a run that a signal stopped. It is not measured: it goes on later, and nobody is kept waiting."""
    facts = _facts(run, assembly, "interrupted")
    run.write_json("summary.json", facts)
    told = f"step {assembly.progress.step:,} finished and saved. Go on with: {resume_command(run)}"
    return Outcome(run, facts, told, exit_code)


def _facts(run: Run, assembly: Assembly, reason: StopReason) -> dict[str, Any]:
    progress = assembly.progress
    return {
        "run": run.name,
        "stop_reason": reason,
        "epochs": progress.epoch,
        "steps": progress.step,
        "seconds": round(progress.elapsed_s, 3),
    }


def finish(run: Run, job: Job, assembly: Assembly, ending: Ending, options: Options) -> Outcome:
    """Measure the best state, write `summary.json`, and make the result screen. A signal in between leaves it for later.

    Raises:
        CheckpointError: The run has no whole checkpoint.
        ResourceError: The summary can't be written.
    """
    try:
        with ending.signals.interruptible():
            measured = _measure(run, job, assembly, ending, test=options.test)
    except InterruptedRun:
        return interrupted(run, assembly, ending.signals.exit_code)
    progress = assembly.progress
    reports = read_history(run.path / "history.jsonl")
    # a limit that was lowered may end a run before its first report
    last: dict[str, Any] = reports[-1] if reports else {"epoch": progress.epoch, "step": progress.step, "metrics": {}}
    of_best = {name: value for name, value in measured.metrics.items() if not name.startswith("test.")}
    advice = ending.adviser.conclude(ending.reason, measured.baseline)
    summary = {
        **_facts(run, assembly, ending.reason),
        "inexact_since": ending.inexact_since,
        "rows_at_once": assembly.session.portions.rows,
        "parameters": job.blueprint.program.num_parameters,
        "monitor": job.blueprint.best.monitor,
        "directions": _directions(job),
        "best": {**measured.position, **of_best},
        **({} if measured.soup is None else {"soup": measured.soup}),
        "last": {"epoch": last["epoch"], "step": last["step"], **last["metrics"]},
        "test": {name.removeprefix("test."): value for name, value in measured.metrics.items() if name.startswith("test.")},
        "baseline": measured.baseline,
        "baselines": {name: {**simple.metrics, "seconds": simple.seconds} for name, simple in measured.simple.items()},
        "tables": measured.tables,
        "found": _found(job, measured),
        "advice": [asdict(each) for each in advice],
        "unseen": ending.adviser.unseen,
    }
    run.write_json("summary.json", summary)
    try:
        summary |= _looks(run, job, options)
        run.write_json("summary.json", summary)
    except (DataError, ResourceError) as error:  # a counter must not cost a result
        measured = replace(measured, notes=(*measured.notes, str(error)))
    measured = replace(measured, notes=(*measured.notes, *write_card(run, _card_facts(job, summary))))
    screen = _screen(run, job, summary, measured, advice, test=options.test)
    return Outcome(run, summary, "\n".join([*measured.notes, screen]))


def _card_facts(job: Job, summary: Mapping[str, Any]) -> CardFacts:
    rows = {part: num_scored(data) for part, data in job.prepared.splits.items()}
    return CardFacts(job.config, job.blueprint, job.prepared.fields, summary, rows, job.prepared.notes)


def _found(job: Job, measured: Measured) -> list[str]:
    """What was found when the best state was measured."""
    better = _better(job, None, measured)
    return [*measured.notes, *([] if better is None else [better])]


def _directions(job: Job) -> dict[str, str]:
    """Which way each metric is better, by its name without the split: `{"accuracy": "max"}`."""
    named = ((name.partition("."), direction) for name, direction in job.blueprint.directions.items())
    return {metric: direction for (split, _, metric), direction in named if split == "train" and metric != "running_loss"}


def _measure(run: Run, job: Job, assembly: Assembly, ending: Ending, *, test: bool) -> Measured:
    """The figures of the best state."""
    session = assembly.session
    stirred = make_soup(run, assembly, ending.baseline)
    path, parts, notes = measured_state(run)
    restore_network(session.network, predicting_weights(parts))
    readings = parts["task"]["readings"]
    objective = session.objective.tuned(readings)
    splits: dict[Part, TensorData | None] = {"train": session.splits.sample, "validation": session.splits.validation}
    if test and job.prepared.test is not None:
        splits["test"] = laid(job.prepared.test, session.device, on_device=session.splits.train.home is None)
    seen = () if objective.views is None else (f"{objective.views.told}; in the reports before, rows were seen once",)
    measured = Measured({}, {}, {}, (*stirred, *notes, *told(readings), *seen), soup=soup_of(parts), position=_position(assembly, parts))
    most = session.portions.evaluation_rows
    subject = Subject(session.network, objective, session.precision, ending.baseline, session.batch_size, most)
    for name, data in splits.items():
        if data is not None:
            scores = assembly.protocol.measure(subject, data, name)
            _add(measured.metrics, name, scores.metrics)
            _add(measured.baseline, name, assembly.protocol.measure_baseline(subject, data, name))
            measured.tables.update({f"{name}.{table}": counts for table, counts in scores.tables.items()})
    keep_scores(run, path, session, objective)
    return replace(measured, simple=_simple(job, assembly, splits))


def _position(assembly: Assembly, parts: Mapping[str, Any]) -> dict[str, int | None]:
    """Where the state stood that is measured: the best, or the newest whole one where the best is damaged. A soup stands for the best."""
    best, stood = assembly.progress.stopping.best, parts["state"]["progress"]
    if best is None:
        return {"epoch": None, "step": None}
    is_another = soup_of(parts) is None and int(stood["step"]) != best.step
    return {"epoch": int(stood["epoch"]), "step": int(stood["step"])} if is_another else {"epoch": best.epoch, "step": best.step}


def _simple(job: Job, assembly: Assembly, splits: Mapping[Part, TensorData | None]) -> dict[str, Baseline]:
    """The rivals that the tasks name, and the simple models that the config asks for, measured on the splits."""
    from nntrain.training.baselines import measure_baselines
    from nntrain.training.references import Compared, measure_references

    experiment = job.config.experiment
    objective, train = assembly.session.objective, job.prepared.train.to("cpu")
    shown: dict[str, TensorData] = {name: data.to("cpu") for name, data in splits.items() if data is not None}
    compared = Compared(objective, train, shown, job.prepared.fields.targets, experiment.data.window, _compared(job))
    found = measure_references(compared)
    return found | measure_baselines(experiment.baselines, objective, train, shown, experiment.seed) if experiment.baselines else found


def _compared(job: Job) -> tuple[str, ...] | None:
    """The field of each of the things that rows hold, where they hold several that a task compares."""
    [(name, plan), *_] = job.blueprint.targets.items()
    return compared_fields(job.blueprint.program, name, plan.task.joined(plan.target))


def _add(into: dict[str, float | None], split: str, metrics: Mapping[str, float | None]) -> None:
    into.update({f"{split}.{name}": value for name, value in metrics.items()})


def _looks(run: Run, job: Job, options: Options) -> dict[str, int]:
    """How many runs have looked at these test rows, this one included."""
    if not options.test or job.prepared.test is None:
        return {}
    return {"test_looks": count_test_look(job.prepared.fingerprints["test"], run)}


def _better(job: Job, seconds: float | None, measured: Measured) -> str | None:
    """The simple model that beats the network in what decides, on the rows that decide; where it has none of that, in the first metric."""
    held_out = [name for split in ("validation.", "test.") for name in measured.metrics if name.startswith(split)]
    names = [job.blueprint.best.monitor, *held_out]
    return better_line(measured.metrics, seconds, measured.simple, names, _directions(job))


def _place(job: Job, best: Mapping[str, Any]) -> str | None:
    """Where the best state was: its step too, where an epoch has several reports."""
    if best["epoch"] is None:
        return None
    in_steps = job.blueprint.training.evaluate_every.steps is not None
    return f"step {best['step']:,} (epoch {best['epoch']})" if in_steps else f"epoch {best['epoch']}"


def _screen(run: Run, job: Job, summary: Mapping[str, Any], measured: Measured, advice: Sequence[Advice], *, test: bool) -> str:
    split = "test" if any(name.startswith("test.") for name in measured.metrics) else "validation"
    tables = {name.removeprefix(f"{split}."): counts for name, counts in measured.tables.items() if name.startswith(f"{split}.")}
    return result_screen(
        Summary(
            stop_reason=summary["stop_reason"],
            best_at=_place(job, summary["best"]),
            seconds=summary["seconds"],
            metrics=measured.metrics,
            baseline_name=job.blueprint.baseline_name,
            baseline=measured.baseline,
            simple={simple.head: simple.metrics for simple in measured.simple.values()},
            simple_seconds={simple.head: simple.seconds for simple in measured.simple.values()},
            better=_better(job, summary["seconds"], measured),
            confusions=confusions(job.prepared.fields, tables, split),
            advice=tuple(advice_text(each.sentence, each.override) for each in advice[:SHOWN]),
            next=(
                f"nntrain eval {shlex.quote(run.name)}{'' if test else ' --split validation'}",
                f"nntrain report {shlex.quote(run.name)}",
                f"nntrain generate {shlex.quote(run.name)}"
                if job.prepared.fields.passages is not None or not all(plan.task.predicts for plan in job.blueprint.targets.values())
                else f"nntrain predict {shlex.quote(run.name)} DATA -o FILE",
            ),
        )
    )
