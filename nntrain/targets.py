"""What is done for each target: its task, its losses, its metrics, each looked up and found to fit. Torch-free.

`task`, `loss` and `metrics` stand once for all targets, or in a mapping by target; what is not said is the task's default.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, TypeVar, cast

from nntrain.config.experiment import Experiment
from nntrain.data.field_plan import FieldPlan
from nntrain.errors import Problem, SpecError, YamlPath
from nntrain.layers.program import Program
from nntrain.losses.links import Link
from nntrain.losses.loss import ClassLoss, Loss, TargetKind
from nntrain.losses.settings import LOSSES
from nntrain.metrics.metric import Direction, Metric
from nntrain.metrics.settings import METRICS
from nntrain.nearest import nearest
from nntrain.schema import load_class
from nntrain.tasks.judging import metric_info
from nntrain.tasks.settings import TASK_OF_FIELD, TASKS
from nntrain.tasks.task import Target, Task
from nntrain.wording import with_article

T = TypeVar("T")

RUNNING_LOSS: Final = "train.running_loss"


@dataclass(frozen=True, slots=True)
class TargetPlan:
    """What is done for one target."""

    target: Target
    task: Task
    losses: tuple[Loss, ...]
    """What is added up, with the weight of each; all read the output through one link."""
    metrics: tuple[Metric, ...]

    @property
    def kind(self) -> TargetKind:
        """How the target reads."""
        return self.task.kind(self.target)

    @property
    def scored_kind(self) -> TargetKind:
        """How what losses score reads."""
        return self.task.scored_kind(self.target)

    @property
    def nodes(self) -> dict[str, str]:
        """The nodes that its task asks for, by what their outputs are called."""
        return {use.output(self.target.name, node): node for node, use in self.task.nodes(self.target).items()}

    @property
    def scored(self) -> list[str]:
        """The outputs that losses read: those that its task says, where it asks for nodes."""
        uses = self.task.nodes(self.target)
        return [output for output, node in self.nodes.items() if uses[node].is_scored] or [self.target.name]

    @property
    def link(self) -> Link:
        """How the network's output reads."""
        return self.losses[0].link(self.scored_kind)


def plan_targets(experiment: Experiment, plans: Sequence[FieldPlan], problems: list[Problem]) -> dict[str, TargetPlan]:
    """Task, losses and metrics of each target. One that something doesn't fit is left out, and `problems` says why."""
    names = [plan.name for plan in plans]
    for section in ("task", "loss", "metrics"):
        problems += _unknown_targets(section, getattr(experiment, section), names)
    found = {plan.name: _plan_target(experiment, plan, problems) for plan in plans}
    return {name: plan for name, plan in found.items() if plan is not None}


def reading_problems(
    experiment: Experiment, targets: Mapping[str, TargetPlan], inputs: Collection[str], *, has_validation: bool
) -> Iterator[Problem]:
    """Settings of tasks that don't fit their targets, can't be tuned, or name a field that is no input."""
    for name, plan in targets.items():
        path = task_path(experiment, name)
        for problem in plan.task.reading_problems(plan.target, has_validation=has_validation):
            yield replace(problem, path=(*path, *problem.path))
        for place, fields in plan.task.fields_named.items():
            for field in dict.fromkeys(each for each in fields if each not in inputs):
                near = nearest(field, inputs)
                told = f"nearest: {', '.join(near)}   " if near else ""
                yield Problem((*path, *place), f"no input has the name {field!r}", f"{told}inputs: {', '.join(inputs)}")


def resolved(targets: Mapping[str, TargetPlan], written: object) -> dict[str, object]:
    """The sections `task`, `loss` and `metrics` as a saved config has them: by target where there are several.

    Args:
        targets: The targets.
        written: The section `loss` of the config, which says how much parts count that layers add.
    """
    sections: dict[str, Callable[[TargetPlan], object]] = {
        "task": lambda plan: plan.task,
        "loss": lambda plan: plan.losses[0] if len(plan.losses) == 1 else plan.losses,
        "metrics": lambda plan: plan.metrics,
    }
    by_target = cast("object", written) if isinstance(written, dict) else None
    parts = {name: factor for path, name, factor in _said_parts(by_target) if path == ("loss", name)}
    if len(targets) == 1:
        plan = next(iter(targets.values()))
        if parts:
            first, *others = plan.losses
            plan = replace(plan, losses=(first.model_copy(update={"parts": {**(first.parts or {}), **parts}}), *others))
        return {section: read(plan) for section, read in sections.items()}
    found: dict[str, dict[str, object]] = {
        section: {name: read(plan) for name, plan in targets.items()} for section, read in sections.items()
    }
    return {**found, "loss": {**found["loss"], **parts}}


