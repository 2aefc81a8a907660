"""`nntrain fit --smoke`: proves the whole way on a few batches, in a temporary folder that is gone afterwards."""

from __future__ import annotations

import json
import math
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from nntrain.commands.fitting.fit import fit_job
from nntrain.commands.preparing.jobs import Job, Options, Outcome, Watchers
from nntrain.commands.preparing.signals import Signals
from nntrain.commands.proofs.made_up import MADE_UP, Subject, describe, prepare
from nntrain.commands.screens.display import Display, Position
from nntrain.commands.screens.output import emit
from nntrain.commands.screens.results import labelled
from nntrain.commands.training.one_run import resume_job
from nntrain.config.reading import find_config
from nntrain.errors import NNTrainError, UsageError
from nntrain.runs import Run

if TYPE_CHECKING:
    from torch import Tensor

    from nntrain.data.batches import TensorData
    from nntrain.data.fake.faking import MadeUp
    from nntrain.data.sources.source import Part

STEPS = 6
KILLED_AFTER = 5
"""A step that no checkpoint falls on: the resumed run repeats one."""
LIMITS = (
    "training.max_epochs=null",
    "training.max_minutes=null",
    f"training.max_steps={STEPS}",
    "training.early_stopping=null",
    "training.converge=null",
    "training.stop_at=null",
    "training.evaluate_every={steps: 3}",
    "training.checkpoint={every_steps: 2}",
    "tracking=null",
)
BATCHES = 4
"""Batches of training rows that are used; as many rows of the other splits."""
MOST_SHOWN = 8
"""Numbers of a prediction that are shown; of more only how many there are."""
MOST_LETTERS = 40
"""Of a predicted text or tags of a row so many are shown."""


class CutOffError(Exception):
    """Ends a run in the middle of a step, as a kill would: nothing more is saved."""


@dataclass(slots=True)
class _FatalDisplay(Display):
    """Shows nothing and cuts the run off after a step."""

    quiet: bool = True
    cut_after: int | None = None

    @property
    def is_due(self) -> bool:
        return True

    def advance(self, position: Position) -> None:
        if position.step == self.cut_after:
            raise CutOffError


def _watchers(cut_after: int | None = None) -> Watchers:
    """Nobody who sees anything; no signal is waited for."""
    return Watchers(_FatalDisplay(cut_after=cut_after), Signals())


def run(path: Path | None, changes: Sequence[str], options: Options, *, fake_data: bool = False) -> int:
    """Train a few steps, cut a second run off, resume it, compare; evaluate and predict. Prints one line a stage.

    Args:
        path: The config; the only one in the folder if it is not given.
        changes: Overrides.
        options: What else the command line says.
        fake_data: Whether rows are made up where the data is not there.

    Returns:
        0, or the exit code of what failed.

    Raises:
        UsageError: There is no config, or an option has no effect here.
    """
    if (given := _without_effect(options)) is not None:
        raise UsageError(f"{given} has no effect: --smoke trains in a temporary folder that is gone afterwards", "leave one of the two out")
    subject = Subject(find_config(path), tuple(changes), options.overlays)
    results: dict[str, Any] = {"config": subject.path.as_posix(), "ok": True, "data": "real rows", "seconds": {}}
    with tempfile.TemporaryDirectory(prefix="nntrain-smoke-") as folder:
        stages = _Stages(results, quiet=options.as_json)
        code = _prove(subject, Options(runs=Path(folder) / "runs"), stages, Path(folder) / "rows" if fake_data else None)
    if options.as_json:
        emit(json.dumps(results, indent=1))
    elif results["data"] == MADE_UP:
        emit(f"\n{MADE_UP}: what this run measured says nothing, and nothing is kept")
    return code


def _without_effect(options: Options) -> str | None:
    """The first option that a smoke run does not read."""
    kind = f"--{options.members.kind}" if options.members is not None else None
    found = {
        "--resume": options.resume,
        "--run-id": options.run_id,
        kind: kind,
        "--skip-done": options.skip_done,
        "--tune": options.tune,
        "--profile": options.profile,
        "--no-test": not options.test,
        "--json-lines": options.json_lines,
    }
    return next((word for word, value in found.items() if value), None)


@dataclass(slots=True)
class _Stages:
    """Tells each stage with its time as it is passed."""

    results: dict[str, Any]
    quiet: bool
    started: float = field(default_factory=time.monotonic)

    def passed(self, name: str, text: str) -> None:
        seconds = time.monotonic() - self.started
        self.results["seconds"][name] = round(seconds, 3)
        self.started = time.monotonic()
        if not self.quiet:
            emit(f"{name:<9}ok   {text:<56}{seconds:6.1f} s")

    def made_up(self, made: MadeUp, job: Job) -> None:
        """Say first of all that no number of this run means anything."""
        told = describe(made, job)
        self.results |= {"data": MADE_UP, "made_up": told}
        if not self.quiet:
            emit(labelled([("data", "\n".join([f"{MADE_UP.upper()}: {told[0]}", *told[1:]]))]))

    def failed(self, name: str, error: NNTrainError) -> int:
        self.results |= {"ok": False, "failed": name, "message": error.message}
        if not self.quiet:
            emit(f"{name:<9}FAILED\n{error}")
        return error.exit_code


