"""From an architecture to a program: input stage, body, output layers, and every problem on the way. Torch-free."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from nntrain.architectures.architecture import Architecture, Ending
from nntrain.architectures.family import Family
from nntrain.errors import ConfigError, Problem, YamlPath
from nntrain.layers.initialization import FanInitializer
from nntrain.layers.inputs import check_encodings, field_encoder
from nntrain.layers.linear import Head
from nntrain.layers.program import Program, Step, Value
from nntrain.layers.regularizing import check_placed, check_written
from nntrain.layers.requirements import one_row_hint
from nntrain.layers.scope import Draft, Scope, UnplacedError, near_names
from nntrain.layers.weights import InitializerRule
from nntrain.regularization import Regularization
from nntrain.specs import VECTOR, Spec


def compile_program(
    architecture: Architecture,
    inputs: Mapping[str, Spec],
    needs: Mapping[str, Spec],
    regularization: Regularization | None = None,
    path: YamlPath = ("architecture",),
) -> Program:
    """Compile an architecture.

    Args:
        architecture: What the config says.
        inputs: Input fields, in the order of the file; sizes that only fitting tells may be unknown.
        needs: What the task wants for each target.
        regularization: Dropout and norm are placed here.
        path: Where the architecture stands in the config.

    Raises:
        ConfigError: With all problems that were found, not rendered.
    """
    draft = Draft(path, inputs)
    scope = Scope(draft, path, (regularization or Regularization()).context).under(architecture)
    encodings = architecture.inputs or {}
    scope = replace(scope, encode_field=field_encoder(encodings), needs=needs)
    check_encodings(scope.at("inputs"), encodings)
    written = list(architecture.written(path))
    draft.problems += check_written(written, scope.context)
    draft.problems += _misplaced_inputs(written)
    try:
        endings = architecture.endings(scope, needs.keys())
    except UnplacedError:
        endings = dict[str, Ending]()
    _check_shared(scope, endings)
    outputs = {name: value for name, ending in endings.items() if (value := _output(scope, name, ending, needs)) is not None}
    program = Program(inputs, tuple(draft.steps.values()), outputs)
    if not draft.problems:
        draft.problems += check_placed([step.layer for step in program.steps], scope.context)
        draft.problems += _initializer_problems(program)
    if draft.problems:
        raise ConfigError(draft.problems)
    return program


def _misplaced_inputs(written: Sequence[tuple[YamlPath, object]]) -> list[Problem]:
    """`inputs` of a family that stands among layers: it gets no fields."""
    misplaced = [path for path, layer in written if isinstance(layer, Family) and layer.inputs is not None]
    return [
        Problem((*path, "inputs"), "belongs to the architecture or, as encode, to a node", "fix:  architecture.inputs")
        for path in misplaced
    ]


def _check_shared(scope: Scope, endings: Mapping[str, Ending]) -> None:
    """A layer that is its own output can serve one target only."""
    for name, ending in endings.items():
        others = [other for other in endings if other != name and endings[other].value.key == ending.value.key]
        if ending.is_output and others and name == min(name, *others):
            replace(scope, path=ending.path).fail(
                f"is the output itself, and {' and '.join([name, *others])} both hang on it",
                "fix:  put an activation (- relu) after it: then each target gets an output layer of its own",
            )


def _output(scope: Scope, target: str, ending: Ending, needs: Mapping[str, Spec]) -> Value | None:
    """The value that is read off for a target; `None` where it does not fit."""
    need = needs[target]
    scope = replace(scope, path=ending.path, stage="head", note="added for the task", prefix="" if len(needs) == 1 else "head.")
    try:
        if not ending.is_output:
            return scope.add(Head(output=need), ending.value, name="head" if len(needs) == 1 else re.sub(r"\W", "_", target))
        return _own_output(scope, target, ending.value, need)
    except UnplacedError:
        return None


def _own_output(scope: Scope, target: str, value: Value, need: Spec) -> Value:
    """A layer of the config as the output: it must be what the task needs."""
    spec, origin = value.spec, scope.origin(value)
    if spec.axes != need.axes:
        raise scope.fail(
            f"{target} needs one row of numbers per example and gets {spec.describe()} from {origin}, the output of this network",
            one_row_hint(spec) if need.axes == VECTOR else None,
        )
    wanted, found = need.sizes[-1], spec.sizes[-1]
    if isinstance(wanted, int) and isinstance(found, int) and wanted != found:
        numbers = f"{wanted} numbers" if wanted != 1 else "1 number"
        if spec.kind in {"probability", "log_prob"}:  # of the wrong number: the loss has a softmax or sigmoid of its own
            raise scope.fail(f"{target} needs {numbers} and gets {found} from {origin}", _without_last(scope, value, wanted))
        raise scope.fail(
            f"{target} needs {numbers} and gets {found} from {origin}: what ends in a {origin.split()[0]} is its own output",
            f"fix:  give it {wanted}, or put an activation (- relu) after it: then the output layer is added",
        )
    return replace(value, spec=spec.with_kind(need.kind)) if spec.kind == "float" else value


def _without_last(scope: Scope, value: Value, wanted: int) -> str:
    """How to end in numbers instead of probabilities."""
    steps = scope.draft.steps
    last = steps[value.step or ""]
    before = steps.get(last.inputs[0].step or "")
    size = f"  {before.layer.type}: {wanted}" if before is not None and before.layer.is_output() else f" {wanted}"
    return f"leave {last.layer.type} out, which is a part of the loss, and end in{size}"


def _initializer_problems(program: Program) -> list[Problem]:
    """Initializers that act on nothing, or on something they have no meaning for."""
    used: dict[YamlPath, tuple[InitializerRule, bool]] = {}
    problems: list[Problem] = []
    for step in program.steps:
        for rule in step.rules:
            matched = _matched(rule, step)
            used[rule.path] = (rule, used.get(rule.path, (rule, False))[1] or bool(matched))
            flat = [name for name, rank in matched if rank < 2 and isinstance(rule.initializer, FanInitializer)]
            if flat and rule.path not in {problem.path for problem in problems}:
                problems.append(
                    Problem(
                        rule.path,
                        f"{rule.initializer.type} counts inputs and outputs, which {step.name}.{flat[0]} has not",
                        "zeros or normal",
                    )
                )
    for rule, has_matched in used.values():
        if not has_matched:
            near = near_names(rule.pattern, [*(step.name for step in program.steps if step.parameter_shapes), *program.parameter_shapes])
            problems.append(Problem(rule.path, f"{rule.pattern!r} matches no parameter", f"there are: {near}" if near else None))
    return problems


def _matched(rule: InitializerRule, step: Step) -> list[tuple[str, int]]:
    shapes = step.parameter_shapes
    return [(name, len(shape)) for name, shape in shapes.items() if rule.matches(step.layer.type, step.name, name, len(shape))]