def loss_names(targets: Mapping[str, TargetPlan], parts: Iterable[str] = ()) -> list[str]:
    """The names under which losses are reported, without the split; what is minimised comes first.

    Args:
        targets: The targets.
        parts: What layers add to the loss: `<point>.<part>`.
    """
    found, parts = ["loss"], [f"loss.{part}" for part in parts]
    for name, plan in targets.items():
        is_single = len(targets) == 1
        prefix = "" if is_single else f"{name}."
        told_apart = len(plan.losses) > 1 or (is_single and bool(parts))
        found += [f"{prefix}loss", *(f"{prefix}loss.{loss.type}" for loss in plan.losses if told_apart)]
    return list(dict.fromkeys([*found, *parts]))


def part_factors(program: Program, experiment: Experiment) -> dict[str, float]:
    """How much the parts count that layers add to the loss, by `<point>.<part>`."""
    said = {name: factor for _, name, factor in _said_parts(experiment.loss)}
    return {name: said.get(name, factor) for name, factor in program.loss_parts.items()}


def part_problems(experiment: Experiment, program: Program) -> Iterator[Problem]:
    """Weights of parts that no layer adds, or that stand twice or elsewhere than beside the targets."""
    known, told = program.loss_parts, set[str]()
    for path, name, factor in _said_parts(experiment.loss):
        if isinstance(experiment.loss, dict) and len(path) > 2:
            yield Problem(
                path, "is the weight of a part, and stands beside the targets", f"fix:  loss: {{…, {name}: {factor:g}}}", on_key=True
            )
        elif name not in known and "." in name:  # without a dot it is no target either, which is told there
            parts = f"parts: {', '.join(known)}" if known else "no layer of this network adds one"
            yield Problem(path, f"no layer adds a part {name!r} to the loss", parts, on_key=True)
        elif name in told:
            yield Problem(path, f"the weight of {name} stands twice", "keep one of the two", on_key=True)
        told.add(name)


def _said_parts(written: object, path: YamlPath = ("loss",)) -> Iterator[tuple[YamlPath, str, float]]:
    """Place, name and weight of each part that a section `loss` speaks of: beside a loss, beside the targets."""
    if isinstance(written, Loss):
        yield from (((*path, name), name, factor) for name, factor in (written.parts or {}).items())
    entries: Iterable[tuple[str | int, object]] = ()
    if isinstance(written, dict):
        entries = cast("dict[str, object]", written).items()
    elif isinstance(written, tuple):
        entries = enumerate(cast("tuple[object, ...]", written))
    for place, entry in entries:
        if isinstance(entry, int | float) and isinstance(place, str):
            yield (*path, place), place, entry
        else:
            yield from _said_parts(entry, (*path, place))


def metric_directions(
    targets: Mapping[str, TargetPlan],
    *,
    has_validation: bool,
    own: Mapping[str, Direction] | None = None,
    parts: Iterable[str] = (),
) -> dict[str, Direction]:
    """Full names of all scalar metrics of a report, with the direction that is better.

    Args:
        targets: Whose losses and metrics are reported; the losses come first.
        has_validation: Whether there are validation rows.
        own: What a protocol reports in their place.
        parts: What layers add to the loss: `<point>.<part>`.
    """
    losses = loss_names(targets, parts)
    local: dict[str, Direction] = dict.fromkeys(losses, "min") if own is None else dict(own)
    for name, plan in targets.items() if own is None else ():
        prefix = f"{name}." if len(targets) > 1 else ""
        local |= {f"{prefix}{metric.label}": metric.direction for metric in plan.metrics if metric.monitored}
    splits = ("train", "validation") if has_validation else ("train",)
    return {**{f"{split}.{name}": direction for split in splits for name, direction in local.items()}, RUNNING_LOSS: "min"}


def _unknown_targets(section: str, written: object, names: Sequence[str]) -> Iterator[Problem]:
    """Entries of a mapping by target that name none; in `loss` there are weights of parts beside them."""
    for name, entry in cast("dict[str, Any]", written).items() if isinstance(written, dict) else ():
        if name in names and isinstance(entry, int | float):
            yield Problem((section, name), f"is a target, and needs a loss, got {entry:g}", f"fix:  {name}: {{type: …, weight: {entry:g}}}")
        elif name not in names and not (isinstance(entry, int | float) and "." in name):
            near = nearest(name, names)
            told = f"nearest: {', '.join(near)}   " if near else ""
            yield Problem((section, name), f"no target {name!r}", f"{told}targets: {', '.join(names)}", on_key=True)


def task_path(experiment: Experiment, target: str) -> YamlPath:
    """Where the task of a target stands."""
    return _of(experiment.task, "task", target)[1]


