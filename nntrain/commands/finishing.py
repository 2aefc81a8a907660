"""The end of a run: its best state is read back from the disk and measured beside the trivial baseline; the summary is written."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nntrain.assembly import Assembly
from nntrain.commands.results import Confusion, Summary, result_screen
from nntrain.commands.stored import checkpoint_of
from nntrain.data.batches import TensorData
from nntrain.runs import Run, count_test_look
from nntrain.training.evaluation import evaluate_baseline, measure
from nntrain.training.history import read_history
from nntrain.training.plan import StopReason
from nntrain.training.snapshot import predicting_weights
from nntrain.training.state import restore_network

if TYPE_CHECKING:
    from torch import Tensor

    from nntrain.commands.fit import Job, Options, Outcome


@dataclass(frozen=True, slots=True)
class Measured:
    """What the best state scores, and the baseline, by full name: `test.accuracy`."""

    metrics: dict[str, float | None]
    baseline: dict[str, float | None]
    tables: dict[str, list[list[int]]]


def interrupted(run: Run, assembly: Assembly, exit_code: int) -> Outcome:
    """The end for now of a run that a signal stopped. It is not measured: it goes on later, and nobody is kept waiting."""
    from nntrain.commands.fit import Outcome

    facts = _facts(run, assembly, "interrupted")
    run.write_json("summary.json", facts)
    command = f"nntrain fit --resume {shlex.quote(run.name)}"
    return Outcome(run, facts, f"step {assembly.progress.step:,} finished and saved. Go on with: {command}", exit_code)


def _facts(run: Run, assembly: Assembly, reason: StopReason) -> dict[str, Any]:
    progress = assembly.progress
    return {
        "run": run.name,
        "stop_reason": reason,
        "epochs": progress.epoch,
        "steps": progress.step,
        "seconds": round(progress.elapsed_s, 3),
    }


def finish(run: Run, job: Job, assembly: Assembly, baseline: dict[str, Tensor], reason: StopReason, options: Options) -> Outcome:
    """Measure the best state, write `summary.json`, and make the result screen."""
    from nntrain.commands.fit import Outcome

    progress = assembly.progress
    measured = _measure(run, job, assembly, baseline, test=options.test)
    last = read_history(run.path / "history.jsonl")[-1]
    best = progress.stopping.best
    of_best = {name: value for name, value in measured.metrics.items() if not name.startswith("test.")}
    position = {"epoch": last["epoch"], "step": last["step"]} if best is None else {"epoch": best.epoch, "step": best.step}
    summary = {
        **_facts(run, assembly, reason),
        "monitor": job.blueprint.best.monitor,
        "best": {**position, **of_best},
        "last": {"epoch": last["epoch"], "step": last["step"], **last["metrics"]},
        "test": {name.removeprefix("test."): value for name, value in measured.metrics.items() if name.startswith("test.")},
        "baseline": measured.baseline,
        "tables": measured.tables,
    }
    notes = _looks(run, job, options)
    run.write_json("summary.json", {**summary, **notes})
    screen = _screen(run, job, summary, measured)
    return Outcome(run, {**summary, **notes}, screen)


def _measure(run: Run, job: Job, assembly: Assembly, baseline: dict[str, Tensor], *, test: bool) -> Measured:
    session = assembly.session
    has_best = assembly.progress.stopping.best is not None
    _, parts = checkpoint_of(run, "best" if has_best else "last")
    restore_network(session.network, predicting_weights(parts))
    splits: dict[str, TensorData | None] = {"train": session.splits.sample, "validation": session.splits.validation}
    if test and job.prepared.test is not None:
        splits["test"] = job.prepared.test.to(session.device)
    measured = Measured({}, {}, {})
    for name, data in splits.items():
        if data is not None:
            scores = measure(session.network, session.objective, data, session.precision, rows=session.batch_size)
            _add(measured.metrics, name, scores.metrics)
            _add(measured.baseline, name, evaluate_baseline(session.objective, baseline, data, tables=False).metrics)
            measured.tables.update({f"{name}.{table}": counts for table, counts in scores.tables.items()})
    return measured


def _add(into: dict[str, float | None], split: str, metrics: Mapping[str, float | None]) -> None:
    into.update({f"{split}.{name}": value for name, value in metrics.items()})


def _looks(run: Run, job: Job, options: Options) -> dict[str, int]:
    """How many runs have looked at these test rows, this one included."""
    if not options.test or job.prepared.test is None:
        return {}
    root = run.path.parent.parent
    return {"test_looks": count_test_look(root, job.prepared.fingerprints["test"], run)}


def _screen(run: Run, job: Job, summary: Mapping[str, Any], measured: Measured) -> str:
    single = next(iter(job.blueprint.targets.values()))
    commands = [f"nntrain eval {run.name}", f"nntrain predict {run.name} DATA -o FILE"]
    return result_screen(
        Summary(
            stop_reason=summary["stop_reason"],
            best_epoch=summary["best"]["epoch"],
            seconds=summary["seconds"],
            metrics=measured.metrics,
            baseline_name=single.task.baseline_name(),
            baseline=measured.baseline,
            confusion=_confusion(job, measured),
            next=tuple(commands),
        )
    )


def _confusion(job: Job, measured: Measured) -> Confusion | None:
    """The matrix of the test rows, else of the validation rows, where there is a single target with classes."""
    split = next((split for split in ("test", "validation") if f"{split}.confusion_matrix" in measured.tables), None)
    classes = next(iter(job.prepared.fields.targets.values())).classes
    return None if split is None or not classes else Confusion(split, classes, measured.tables[f"{split}.confusion_matrix"])
