"""What of the outputs of a network does not fit its targets: how they read, and what they are made of. Torch-free."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import product
from typing import cast

from nntrain.errors import Problem
from nntrain.insight.settings import ExplainSettings
from nntrain.layers.causality import looking_back, non_causal_step
from nntrain.layers.program import Program
from nntrain.losses.loss import Loss
from nntrain.losses.settings import LOSSES
from nntrain.schema import load_class
from nntrain.specs import MEANINGS, teacher_port
from nntrain.targets import TargetPlan


def output_problems(program: Program, targets: Mapping[str, TargetPlan]) -> Iterator[Problem]:
    """Outputs that losses would misread, and those that are made of what they are to predict."""
    yield from _check_outputs(program, targets)
    yield from _nodes_read(program, targets)
    yield from _misread_layers(program, targets)
    yield from _misread_ends(program, targets)
    yield from _look_ahead(program, targets)
    yield from _answers_read(program, targets)
    yield from _short_positions(program, targets)


def explain_problems(settings: ExplainSettings | None, targets: Mapping[str, TargetPlan]) -> Iterator[Problem]:
    """A section `explain` that says something of outputs which can't be explained, or that nothing reads."""
    if settings is not None:
        from nntrain.insight.explainable import problems

        yield from problems(settings, [(plan.task, plan.target) for plan in targets.values()])


def _check_outputs(program: Program, targets: Mapping[str, TargetPlan]) -> Iterator[Problem]:
    """Ends of a network that mean something else than its loss reads, such as a softmax that the loss contains."""
    steps = {step.name: step for step in program.steps}
    owners = {
        **{output: name for name, plan in targets.items() for output in plan.scored},
        **{name: head.target for name, head in program.auxiliary.items()},
    }
    for name, target in owners.items():
        plan, last = targets[target], steps.get(program.outputs[name].step or "")
        if last is not None and last.stage == "head":
            last = steps.get(last.inputs[0].step or "")
        if last is None:
            continue
        kind = last.spec.kind
        misread = next((loss for loss in plan.losses if kind not in loss.input_kinds), None)
        if kind not in MEANINGS or misread is None:
            continue
        takes = "takes logits" if "logits" in misread.input_kinds else "takes numbers without limits"
        if last.spec.sizes == last.inputs[0].spec.sizes:  # what comes in fits as it is
            why = f"{takes}: {last.layer.type} is a part of it" if "logits" in misread.input_kinds else takes
            message = f"{last.layer.type} turns the output into {MEANINGS[kind]}, and {misread.type} {why}"
            yield Problem(last.path, message, f"fix:  leave {last.layer.type} out")
        else:
            readers = [tag for tag in plan.task.losses(plan.target) if kind in cast("type[Loss]", load_class(LOSSES[tag])).input_kinds]
            message = f"gives {MEANINGS[kind]}, and {misread.type} {takes}"
            yield Problem(last.path, message, f"fix:  loss: {' or '.join(readers)}" if readers else f"fix:  leave {last.layer.type} out")


def _nodes_read(program: Program, targets: Mapping[str, TargetPlan]) -> Iterator[Problem]:
    """Nodes that a task asks for and that read something else than they should."""
    for plan in targets.values():
        if any(field not in program.inputs for fields in plan.task.fields_named.values() for field in fields):
            continue  # what should be read is told where the task names it
        uses = plan.task.nodes(plan.target)
        for output, node in plan.nodes.items():
            path, value, wanted = ("architecture", "nodes", node), program.outputs[output], uses[node].reads
            read = program.made_of(value)
            missing = [key for key in wanted if key not in read]
            wrong = [key for key in (*program.inputs, *program.drawn) if key not in wanted and key in read]
            if missing:
                yield Problem(
                    path,
                    f"does not read {missing[0]}, and the task {plan.task.type} needs it to",
                    f"fix:  let it, or a node that it reads, have  from: {missing[0]}",
                )
            elif wrong:
                message = f"reads {wrong[0]}, and in the task {plan.task.type} it is to read {' and '.join(wanted)} alone"
                yield Problem(path, message, f"fix:  from: {wanted[0] if len(wanted) == 1 else list(wanted)}".replace("'", ""))