def _prove(subject: Subject, options: Options, stages: _Stages, fake: Path | None) -> int:
    name = "check"
    path = subject.path
    try:
        job, made = prepare(subject, fake)
        if made is not None:
            stages.made_up(made, job)
        job = _shortened(subject, job, made)
        count = job.blueprint.program.num_parameters or 0
        stages.passed(name, f"{len(job.blueprint.program.steps)} layers, {count:,} parameters")
        name = "fit"
        whole = fit_job(job, replace(options, run_id="whole"), _watchers(), path.as_posix())
        stages.passed(name, f"{whole.summary['steps']} steps, {job.blueprint.best.monitor} {_best(whole.summary, job)}")
        name = "resume"
        resumed = _cut_and_resume(job, options, path)
        _compare(whole.run, resumed.run)
        stages.passed(name, f"cut off after step {KILLED_AFTER}, resumed: every byte the same")
        name = "eval"
        stages.passed(name, _evaluate(whole, job))
        name = "predict"
        stages.passed(name, _predict(whole, job))
    except NNTrainError as error:
        return stages.failed(name, error)
    return 0


def _shortened(subject: Subject, job: Job, made: MadeUp | None) -> Job:
    """The same job with a few steps to go and a few rows of each split."""
    from nntrain.assembly import class_order
    from nntrain.blueprint import draw

    config = subject.read(LIMITS, made)
    prepared = job.prepared
    accumulate = config.experiment.training.accumulate if config.experiment.training is not None else 1
    batch_size = prepared.train.shown if config.experiment.data.batch_size == "full" else config.experiment.data.batch_size
    rows = BATCHES * batch_size * accumulate
    order = class_order(config.experiment, prepared.train)
    each = None if order is None else 2 if order.several is None else order.several[1]
    short = {part: _few(data, min(rows, len(data)), each) for part, data in prepared.splits.items()}
    return Job(config, draw(config, prepared.layout), replace(prepared, **short))


def _few(data: TensorData, rows: int, each: int | None) -> TensorData:
    """The first rows; where batches are put together by class, so many of each class, class after class, then as many again."""
    import torch

    if each is None:
        return data.head(rows)
    classes = next(iter(data.targets.values())).cpu()
    ranked = classes.argsort(stable=True)
    _, counts = cast("tuple[Tensor, Tensor]", classes[ranked].unique_consecutive(return_counts=True))
    place = torch.arange(len(ranked)) - (counts.cumsum(0) - counts).repeat_interleave(counts)  # of a row among those of its class
    return data.take(ranked[(place // each).argsort(stable=True)[:rows]].sort().values)


def _best(summary: Mapping[str, Any], job: Job) -> str:
    value = summary["best"].get(job.blueprint.best.monitor)
    return "undefined" if value is None else f"{value:.4g}"


def _cut_and_resume(job: Job, options: Options, path: Path) -> Outcome:
    options = replace(options, run_id="resumed")
    try:
        fit_job(job, options, _watchers(KILLED_AFTER), path.as_posix())
    except CutOffError:
        assert options.runs is not None
        assert job.config.experiment.name is not None
        cut = Run(options.runs / job.config.experiment.name / "resumed")
        return resume_job(cut, job, options, _watchers())
    raise NNTrainError(f"the run ended before step {KILLED_AFTER}")


def _compare(whole: Run, resumed: Run) -> None:
    """Every tensor and the history, byte for byte."""
    from nntrain.commands.stored.opening import checkpoint_of

    folders = [checkpoint_of(run, "last")[0] for run in (whole, resumed)]
    names = sorted(path.name for path in folders[0].glob("*.safetensors"))
    pairs = [(folders[0] / name, folders[1] / name) for name in names]
    pairs.append((whole.path / "history.jsonl", resumed.path / "history.jsonl"))
    different = [first.name for first, second in pairs if first.read_bytes() != second.read_bytes()]
    if different:
        raise NNTrainError(f"a resumed run differs from one that was never stopped: {', '.join(different)}")


def _last_split(job: Job) -> tuple[Part, TensorData]:
    """The test rows, else the validation rows, else those of training."""
    return list(job.prepared.splits.items())[-1]


def _evaluate(whole: Outcome, job: Job) -> str:
    from nntrain.commands.judging.evaluate import score
    from nntrain.commands.stored.opening import open_run

    part, data = _last_split(job)
    scores = score(open_run(whole.run), data, part)
    shown = [f"{name} {value:.4g}" for name, value in scores.metrics.items() if value is not None and math.isfinite(value)]
    return ", ".join(shown[:3])


def _predict(whole: Outcome, job: Job) -> str:
    from nntrain.commands.predicting.predict import predict_rows
    from nntrain.commands.stored.opening import open_run

    if not all(plan.task.predicts for plan in job.blueprint.targets.values()):
        from nntrain.commands.predicting.generate import maker_of
        from nntrain.generation.settings import GenerateSettings

        made = maker_of(open_run(whole.run)).made(GenerateSettings(count=3))
        return f"rows made: {len(next(iter(made.values())).values)}" if isinstance(made, Mapping) else ""
    found = next(iter(predict_rows(open_run(whole.run), _last_split(job)[1].head(3)).values()))
    if found.values and getattr(found.values[0], "ndim", 0):  # an image or the like
        return f"{len(found.values)} {found.form.plural} {list(found.values[0].shape)}"
    numbers = cast("list[Any]", found.values[0]) if found.values and isinstance(found.values[0], list) else []
    if len(numbers) > MOST_SHOWN:
        return f"{len(found.values)} rows of {len(numbers)} numbers"
    more = f", … ({len(found.values):,} in all)" if len(found.values) > MOST_SHOWN else ""  # of each node or step one
    return ", ".join(_shortened_text(str(value)) for value in found.values[: 3 if more else None]) + more


def _shortened_text(text: str) -> str:
    """A value on a line: of a long one its beginning, of a text without letters that it is empty."""
    if not text.strip():
        return "(empty)"
    return text if len(text) <= MOST_LETTERS else f"{text[:MOST_LETTERS]} …"
