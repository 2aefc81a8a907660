"""Networks that do not go with what their task says belongs together: pairs of one thing, views that do not differ. Torch-free."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from nntrain.config.experiment import Experiment
from nntrain.errors import Problem, YamlPath
from nntrain.layers.program import Program
from nntrain.protocols.protocol import Supervised
from nntrain.specs import blocks
from nntrain.targets import TargetPlan, task_path


def belonging_problems(experiment: Experiment, program: Program, targets: Mapping[str, TargetPlan]) -> Iterator[Problem]:
    """Nodes that are compared and read the same fields, and rows that are shown several times and never change."""
    yield from _bins_without_target(program, targets)
    for name, plan in targets.items():
        path = task_path(experiment, name)
        yield from _same_inputs((*path, "pairs"), program, name, plan.task.joined(plan.target))
        if plan.task.times_shown > 1 and not any(field.is_changed_at_random for field in experiment.data.fields.values()):
            images = [key for key, spec in program.inputs.items() if len(spec.axes) == 3]
            fix = f"fix:  data.fields.{images[0]}.augment: [flip, shift: 0.1]; sounds have it too" if images else None
            message = f"shows each row {plan.task.times_shown} times, and nothing changes it: all views would be equal"
            yield Problem((*path, "views"), message, fix or "remove views: only images and sounds have augment")
        yield from _unscored_members(experiment, program, name, plan)


def _bins_without_target(program: Program, targets: Mapping[str, TargetPlan]) -> Iterator[Problem]:
    """Bins that are to be placed by the target, where rows have no single one."""
    is_single = len(targets) == 1 and all(plan.target.spec.rank == 0 for plan in targets.values())
    for step in program.steps:
        if not is_single and step.layer.type == "ple" and getattr(step.layer, "by", None) == "target":
            message = "ple by target needs one target of a class or number a row"
            yield Problem(("architecture", "inputs") if step.stage == "inputs" else step.path, message, "fix:  by: quantile")
            return


def _unscored_members(experiment: Experiment, program: Program, name: str, plan: TargetPlan) -> Iterator[Problem]:
    """Members of an ensemble where something else than each row by itself is scored."""
    if name not in program.outputs or program.members_of(name) == 1:
        return
    loss = next((loss for loss in plan.losses if loss.compares_rows(plan.scored_kind)), None)
    protocol = None if experiment.training is None else experiment.training.protocol
    reader = None if loss is None else f"{loss.type} compares the rows of a batch"
    if reader is None and protocol is not None and not isinstance(protocol, Supervised):
        reader = f"{protocol.type} reads the output by itself"
    if reader is not None:
        yield Problem(
            ("architecture",), f"has members, each with an answer of its own, and {reader}", "fix:  leave ensemble out, or type: mlp"
        )


def compared_fields(program: Program, target: str, nodes: tuple[str, ...]) -> tuple[str, ...] | None:
    """The field that each of some nodes reads, side by side in the output of a target; `None` where one reads several, or numbers."""
    read = [fields for _, fields in _inputs_of(program, target, nodes)]
    in_blocks = {field for fields in blocks(program.inputs).values() for field in fields}
    is_alone = bool(read) and all(len(fields) == 1 and not fields & in_blocks for fields in read)
    return tuple(field for fields in read for field in fields) if is_alone else None


def _inputs_of(program: Program, target: str, nodes: tuple[str, ...]) -> list[tuple[str, frozenset[str]]]:
    """The fields that each of some nodes reads, single numbers and categories among them."""
    value = program.outputs.get(target)
    step = next((step for step in program.steps if value is not None and step.name == value.step), None)
    if step is None or not nodes:
        return []
    parts = zip(nodes, step.inputs, strict=True)
    return [(node, frozenset(program.made_of(part))) for node, part in parts]


def _same_inputs(path: YamlPath, program: Program, target: str, nodes: tuple[str, ...]) -> Iterator[Problem]:
    """Nodes that read what another one reads, and nothing else."""
    read = dict(_inputs_of(program, target, nodes))
    for node, fields in read.items():
        others = [other for other in nodes[: nodes.index(node)] if fields and read[other] == fields]
        if others:
            what = f"{others[0]} and {node} read the same ({', '.join(sorted(fields))}): there is nothing to find"
            yield Problem(path, what, "fix:  a field of its own for each; or  views: 2  for random changes of one")