def _of(written: object, section: str, target: str) -> tuple[Any, YamlPath]:
    """What a section says for a target, and where; `None` where it says nothing."""
    if isinstance(written, dict):
        found = cast("dict[str, Any]", written).get(target)
        return None if isinstance(found, int | float) else found, (section, target)
    return written, (section,)


def _plan_target(experiment: Experiment, plan: FieldPlan, problems: list[Problem]) -> TargetPlan | None:
    """Task, losses and metrics of a target; `None` where one of them doesn't fit."""
    separator: str | None = getattr(plan.field, "separator", None)
    target = Target(plan.name, plan.field.type, plan.spec, plan.classes, separator or "|", plan.to_text)
    task = _task(experiment, plan, target, problems)
    if task is None:
        return None
    if plan.of_nodes and task.unit_axis(target) is None:
        message = f"{task.type} has one answer a row, and {plan.name} has one for each node of a graph"
        hint = "fix:  type: category, boolean or multi_label; or a column of data.source.graphs, for a graph as a whole"
        problems.append(Problem(("data", "fields", plan.written), message, hint))
        return None
    if getattr(plan.field, "unknown", None) == "class" and not task.takes_strangers:
        message = f"makes classes of what training never showed, and {task.type} has an output for each class that it did"
        path = ("data", "fields", plan.written, "unknown")
        takers = [tag for tag, location in TASKS.items() if cast("type[Task]", load_class(location)).takes_strangers]
        problems.append(Problem(path, message, f"fix:  leave unknown out; or  task: {' or '.join(takers)}, which compares rows"))
    losses, wrong = _losses(experiment, plan, task, target)
    metrics, misfits = _metrics(experiment, task, target)
    problems += [*wrong, *misfits]
    return None if wrong or misfits else TargetPlan(target, task, losses, metrics)


def _task(experiment: Experiment, plan: FieldPlan, target: Target, problems: list[Problem]) -> Task | None:
    task, path = cast("tuple[Task | None, YamlPath]", _of(experiment.task, "task", target.name))
    if task is None:
        tag = plan.task or plan.field.task or experiment.data.source.task or TASK_OF_FIELD.get(target.field_type)
        if tag is not None:
            return _make(TASKS[tag], Task)
        known = ", ".join(sorted(TASK_OF_FIELD))
        problems.append(Problem(("data", "fields", plan.name), f"no task has a target of type {target.field_type}", f"one of: {known}"))
        return None
    if task.forecasts and experiment.data.window is None:
        problems.append(Problem(path, f"{task.type} needs windows over rows in their order", "fix:  data.window: {past: 96, horizon: 24}"))
        return None
    if target.field_type in task.field_types:
        return task
    accepted = " or ".join(sorted(task.field_types))
    needs_none = "row" in task.field_types and task.joined(target)
    fix = f"fix:  data.fields.{plan.name}: {{role: ignore}}" if needs_none else _retype(plan, task)
    problems.append(
        Problem(
            path,
            f"{task.type} needs a target of type {accepted}; {plan.name} is {with_article(target.field_type)}",
            fix,
        )
    )
    return None


def _retype(plan: FieldPlan, task: Task) -> str:
    if task.wanted is not None:
        return f"fix:  leave task out, or  {task.wanted}"
    if plan.spec.is_packed and not plan.of_nodes:
        return "fix:  leave task out"
    wanted = next((field_type for field_type, tag in TASK_OF_FIELD.items() if tag == task.type), min(task.field_types))
    return f"fix:  leave task out, or  data.fields.{plan.name}: {{type: {wanted}, role: target}}"


def _make(location: str, base: type[T], options: Mapping[str, Any] | None = None) -> T:
    made = load_class(location).parse(options or {})
    assert isinstance(made, base)
    return made


def _losses(experiment: Experiment, plan: FieldPlan, task: Task, target: Target) -> tuple[tuple[Loss, ...], list[Problem]]:
    written, path = _of(experiment.loss, "loss", target.name)
    if written is None:
        return (_make(LOSSES[task.losses(target)[0]], Loss, task.loss_options(target)),), []
    losses = cast("tuple[Loss, ...]", written if isinstance(written, tuple) else (written,))
    paths = [(*path, place) for place in range(len(losses))] if isinstance(written, tuple) else [path]
    if not losses:
        return (), [Problem(path, "is an empty list: nothing would be minimised", f"fix:  loss: {task.losses(target)[0]}")]
    problems = [problem for loss, place in zip(losses, paths, strict=True) for problem in _loss_problems(loss, place, plan, task, target)]
    if not problems:
        problems += _sum_problems(losses, paths, task.scored_kind(target))
    return losses, problems