def _misread_layers(program: Program, targets: Mapping[str, TargetPlan]) -> Iterator[Problem]:
    """Layers whose output a loss of a target must not read as it does."""
    losses = [(loss, loss.link(plan.scored_kind)) for plan in targets.values() for loss in plan.losses]
    for step, (loss, link) in product(program.steps, losses):
        found = step.layer.misreading(link)
        if found is not None:
            yield Problem(step.path, f"{found[0]} by {loss.type}", found[1])
            return


def _misread_ends(program: Program, targets: Mapping[str, TargetPlan]) -> Iterator[Problem]:
    """Networks that end in another layer than the one that a loss reads."""
    steps = {step.name: step for step in program.steps}
    for name, plan in targets.items():
        for loss in plan.losses:
            wanted, last = loss.last_layer(plan.scored_kind), steps.get(program.outputs[name].step or "")
            if wanted is None or last is None or last.layer.type == wanted.layer:
                continue
            before = steps.get(last.inputs[0].step or "") if last.stage == "head" else None
            message = f"{loss.type} reads the output of {wanted.layer} as it is, and gets that of {last.layer.describe()}"
            if before is not None and before.layer.type == wanted.layer:
                message += f", which is added behind {wanted.layer}"
            yield Problem(last.path, message, f"fix:  end in  {wanted.written}".replace("TARGET", name))


def _look_ahead(program: Program, targets: Mapping[str, TargetPlan]) -> Iterator[Problem]:
    """Layers by which a network would read what it is to predict, and networks that don't read what they are told of it."""
    for name, plan in targets.items():
        port = teacher_port(name) if plan.task.port(plan.target) is not None else None
        if port is not None and not any(value.output == port for step in program.steps for value in step.inputs if value.step is None):
            message = f"writes no text: {plan.task.type} needs a network that reads what it has written so far of {name}"
            yield Problem(("architecture",), message, f"fix:  {plan.task.readers}or a node from: {port}")
        elif port is not None or plan.task.looks_back:
            step = non_causal_step(program, name, port or (name if name in program.inputs else None))
            if step is not None:
                message = f"{step.layer.type} looks ahead, and {plan.task.type} is to predict what comes next: the answer would be read"
                yield Problem(step.path, message, looking_back(step.layer))


def _answers_read(program: Program, targets: Mapping[str, TargetPlan]) -> Iterator[Problem]:
    """Outputs that are made of what the network is told of their own target, which nobody knows of new rows."""
    for name, plan in targets.items():
        port = teacher_port(name)
        if plan.task.port(plan.target) is None and any(program.hangs_on(value, port) for value in program.outputs.values()):
            message = f"an output is made of {port}, which nobody knows of new rows"
            yield Problem(("architecture",), message, f"fix:  read {port} in nodes that no output is made of")


def _short_positions(program: Program, targets: Mapping[str, TargetPlan]) -> Iterator[Problem]:
    """Positions that end before the longest text that a task writes does: evaluations would break off there."""
    for name, plan in targets.items():
        told = plan.task.most_told()
        for step in program.steps:
            lengths = step.inputs[0].lengths if step.inputs else None
            if told is None or lengths is None or lengths.field != teacher_port(name):
                continue
            most = step.layer.most_steps(step.inputs[0].spec)
            if most is not None and most < told:
                what = f"has vectors for {most} steps, and {plan.task.type} writes up to {told - 1} tokens of {name}, after a first one"
                fewer = f", or task.max_length: {most - 1}" if most > 1 else ""
                yield Problem((*step.path, "max_length"), what, f"fix:  max_length: {told}{fewer}")
