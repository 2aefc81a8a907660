"""What settings do together: one without effect is a problem, a limit that another one reaches first is a warning. Torch-free."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Final

from nntrain.batch_problems import batch_problems, whole_batch_problems
from nntrain.config.experiment import Experiment
from nntrain.data.window import WindowSettings, unread_inputs
from nntrain.errors import Problem, YamlPath
from nntrain.image_effects import augmentation_warnings, map_problems
from nntrain.layers.depth import hidden_matrices, layer_depths
from nntrain.layers.inputs import fields_read
from nntrain.layers.program import Program
from nntrain.losses.loss import ClassLoss, Loss
from nntrain.metrics.metric import Metric
from nntrain.optimizers.optimizer import Beside, Optimizer
from nntrain.protocols.protocol import Protocol
from nntrain.schedules.plateau import Plateau
from nntrain.schedules.schedule import Horizon, Schedule
from nntrain.specs import IMAGE, TOKENS, Spec
from nntrain.training.settings import DEFAULT_MAX_EPOCHS, DEFAULT_MAX_STEPS, EarlyStoppingSettings, TrainingSettings

FOREIGN_TO_CLOSURES: Final = ("clip_norm", "clip_value", "l1", "gradient_noise", "max_norm")
"""Regularizers that change gradients or weights between two steps."""


def problems(
    experiment: Experiment,
    training: TrainingSettings,
    losses: Sequence[Loss],
    program: Program | None,
    whole_batch: Loss | None = None,
    times: int = 1,
) -> Iterator[Problem]:
    """Settings that need another one, or have no effect beside another one.

    Args:
        experiment: With defaults filled in as far as they are known.
        training: The training section with its defaults.
        losses: The losses of all targets.
        program: The network, if it could be compiled.
        whole_batch: One of the losses that scores a row by the others of its batch, where there is one.
        times: How often a batch has each row.
    """
    yield from batch_problems(experiment, training, program)
    yield from _regularization_problems(experiment, losses)
    yield from whole_batch_problems(experiment, training, whole_batch, times)
    yield from _noise_problems(experiment, program)
    yield from map_problems(experiment, program) if program is not None else ()
    yield from _average_problems(experiment, training)
    if experiment.optimizer is not None:
        yield from experiment.optimizer.problems(Beside(experiment.regularization.weight_decay or 0.0))
        yield from _optimizer_problems(experiment, training, experiment.optimizer, program)
    yield from _schedule_problems(experiment, training)
    if experiment.regularization.scheduler is not None:  # which few configs say
        from nntrain.fading_effects import fading_problems

        yield from fading_problems(experiment, experiment.regularization.scheduler, training, program)
    if program is not None:
        if training.channels_last is True or training.compile is True or training.matmul == "onednn":  # which few configs say
            from nntrain.machine_problems import machine_problems

            yield from machine_problems(experiment, training, program)
        yield from _mixing_problems(experiment, program)
        yield from _token_problems(experiment, program)
        yield from experiment.data.source.unread({need for step in program.steps for need in step.layer.needs})
    yield from _baseline_problems(experiment, losses, program)
    if training.stop_at == {}:
        yield Problem(("training", "stop_at"), "has no effect: it names no metric", "fix:  stop_at: {train.loss: 0.01}, or leave it out")
    by_target = experiment.metrics if isinstance(experiment.metrics, dict) else {}
    alone = experiment.metrics if isinstance(experiment.metrics, tuple) else ()
    for path, metrics in ((("metrics",), alone), *((("metrics", name), metrics) for name, metrics in by_target.items())):
        yield from _name_problems(path, metrics)


def _token_problems(experiment: Experiment, program: Program) -> Iterator[Problem]:
    """Trained bodies that get tokens which they have not learned."""
    if any(step.layer.taken is not None for step in program.steps):
        from nntrain.architectures.pretrained import foreign_tokens

        yield from foreign_tokens(program, {name: field for name, field in experiment.data.fields.items() if field.type == "text"})


def image_problems(written: Experiment, program: Program) -> Iterator[Problem]:
    """Images that trained bodies read and of which a config, as it is written, has no line."""
    if any(step.layer.taken is not None for step in program.steps):
        from nntrain.architectures.pretrained import unnamed_images

        yield from unnamed_images(program, written.data.fields)


def _baseline_problems(experiment: Experiment, losses: Sequence[Loss], program: Program | None) -> Iterator[Problem]:
    """Simple models that are not installed, or have no use for the inputs."""
    if not experiment.baselines:
        return
    if find_spec("sklearn") is None:
        yield Problem(("baselines",), "needs scikit-learn, which is not installed", "pip install 'nntrain[baselines]'", on_key=True)
    inputs = dict[str, Spec]() if program is None else program.inputs
    ragged = [name for name, spec in inputs.items() if spec.is_ragged]
    others = [name for name, spec in inputs.items() if not (spec.axes == TOKENS and spec.kind == "index")]
    for place, name in enumerate(experiment.baselines):
        path = ("baselines", place)
        if name == "tfidf_logistic" and others:
            yield Problem(path, f"{name} reads texts, and {others[0]} is {inputs[others[0]].describe()}", "fix:  baselines: [linear]")
        elif name == "tfidf_logistic" and not all(isinstance(loss, ClassLoss) for loss in losses):
            yield Problem(path, f"{name} tells classes, and the target has values", "leave it out")
        elif name != "tfidf_logistic" and ragged:
            hint = "fix:  baselines: [tfidf_logistic]" if not others else "leave baselines out"
            yield Problem(path, f"{name} needs rows of one size, and {ragged[0]} differs in length from row to row", hint)
    steps = [] if program is None else [name for name, value in program.outputs.items() if "time" in value.spec.axes]
    if steps:
        yield Problem(
            ("baselines",), f"needs an answer for each row, and {steps[0]} has one for each step", "leave baselines out", on_key=True
        )


def _name_problems(path: YamlPath, metrics: Sequence[Metric]) -> Iterator[Problem]:
    """Metrics of one name, of which reports could hold only one."""
    first: dict[str, Metric] = {}
    for place, metric in enumerate(metrics):
        label = metric.label
        same = first.setdefault(label, metric)
        if same is not metric:
            twice = same.model_copy(update={"name": metric.name}) == metric
            hint = "remove one of the two" if twice else "fix:  name: NAME, another one"
            yield Problem((*path, place), f"{label} is reported already", hint)
        elif label in {"loss", "running_loss"}:
            yield Problem((*path, place, "name"), f"{label} is the name of what is minimised", "another name")


def _regularization_problems(experiment: Experiment, losses: Sequence[Loss]) -> Iterator[Problem]:
    regularization = experiment.regularization
    deaf = [loss.type for loss in losses if not loss.smooths_labels]
    if regularization.label_smoothing and deaf and len(deaf) == len(losses):
        yield Problem(
            ("regularization", "label_smoothing"),
            f"has no effect: {deaf[0]} has no labels to smooth",
            "fix:  leave label_smoothing out",
            on_key=True,
        )
    group_decay = experiment.optimizer is not None and any(rule.weight_decay for rule in experiment.optimizer.groups)
    decays = regularization.weight_decay or regularization.l1 or regularization.max_norm or group_decay
    if regularization.decay_all and not decays:
        yield Problem(
            ("regularization", "decay_all"),
            "has no effect without regularization.weight_decay, l1 or max_norm",
            "fix:  weight_decay: 0.01, or leave decay_all out",
            on_key=True,
        )


def _noise_problems(experiment: Experiment, program: Program | None) -> Iterator[Problem]:
    """Noise on inputs that none is a number."""
    if experiment.regularization.noise is None or program is None:
        return
    if all(spec.kind == "index" for spec in program.inputs.values()):
        message = "has no effect: no input is a number"
        yield Problem(("regularization", "noise"), message, "fix:  leave noise out, or dropout on the embeddings", on_key=True)


def _average_problems(experiment: Experiment, training: TrainingSettings) -> Iterator[Problem]:
    """Averaging that begins at a fraction of a run without a length."""
    if experiment.regularization.swa is not None and training.max_epochs is None and training.max_steps is None:
        message = "begins at a fraction of the run, and max_minutes alone gives no number of steps"
        yield Problem(("regularization", "swa"), message, "fix:  training.max_epochs or training.max_steps", on_key=True)


def _average_warnings(experiment: Experiment, horizon: Horizon) -> Iterator[str]:
    """Averaging that takes no step, or one alone."""
    swa, total = experiment.regularization.swa, horizon.total_steps
    if swa is None or not total or (swa.every_steps is None and not horizon.steps_per_epoch):
        return
    start = round(swa.start_fraction * total)
    every = swa.every_steps or (swa.every_epochs or 1) * horizon.steps_per_epoch
    count = total // every - start // every
    if count < 2:
        found = "no step at all" if count == 0 else "a single step, which is no average"
        yield f"regularization.swa takes {found}: it begins after {start:,} of {total:,} steps and takes one every {every:,} steps"


def _optimizer_problems(
    experiment: Experiment, training: TrainingSettings, optimizer: Optimizer, program: Program | None
) -> Iterator[Problem]:
    """What an optimizer that moves the weights in its own way can't be combined with."""
    if optimizer.splits_matrices and program is not None and not hidden_matrices(program):
        message = f"{optimizer.type} acts on the 2-d weights of hidden layers, and this network has none: adamw would do all the work"
        yield Problem(("optimizer",), message, "fix:  optimizer: adamw")
    if optimizer.layer_decay is not None and program is not None and not any(layer_depths(program).values()):
        yield Problem(("optimizer", "layer_decay"), "has no effect: the network has a single layer", "remove it", on_key=True)
    if not optimizer.needs_closure:
        return
    for name in FOREIGN_TO_CLOSURES:
        if getattr(experiment.regularization, name) is not None:
            message = f"does not go with {optimizer.type}, which compares gradients and weights that nothing else may change"
            yield Problem(("regularization", name), message, f"fix:  leave {name} out, or  optimizer: adamw", on_key=True)
    if training.precision == "float16":
        message = f"does not go with {optimizer.type}: its loss can't be scaled while it searches"
        yield Problem(("training", "precision"), message, "fix:  precision: float32")