def _loss_problems(loss: Loss, path: YamlPath, plan: FieldPlan, task: Task, target: Target) -> Iterator[Problem]:
    """Why a loss can't score a target, or an option of it does nothing."""
    kind = task.scored_kind(target)
    reads_maps = task.unit_axis(target) != "pixel" or loss.type in task.losses(target)
    if kind not in loss.targets or not reads_maps:
        first, *others = task.losses(target)
        what = f"{loss.type} does not fit the target {target.name} ({in_words(task, target)})"
        yield Problem(path, what, f"fix:  loss: {first}   or one of: {', '.join(others)}")
        return
    normalize, field = str(getattr(plan.field, "normalize", "none")), plan.written
    role = "target" if plan.field.role_set <= {"target"} else f"[{', '.join(sorted(plan.field.role_set))}]"
    if kind == "values" and loss.scalings is not None and normalize not in loss.scalings:
        fitting = ("unit",) if target.field_type == "image" else ("none", "minmax")
        wanted = next(scaling for scaling in fitting if scaling in loss.scalings)
        yield Problem(
            path,
            f"{loss.type} scores the values as they are, and {target.name} is scaled (normalize: {normalize})",
            f"fix:  data.fields.{field}: {{type: {target.field_type}, role: {role}, normalize: {wanted}}}",
        )
    if loss.reduction == "sum" and target.spec.rank == 0:
        yield Problem((*path, "reduction"), f"has no effect: {target.name} has one value a row", on_key=True)
    for option, why in loss.idle(kind):
        yield Problem((*path, option), f"has no effect: {why}", on_key=True)
    if isinstance(loss, ClassLoss) and loss.class_weights is not None and target.field_type == "text":
        yield Problem(
            (*path, "class_weights"), f"weighs classes, and {target.name} is a text, whose tokens are none", "remove it", on_key=True
        )
    elif isinstance(loss, ClassLoss) and isinstance(loss.class_weights, dict) and target.classes:
        yield from _unknown_classes(loss.class_weights, (*path, "class_weights"), target)


def _unknown_classes(names: Iterable[str], path: YamlPath, target: Target) -> Iterator[Problem]:
    known = target.classes
    for name in names:
        if name not in known:
            near = nearest(name, known)
            listed = ", ".join(known[:12]) + (f", … ({len(known)})" if len(known) > 12 else "")
            told = f"nearest: {', '.join(near)}   " if near else ""
            yield Problem((*path, name), f"{target.name} has no class {name!r}", f"{told}classes: {listed}", on_key=True)


def _sum_problems(losses: Sequence[Loss], paths: Sequence[YamlPath], kind: TargetKind) -> Iterator[Problem]:
    """Losses that can't be added up: one twice, or two that read the output in different ways."""
    for place, (loss, path) in enumerate(zip(losses, paths, strict=True)):
        if loss.type in [other.type for other in losses[:place]]:
            yield Problem(path, f"{loss.type} is in the list already", "fix:  one of the two, with another weight")
        elif loss.link(kind) != losses[0].link(kind):
            yield Problem(
                path,
                f"{loss.type} and {losses[0].type} read the output of the network in different ways, so they can't share it",
                "keep one of the two",
            )


def _metrics(experiment: Experiment, task: Task, target: Target) -> tuple[tuple[Metric, ...], list[Problem]]:
    written, path = _of(experiment.metrics, "metrics", target.name)
    if written is None:
        options = task.metric_options(target)
        return tuple(_make(METRICS[tag], Metric, options.get(tag)) for tag in task.metrics(target)), []
    metrics = cast("tuple[Metric, ...]", written)
    if metrics and not task.supervised:
        return (), [Problem(path, f"{task.type} takes none: what counts is {task.reported}, which the protocol reports", "remove it")]
    return metrics, [problem for place, metric in enumerate(metrics) for problem in _misfits((*path, place), metric, task, target)]


def _misfits(path: YamlPath, metric: Metric, task: Task, target: Target) -> Iterator[Problem]:
    """Why a metric can't judge a target."""
    if task.kind(target) not in metric.fits:
        what = f"{metric.type} does not fit the target {target.name} ({in_words(task, target)})"
        yield Problem(path, what, f"fitting: {', '.join(task.metrics(target))}")
        return
    try:
        metric.check(metric_info(task, target))
    except SpecError as error:
        yield Problem(path, f"{metric.type}: {error.message}", error.hint)


def in_words(task: Task, target: Target) -> str:
    """What a target is, for messages."""
    words = {"classes": "one of several classes", "binary": "yes or no", "labels": "any of some labels", "ordinal": "classes in order"}
    words |= {
        "origin": "real or generated",
        "sequence": "a sequence of tokens",
        "neighbors": "classes whose rows are to lie near each other",
        "pairs": "two things that belong together",
        "triplets": "two things that belong together, and one that does not",
    }
    return words.get(task.kind(target), "a number" if target.spec.rank == 0 else "numbers")
