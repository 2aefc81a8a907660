"""Images that grow while a network is trained (`progressive_resizing`), beside everything that has one size. Torch-free."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import cast

from nntrain.data.field_plan import FieldPlan
from nntrain.errors import Problem, SpecError
from nntrain.layers.layer import Layer
from nntrain.layers.linear import Head
from nntrain.layers.program import Program, Value
from nntrain.protocols.protocol import Protocol
from nntrain.specs import MASK, Spec
from nntrain.targets import TargetPlan
from nntrain.training.settings import TrainingSettings

Sizes = tuple[int, int]


def resizing_problems(
    plans: Sequence[FieldPlan],
    targets: Mapping[str, TargetPlan],
    program: Program | None,
    training: TrainingSettings,
    protocol: Protocol,
) -> Iterator[Problem]:
    """Why images can't grow, and which layer reads one size alone.

    Args:
        plans: The fields.
        targets: What is predicted.
        program: The network for images of the full size, if it could be compiled.
        training: The training section with its defaults.
        protocol: In which order batches come.
    """
    growing = [plan for plan in plans if plan.role == "input" and plan.field.resizing is not None]
    maps = {name: plan.target.spec for name, plan in targets.items() if plan.target.spec.axes[-2:] == MASK}
    alone = True
    for place, plan in enumerate(growing):
        path = ("data", "fields", plan.written, "progressive_resizing")
        for message, hint in _faults(plan, maps, training, protocol, is_second=place > 0):
            alone = False
            yield Problem(path, message, hint, on_key=True)
    sizes = {plan.name: _full(plan.spec) for plan in growing}
    if growing and alone and program is not None and all(sizes.values()):
        yield from _one_size(growing, cast("dict[str, Sizes]", sizes), maps, program)


def _faults(
    plan: FieldPlan, maps: Mapping[str, Spec], training: TrainingSettings, protocol: Protocol, *, is_second: bool
) -> Iterator[tuple[str, str]]:
    """What is wrong with the option itself, and how to fix it."""
    resizing, full = plan.field.resizing, _full(plan.spec)
    assert resizing is not None
    if not protocol.resizes:
        yield f"has no effect: {protocol.type} shows rows in their full size", "remove it"
    if training.max_epochs is None and training.max_steps is None:
        what = "grows over fractions of the run, and max_minutes alone gives no number of steps"
        yield what, "fix:  training.max_epochs or training.max_steps"
    if full is None:
        return
    if resizing.size(full, 0.0) == full:
        yield (
            f"has no effect: images of {_shown(full)} have no smaller size in steps of {resizing.size_increment}",
            "a smaller size_increment",
        )
    for name, spec in maps.items():
        if _full(spec) is not None and _full(spec) != full:
            yield f"{plan.name} is {_shown(full)} and {name} has another size, so that they can't be resized alike", "one size for both"
        elif is_second:
            yield f"another image grows too, and {name} belongs to the pixels of both", "let one of them grow"


def _one_size(growing: Sequence[FieldPlan], sizes: Mapping[str, Sizes], maps: Mapping[str, Spec], program: Program) -> Iterator[Problem]:
    """The first layer that can't read a size that images have on their way; the smallest comes first."""
    resized = {plan.name: plan.field.resizing for plan in growing}
    moments = {moment for name, resizing in resized.items() if resizing is not None for moment in resizing.changes(sizes[name])}
    seen = {tuple(sizes.values())}
    for moment in sorted(moments):
        small = {name: resizing.size(sizes[name], moment) for name, resizing in resized.items() if resizing is not None}
        if tuple(small.values()) in seen:
            continue
        seen.add(tuple(small.values()))
        problem = _first_misfit(program, small, sizes, maps)
        if problem is not None:
            yield problem
            return


def _first_misfit(program: Program, small: Mapping[str, Sizes], full: Mapping[str, Sizes], maps: Mapping[str, Spec]) -> Problem | None:
    """Run the shapes of the network over smaller images: its layers stay those that were made for the full ones."""
    found: dict[tuple[str | None, str | None], Spec] = {}
    name = next(iter(small))
    at, whole = _shown(small[name]), _shown(full[name])
    hint = f"leave data.fields.{name}.progressive_resizing out, or another size_increment or initial_scale"

    def now(value: Value) -> Spec:
        if value.step is None and value.output is not None and value.output in small:
            height, width = small[value.output]
            return value.spec.with_sizes(height=height, width=width)
        return found.get(value.key, value.spec)

    for step in program.steps:
        specs = [now(value) for value in step.inputs]
        before = [value.spec for value in step.inputs]
        if specs == before:
            continue
        try:
            found[step.output.key] = _fed(step.layer, small[name]).out_spec(*specs)
            extras = step.layer.extra_specs(specs[0])
        except SpecError as error:
            return Problem(step.path, f"with images of {at} (progressive_resizing), {step.layer.type} {error.message}", error.hint or hint)
        found |= {value.key: extras[str(value.output)] for value in step.extras}
        if step.layer.parameter_shapes(*specs) != step.layer.parameter_shapes(*before):
            message = f"{step.layer.type} gets {specs[0]} of images of {at} (progressive_resizing) and {before[0]} of those of {whole}"
            return Problem(step.path, f"{message}, and its weights fit one of them", _flat_hint(program, step.inputs[0], hint))
    for output, value in program.outputs.items():
        target = program.auxiliary[output].target if output in program.auxiliary else output
        given, wanted = now(value), _resized(value.spec, small[name]) if target in maps else value.spec
        if given != wanted:
            path = next((step.path for step in program.steps if step.name == value.step), ("architecture",))
            return Problem(path, f"with images of {at} (progressive_resizing), {output} is {given} and must be {wanted}", hint)
    return None


def _flat_hint(program: Program, value: Value, otherwise: str) -> str:
    """What to put in the place of a flatten."""
    made = next((step for step in program.steps if step.name == value.step), None)
    is_flat = made is not None and made.layer.type == "flatten"
    return "fix:  global_avg_pool in place of flatten; of a family, reduce: mean" if is_flat else otherwise


def _fed(layer: Layer, size: Sizes) -> Layer:
    """A layer as it is where images have another size: the output layer of a task gives something for as many pixels as there are."""
    if isinstance(layer, Head) and layer.output.axes[-2:] == MASK:
        return layer.model_copy(update={"output": _resized(layer.output, size)})
    return layer


def _resized(spec: Spec, size: Sizes) -> Spec:
    return spec.with_sizes(height=size[0], width=size[1])


def _full(spec: Spec) -> Sizes | None:
    """Height and width, where both are known."""
    height, width = spec.sizes[-2:]
    return (height, width) if isinstance(height, int) and isinstance(width, int) else None


def _shown(size: Sizes) -> str:
    return f"{size[0]} x {size[1]}"