def _mixing_problems(experiment: Experiment, program: Program) -> Iterator[Problem]:
    """Inputs that can't be mixed."""
    regularization = experiment.regularization
    if regularization.mixup is not None:
        for name, spec in program.inputs.items():
            if spec.kind == "index" or spec.is_ragged:
                what = "holds classes, of which there is no mean" if spec.kind == "index" else "has rows of different lengths"
                yield Problem(("regularization", "mixup"), f"can't mix rows: {name} {what}", "fix:  leave mixup out", on_key=True)
                break
    if regularization.cutmix is not None and [spec.axes for spec in program.inputs.values()] != [IMAGE]:
        message = f"cuts rectangles out of images and needs one image as the only input; the inputs are {', '.join(program.inputs)}"
        yield Problem(("regularization", "cutmix"), message, "fix:  leave cutmix out", on_key=True)


def _schedule_problems(experiment: Experiment, training: TrainingSettings) -> Iterator[Problem]:
    scheduler = experiment.scheduler
    if scheduler is None:
        return
    if scheduler.needs_total_steps and training.max_epochs is None and training.max_steps is None:
        yield Problem(
            ("scheduler",),
            f"{scheduler.type} counts towards the end of the run, and max_minutes alone gives no number of steps",
            "fix:  training.max_epochs or training.max_steps",
        )
    if experiment.optimizer is not None:
        yield from scheduler.problems(experiment.optimizer.lr)
        for optimizer in experiment.optimizer.parts.values():
            yield from _momentum_problems(scheduler, optimizer)


