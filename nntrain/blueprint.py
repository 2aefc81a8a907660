"""A config together with its fields: every default filled in, every name looked up, the network's program. Torch-free.

Drawn twice: by `check` from what the header of the data tells, sizes that only fitting tells left unknown, and by `fit` from the
fitted fields. Problems are told at the same places of the file both times.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from nntrain import effects
from nntrain.architectures.architecture import Architecture
from nntrain.architectures.compiling import compile_program
from nntrain.architectures.parameters import thaw
from nntrain.architectures.settings import default_architecture
from nntrain.belonging import belonging_problems
from nntrain.config.experiment import Experiment
from nntrain.config.reading import Config
from nntrain.data.alignment import inputs_beside
from nntrain.data.fields.auto import Auto
from nntrain.data.fields.field import Field, Role
from nntrain.data.inference import ROW_NUMBERS
from nntrain.data.layout import SPLITTING, Layout, Planned
from nntrain.data.split_sizes import rows_to_train, short_splits
from nntrain.data.table import listed
from nntrain.data.unused import unused_columns
from nntrain.errors import ConfigError, Problem
from nntrain.generation.ways import drawn_points
from nntrain.generation.ways import problems as generate_problems
from nntrain.layers.program import Program
from nntrain.layers.scope import PROBE
from nntrain.metrics.metric import Direction
from nntrain.nearest import nearest
from nntrain.optimizers.adam import AdamW
from nntrain.output_problems import explain_problems, output_problems
from nntrain.protocols.protocol import Protocol, Supervised
from nntrain.schedules.constant import Constant
from nntrain.schedules.plateau import Plateau
from nntrain.schedules.schedule import Schedule
from nntrain.specs import point_output
from nntrain.targets import TargetPlan, metric_directions, part_problems, plan_targets, reading_problems, resolved, task_path
from nntrain.tracking.settings import tracker_problems
from nntrain.training.plan import Watch
from nntrain.training.settings import TrainingSettings


@dataclass(frozen=True, slots=True)
class Blueprint:
    """Everything about a run that is known before a parameter is made."""

    experiment: Experiment
    """With all defaults filled in and all fields named: what `resolved.yaml` says."""
    layout: Layout
    targets: Mapping[str, TargetPlan]
    program: Program
    best: Watch
    """The metric that decides which state is the best."""
    directions: Mapping[str, Direction]
    """Every scalar metric that reports will have, with the direction that is better."""
    warnings: tuple[str, ...]

    @property
    def baseline_name(self) -> str:
        """What the metrics are compared with: the trivial prediction, where it does the same for all targets."""
        if self.protocol.baseline_name is not None:
            return self.protocol.baseline_name
        names = {plan.task.baseline_name() for plan in self.targets.values()}
        return names.pop() if len(names) == 1 else "the trivial prediction"

    @property
    def starts_trained(self) -> bool:
        """Whether the network starts from trained weights: those of `architecture.init`, or of a trained body in it."""
        architecture = self.experiment.architecture
        has_init = architecture is not None and architecture.init is not None
        return has_init or any(step.layer.taken is not None for step in self.program.steps)

    @property
    def protocol(self) -> Protocol:
        """Order of the batches, meaning of a step, and what is reported."""
        return protocol_of(self.experiment)

    @property
    def training(self) -> TrainingSettings:
        """The training section, defaults filled in."""
        assert self.experiment.training is not None
        return self.experiment.training


def protocol_of(experiment: Experiment) -> Protocol:
    """The protocol of a config; supervised where it names none."""
    found = None if experiment.training is None else experiment.training.protocol
    if found is None:
        return Supervised()
    assert isinstance(found, Protocol)
    return found


def _protocol_problems(
    protocol: Protocol, experiment: Experiment, training: TrainingSettings, targets: Mapping[str, TargetPlan]
) -> Iterator[Problem]:
    """Why a protocol does not go with the rest, or settings that it does not read."""
    tasks = {name: plan.task for name, plan in targets.items()}
    links = {name: plan.link for name, plan in targets.items()}
    has_length = training.max_epochs is not None or training.max_steps is not None
    yield from protocol.problems(experiment.data.source, tasks, links, has_length=has_length)
    yield from protocol.idle(experiment)


def can_draw(layout: Layout) -> bool:
    """Whether the fields are known well enough: without a look at the data they may not be."""
    return bool(layout.inputs) and bool(layout.targets) and not layout.untyped


def draw(config: Config, layout: Layout, found: Sequence[Problem] = (), train_rows: int | None = None) -> Blueprint:
    """Fill in the defaults, compile the network and check that everything fits together.

    Args:
        config: A config that is valid in itself.
        layout: Its fields; inputs, targets and their types are known (`can_draw`).
        found: Problems that were found on the way here; told together with those found now.
        train_rows: Number of training rows, once the data is read.

    Raises:
        ConfigError: With all problems, rendered.
    """
    problems = list(found)
    experiment = config.experiment
    if config.absent:
        raise config.error([*problems, *config.absent])
    targets = plan_targets(experiment, layout.targets, problems)
    problems += reading_problems(experiment, targets, layout.inputs, has_validation=layout.has_validation)
    program = None
    if not layout.inputs:
        is_told = any(problem.path[:2] == ("data", "fields") for problem in found)
        problems += [] if is_told else [_no_input(layout)]
    elif len(targets) == len(layout.targets):
        experiment = experiment.model_copy(update=_defaults(experiment, layout, targets))
        program = _compile(experiment, layout, targets, problems)
    protocol = protocol_of(experiment)
    names = metric_directions(
        targets, has_validation=layout.has_validation, own=protocol.metrics, parts=[] if program is None else program.loss_parts
    )
    problems += short_splits(experiment.data, layout) if train_rows is None else ()
    training = _training(experiment, layout)
    if targets:
        problems += _check_names(training, names, layout)
        if isinstance(experiment.scheduler, Plateau) and experiment.scheduler.monitor is not None:
            problems += _check_name(("scheduler", "monitor"), experiment.scheduler.monitor, names)
        problems += _protocol_problems(protocol, experiment, training, targets)
        if training.soup is not None:  # which few configs say
            from nntrain.soup_problems import soup_problems

            problems += soup_problems(experiment, training, has_validation=layout.has_validation)
        if any(plan.field.views or plan.field.resizing for plan in layout.fields):  # else neither module is loaded
            from nntrain.resizing_problems import resizing_problems
            from nntrain.view_problems import view_problems

            problems += view_problems(layout.fields, targets)
            problems += resizing_problems(layout.fields, targets, program, training, protocol)
        if program is not None:
            problems += part_problems(config.experiment, program)
            problems += effects.image_problems(config.experiment, program)
            problems += generate_problems(experiment.generate, {name: plan.task for name, plan in targets.items()}, program)
            problems += explain_problems(experiment.explain, targets)
        losses = [loss for plan in targets.values() for loss in plan.losses]
        whole_batch = next((loss for plan in targets.values() for loss in plan.losses if loss.compares_rows(plan.scored_kind)), None)
        times = max(plan.task.times_shown for plan in targets.values())
        problems += effects.problems(experiment, training, losses, program, whole_batch, times)
    if problems:
        raise config.error(problems)
    assert program is not None
    first = next(iter(protocol.metrics or ()), "loss" if drawn_points(program) else None)  # an error alone says nothing of what is drawn
    best = _best(training, targets, names, first, has_validation=layout.has_validation)
    training = _with_monitor(training, best)
    experiment = experiment.model_copy(update={"training": training, "scheduler": _watching(experiment.scheduler, best)})
    rows = rows_to_train(experiment.data, layout) if train_rows is None else train_rows
    warnings = (
        *layout.doubts,
        *_too_short(config, program, targets, layout),
        *effects.warnings(experiment, program, rows),
        *training.late_thaws(),
    )
    return Blueprint(experiment, layout, targets, program, best, names, warnings)


def _too_short(config: Config, program: Program, targets: Mapping[str, TargetPlan], layout: Layout) -> list[str]:
    """What is to be told of rows whose output has too few steps for their target. Raises `ConfigError` for too many of them."""
    if layout.row_steps is None or not layout.row_steps.targets:
        return []
    from nntrain.short_outputs import short_outputs

    problems, told = short_outputs(program, targets, layout.row_steps)
    if problems:
        raise config.error(problems)
    return told


def draw_first(config: Config, plans: Iterable[Planned]) -> Blueprint:
    """Draw before the data is read, from layouts of which the first is the likeliest: the first one that the config fits.

    Raises:
        ConfigError: It fits none; with the problems of the one that it fits best.
    """
    faults: list[ConfigError] = []
    for layout, problems in plans:
        try:
            return draw(config, layout, [*problems, *tracker_problems(config.experiment.tracking)])
        except ConfigError as error:
            faults.append(error)
    raise min(faults, key=lambda error: len(error.problems))


def _no_input(layout: Layout) -> Problem:
    """What to say where nothing is left to predict from, and why each column is not used."""
    if not layout.left_out:
        return Problem(("data",), "has no input field: every column is a target or ignored", "fix:  fields: {COLUMN: TYPE}")
    told = listed([f"{name} ({why})" for name, why in layout.left_out], 8)
    name, why = layout.left_out[0]
    doubts = "".join(f"\n{doubt}" for doubt in layout.doubts)
    return Problem(
        ("data",),
        f"has no input field: every column is a target, ignored, or left out: {told}",
        f"fix:  fields: {{{name}: {'number' if why == ROW_NUMBERS else 'category'}}}{doubts}",
    )


def _defaults(experiment: Experiment, layout: Layout, targets: Mapping[str, TargetPlan]) -> dict[str, object]:
    """What applies where the config says nothing."""
    return {
        "data": experiment.data.model_copy(
            update={"source": experiment.data.source.settled(layout.numerals), "fields": _named_fields(experiment, layout), "target": None}
        ),
        "architecture": experiment.architecture or _default_architecture(layout, targets),
        **resolved(targets, experiment.loss),
        "optimizer": experiment.optimizer or AdamW(),
        "scheduler": experiment.scheduler or Constant(),
    }


def _default_architecture(layout: Layout, targets: Mapping[str, TargetPlan]) -> Architecture:
    by_step = any(plan.task.unit_axis(plan.target) == "time" for plan in targets.values())
    writes = any(plan.task.port(plan.target) is not None for plan in targets.values())
    by_pixel = any(plan.task.unit_axis(plan.target) == "pixel" for plan in targets.values())
    return default_architecture(layout.inputs, list(targets), by_step=by_step, by_pixel=by_pixel, writes=writes)


def _named_fields(experiment: Experiment, layout: Layout) -> dict[str, Field]:
    """Every field with its type and role; columns that were left out are ignored by name."""
    roles: dict[str, tuple[Role, ...]] = {}
    for plan in layout.fields:
        roles[plan.name] = (*roles.get(plan.name, ()), plan.role)
    for name, field in experiment.data.fields.items():
        if name in roles:  # a column may be an input and split the rows
            roles[name] = (*roles[name], *sorted(field.role_set & SPLITTING - {*roles[name]}))
    fields = {plan.name: plan.field for plan in layout.fields}
    named = {name: field.model_copy(update={"role": only_or_all(roles[name])}) for name, field in fields.items()}
    kept = {
        name: field
        for name, field in experiment.data.fields.items()
        if field.role_set & {"ignore", *SPLITTING} and "input" not in field.role_set
    }
    return {**named, **{name: Auto(role="ignore") for name, _ in layout.left_out}, **kept}


def only_or_all(roles: tuple[Role, ...]) -> Role | tuple[Role, ...]:
    """A single role as itself."""
    return roles[0] if len(roles) == 1 else roles


def _compile(experiment: Experiment, layout: Layout, targets: Mapping[str, TargetPlan], problems: list[Problem]) -> Program | None:
    assert experiment.architecture is not None
    needs = {name: plan.task.needs(plan.target, plan.link) for name, plan in targets.items()}
    nodes = {output: node for plan in targets.values() for output, node in plan.nodes.items()}
    needs |= {output: plan.task.nodes(plan.target)[node].gives for plan in targets.values() for output, node in plan.nodes.items()}
    try:
        ports = {name: port for name, plan in targets.items() if (port := plan.task.port(plan.target) or plan.task.hint(plan.target))}
        program = compile_program(
            experiment.architecture,
            layout.inputs,
            needs,
            experiment.regularization,
            ports=ports,
            beside=inputs_beside(layout.fields),
            ahead=[name for name, plan in targets.items() if plan.target.field_type == "number"],  # their steps are a forecast's
            drawn={key: spec for plan in targets.values() for key, spec in plan.task.drawn.items()},
            nodes=nodes,
            unused=unused_columns(layout.left_out, experiment.data.fields),
            joined={name: nodes for name, plan in targets.items() if (nodes := plan.task.joined(plan.target))},
            points={point_output(name): point for name, plan in targets.items() if (point := plan.task.point(plan.target)) is not None},
            tasks={key: task_path(experiment, name) for name in targets for key in (name, point_output(name))},
            links={name: plan.link for name, plan in targets.items()},
        )
    except ConfigError as error:
        problems += error.problems
        return None
    if experiment.training is not None and experiment.training.unfreeze is not None:
        program = thaw(program, experiment.training.unfreezing(), problems)
    problems += output_problems(program, targets)
    problems += belonging_problems(experiment, program, targets)
    problems += _check_steps(program, targets)
    names = list(program.trainable_shapes)
    if not names:
        problems.append(Problem(("architecture",), "has no parameter that can be trained"))
    elif experiment.optimizer is not None:
        problems += experiment.optimizer.unmoved(names)
    return program


def _check_steps(program: Program, targets: Mapping[str, TargetPlan]) -> Iterator[Problem]:
    """Layers that change the number of steps, where each has a target."""
    for name, plan in targets.items():
        lengths = program.outputs[name].lengths
        if plan.task.unit_axis(plan.target) != "time" or not plan.target.spec.is_ragged or lengths is None or lengths.counts == PROBE:
            continue
        first = next(step for step in program.steps if step.output.lengths is not None and step.output.lengths.counts != PROBE)
        what = f"{first.layer.type} changes the number of steps, and {name} has a value for each step of {lengths.field}"
        yield Problem(first.path, what, "fix:  stride: 1, and padding: same or causal")


def _training(experiment: Experiment, layout: Layout) -> TrainingSettings:
    given = TrainingSettings() if experiment.training is None else experiment.training
    return given.with_defaults(has_validation=layout.has_validation)


def _best(
    training: TrainingSettings,
    targets: Mapping[str, TargetPlan],
    names: Mapping[str, Direction],
    first: str | None,
    *,
    has_validation: bool,
) -> Watch:
    """The metric that early stopping watches, else the first one of the whole network, else that of the first target."""
    stopping = training.early_stopping
    if stopping is not None and stopping.monitor is not None:
        return Watch(stopping.monitor, names[stopping.monitor])
    split = "validation" if has_validation else "train"
    if first is not None:
        return Watch(f"{split}.{first}", names[f"{split}.{first}"])
    name, plan = next(iter(targets.items()))
    metric = next((metric for metric in plan.metrics if metric.monitored), None)
    prefix = f"{name}." if len(targets) > 1 else ""
    monitor = f"{split}.loss" if metric is None else f"{split}.{prefix}{metric.label}"
    return Watch(monitor, names[monitor])


def _with_monitor(training: TrainingSettings, best: Watch) -> TrainingSettings:
    stopping = training.early_stopping
    if stopping is None:
        return training
    return training.model_copy(update={"early_stopping": stopping.model_copy(update={"monitor": best.monitor})})


def _watching(schedule: Schedule | None, best: Watch) -> Schedule | None:
    """A schedule that watches a metric, with the metric named."""
    if not isinstance(schedule, Plateau) or schedule.monitor is not None:
        return schedule
    return schedule.model_copy(update={"monitor": best.monitor})


def _check_names(training: TrainingSettings, names: Mapping[str, Direction], layout: Layout) -> Iterator[Problem]:
    """Metrics that are watched must be reported."""
    stopping = training.early_stopping
    if stopping is not None and not layout.has_validation and (stopping.monitor is None or stopping.monitor.startswith("validation.")):
        yield Problem(
            ("training", "early_stopping"),
            "needs validation rows, and there are none",
            "fix:  data.split.validation: 0.1, or watch the training rows: monitor: train.loss",
            on_key=True,
        )
    elif stopping is not None and stopping.monitor is not None:
        yield from _check_name(("training", "early_stopping", "monitor"), stopping.monitor, names)
    if training.converge is not None:
        yield from _check_name(("training", "converge", "monitor"), training.converge.monitor, names)
    for name in training.stop_at or {}:
        yield from _check_name(("training", "stop_at", name), name, names, on_key=True)


def _check_name(path: tuple[str, ...], name: str, names: Mapping[str, Direction], *, on_key: bool = False) -> Iterator[Problem]:
    if name not in names:
        meant = _meant_metric(name, names)
        message = f"no metric {name!r}. This task reports {', '.join(_reported(name, names))}"
        yield Problem(path, message, f"fix:  {meant}" if meant else None, on_key=on_key)


def _reported(name: str, names: Mapping[str, Direction]) -> list[str]:
    """The metrics of the split that a name means: the others have the same names."""
    split = "train." if name.startswith("train") or not any(known.startswith("validation.") for known in names) else "validation."
    return [known for known in names if known.startswith(split)]


def _meant_metric(name: str, names: Mapping[str, Direction]) -> str | None:
    """What a metric name of another tool (`val_loss`, `val/acc`, `accuracy`) or a misspelt one probably means."""
    from nntrain.config import synonyms

    named = synonyms.metric_name(name, [known.partition(".")[2] for known in names])
    if named is not None:
        named = next((known for known in (named, named.replace("validation.", "train.", 1)) if known in names), None)
    return named or next(iter(nearest(name, names, cutoff=0.5)), None)