def _momentum_problems(scheduler: Schedule, optimizer: Optimizer) -> Iterator[Problem]:
    """A momentum that is to move with the rate, and an optimizer that has none."""
    options = type(optimizer).model_fields
    if scheduler.moves_momentum and not {"momentum", "betas"} & options.keys():
        message = f"can't move the momentum, which {optimizer.type} doesn't have"
        yield Problem(("scheduler",), message, "fix:  cycle_momentum: false")


def warnings(experiment: Experiment, program: Program, train_rows: int | None) -> Iterator[str]:
    """What is allowed and probably not meant, both numbers named.

    Args:
        experiment: With all defaults filled in.
        program: The network.
        train_rows: Number of training rows, where it is known.
    """
    training = experiment.training
    assert training is not None
    assert experiment.optimizer is not None
    assert experiment.scheduler is not None
    epoch = training.protocol.epoch if isinstance(training.protocol, Protocol) else None
    course = Course(training, _steps_per_epoch(experiment, training, train_rows) if epoch is None else epoch)
    yield from _evaluation_warnings(course)
    if not _is_default(training):
        yield from _limit_warnings(course)
        yield from _rule_warnings(course)
    yield from experiment.scheduler.warnings(course.horizon, training.max_epochs)
    if experiment.regularization.scheduler is not None:
        from nntrain.fading_effects import fading_warnings

        yield from fading_warnings(experiment.regularization.scheduler, course.horizon, training.max_epochs)
    yield from _average_warnings(experiment, course.horizon)
    yield from _plateau_warnings(experiment.scheduler, course)
    whole_epoch = course.steps_per_epoch is None or course.steps_per_epoch == 1
    yield from experiment.optimizer.warnings(Beside(experiment.regularization.weight_decay or 0.0, whole_epoch))
    yield from _unread(program, experiment.data.window)
    yield from _order_warnings(experiment, program)
    yield from augmentation_warnings(experiment, program)


def _order_warnings(experiment: Experiment, program: Program) -> Iterator[str]:
    """Edges with a direction, scored by what is the same both ways."""
    for step in program.steps:
        if experiment.data.source.is_directed and step.layer.undirected is not None:
            yield step.layer.undirected


def _steps_per_epoch(experiment: Experiment, training: TrainingSettings, rows: int | None) -> int | None:
    """Steps of one pass; a last step of a single row is a part of the one before."""
    if rows is None or rows < 1:
        return None
    if experiment.data.batch is not None and experiment.data.batch.tokens is not None:
        return None  # the lengths of the rows tell
    if experiment.data.batch_size == "full":
        return 1
    size = experiment.data.batch_size * training.accumulate
    return max(1, -(-rows // size) - (size > 1 and rows % size == 1))


def _is_default(training: TrainingSettings) -> bool:
    """Whether this is what applies where a config says nothing of its end: nobody meant these limits to go together."""
    stopping = training.early_stopping
    is_plain = stopping is None or stopping.model_copy(update={"monitor": None}) == EarlyStoppingSettings()
    return is_plain and (training.max_epochs, training.max_steps) == (DEFAULT_MAX_EPOCHS, DEFAULT_MAX_STEPS)


@dataclass(frozen=True, slots=True)
class Course:
    """How a run will go, as far as it is known before it starts."""

    training: TrainingSettings
    steps_per_epoch: int | None

    @property
    def horizon(self) -> Horizon:
        """What schedules count towards; 0 for what is not known."""
        epochs, per_epoch = self.training.max_epochs, self.steps_per_epoch
        limits = [self.training.max_steps, epochs * per_epoch if epochs is not None and per_epoch is not None else None]
        return Horizon(min([limit for limit in limits if limit is not None], default=0), per_epoch or 0)

    @property
    def evaluations(self) -> tuple[int, str] | None:
        """Evaluations until the limit that comes first, and that limit; `None` where the number is not known."""
        training, per_epoch = self.training, self.steps_per_epoch
        every = training.evaluate_every
        found: list[tuple[int, str]] = []
        if training.max_epochs is not None:
            name = f"max_epochs {training.max_epochs}"
            if every.epochs is not None:
                found.append((training.max_epochs // every.epochs, name))
            elif every.steps is not None and per_epoch is not None:
                found.append((training.max_epochs * per_epoch // every.steps, name))
        if training.max_steps is not None:
            name = f"max_steps {training.max_steps:,}"
            if every.steps is not None:
                found.append((training.max_steps // every.steps, name))
            elif every.epochs is not None and per_epoch is not None:
                found.append((training.max_steps // (every.epochs * per_epoch), name))
        return min(found, default=None)


def _limit_warnings(course: Course) -> Iterator[str]:
    epochs, steps, per_epoch = course.training.max_epochs, course.training.max_steps, course.steps_per_epoch
    if epochs is None or steps is None or per_epoch is None or epochs * per_epoch == steps:
        return
    first, second = f"training.max_steps {steps:,}", f"training.max_epochs {epochs} ({epochs * per_epoch:,} steps)"
    if epochs * per_epoch < steps:
        first, second = second, first
    yield f"{second} is never reached: {first} comes first"


def _evaluation_warnings(course: Course) -> Iterator[str]:
    if course.evaluations is not None and course.evaluations[0] == 0:
        every = course.training.evaluate_every
        period = f"{{epochs: {every.epochs}}}" if every.epochs is not None else f"{{steps: {every.steps}}}"
        limit = course.evaluations[1]
        yield f"training.evaluate_every {period} is longer than the run ({limit}): the metrics are measured once, at its end"


def _rule_warnings(course: Course) -> Iterator[str]:
    """Rules that watch metrics and can't act before the run ends. One that says which of equal states is the best acts without stopping."""
    if course.evaluations is None or course.evaluations[0] == 0:
        return
    (count, limit), training = course.evaluations, course.training
    for name, rule in (("early_stopping", training.early_stopping), ("converge", training.converge)):
        is_for_ties = isinstance(rule, EarlyStoppingSettings) and rule.ties == "last"
        if rule is not None and rule.patience >= count and not is_for_ties:
            evaluations = "1 evaluation" if count == 1 else f"{count} evaluations"
            yield f"training.{name}.patience {rule.patience} never ends a run of {evaluations} ({limit}): {limit.split()[0]} comes first"
    stopping, epochs = training.early_stopping, training.max_epochs
    if stopping is not None and epochs is not None and stopping.warmup_epochs >= epochs:
        yield f"training.early_stopping.warmup_epochs {stopping.warmup_epochs} is not below max_epochs {epochs}: early stopping can't act"


def _plateau_warnings(schedule: Schedule, course: Course) -> Iterator[str]:
    """A rate that falls by a metric, and fewer evaluations than that takes."""
    if not isinstance(schedule, Plateau) or course.evaluations is None:
        return
    count, limit = course.evaluations
    if schedule.patience + 2 > count:  # one sets the best, and one more than the patience must be no better
        evaluations = "1 evaluation" if count == 1 else f"{count} evaluations"
        needed = f"scheduler.patience {schedule.patience} needs {schedule.patience + 2} evaluations"
        yield f"{needed}, and the run has {evaluations} ({limit}): the rate never falls"


def _unread(program: Program, window: WindowSettings | None) -> Iterator[str]:
    """Input fields that no node reads."""
    read = fields_read(program)
    unread = [name for name in program.inputs if name not in read]
    if window is not None:
        yield from unread_inputs(window, unread)
    elif unread:
        names = ", ".join(unread[:5]) + (f" and {len(unread) - 5} more" if len(unread) > 5 else "")
        yield f"no node reads {names}: read it, or leave it out with data.fields.{unread[0]}: {{role: ignore}}"
