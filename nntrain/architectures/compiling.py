"""From an architecture to a program: input stage, body, output layers, and every problem on the way. Torch-free."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace

from nntrain.architectures.architecture import Architecture, Ending
from nntrain.architectures.hanging import hang, join, read_points
from nntrain.architectures.parameters import adapt, freeze, initializer_problems, tie
from nntrain.errors import ConfigError, Problem, SpecError, YamlPath
from nntrain.layers.causality import check_causal
from nntrain.layers.inputs import check_encodings, field_encoder
from nntrain.layers.layer import Layer
from nntrain.layers.linear import fitted_sizes, needed, rank_hint
from nntrain.layers.program import Auxiliary, Program, Value
from nntrain.layers.regularizing import check_placed, check_written, grade_depths
from nntrain.layers.requirements import channel_axis, one_row_hint
from nntrain.layers.scope import Draft, Scope, UnplacedError
from nntrain.layers.settings import MAX_LAYERS
from nntrain.losses.links import Identity, Link
from nntrain.regularization import Regularization
from nntrain.specs import MEMBERS, NODES, PAIRS, SEQUENCE, VECTOR, Free, Spec, teacher_port


def compile_program(  # noqa: PLR0913 (what is compiled, and what is known of its targets)
    architecture: Architecture,
    inputs: Mapping[str, Spec],
    needs: Mapping[str, Spec],
    regularization: Regularization | None = None,
    ports: Mapping[str, Spec] | None = None,
    beside: Mapping[str, str] | None = None,
    ahead: Collection[str] = (),
    drawn: Mapping[str, Spec] | None = None,
    nodes: Mapping[str, str] | None = None,
    unused: Mapping[str, tuple[str, str | None]] | None = None,
    joined: Mapping[str, Sequence[str]] | None = None,
    points: Mapping[str, str] | None = None,
    tasks: Mapping[str, YamlPath] | None = None,
    links: Mapping[str, Link] | None = None,
) -> Program:
    """Compile an architecture.

    Args:
        architecture: What the config says.
        inputs: Input fields, in the order of the file; sizes that only fitting tells may be unknown.
        needs: What the task wants for each target.
        regularization: Dropout and norm are placed here.
        ports: What tasks give the network to read beside the fields, by target: `teacher.<target>` in it.
        beside: Inputs that have as many steps as another one, and that one.
        ahead: Targets whose steps come after those of the inputs.
        drawn: What is drawn for each row, by the name under which nodes may read it.
        nodes: Nodes that are the outputs as they are, without a layer of the task, by output.
        unused: Columns that are no input: what is to be said of each where it is named, and how it becomes one.
        joined: Nodes that are an output side by side, by target.
        points: Named points that are outputs beside those of the targets, and that no loss reads, by output.
        tasks: Where the task stands that asks for nodes side by side, by target, or for a point, by output.
        links: How the losses of each target read its output; without an entry as it is.

    Raises:
        ConfigError: With all problems that were found, not rendered.
    """
    path: YamlPath = ("architecture",)
    taught = {teacher_port(name): spec for name, spec in (ports or {}).items()}
    draft = Draft(path, inputs, {**taught, **(drawn or {})}, beside=beside or {}, ahead=frozenset(ahead), unused=unused or {})
    scope = Scope(draft, path, (regularization or Regularization()).context).under(architecture).starting(architecture.initial())
    encodings = architecture.inputs or {}
    scope = replace(scope, encode_field=field_encoder(encodings), needs=needs, implied=architecture.implied())
    check_encodings(scope.at("inputs"), encodings)
    written = list(architecture.written(path))
    if len(written) > MAX_LAYERS:
        raise ConfigError(
            [Problem(path, f"has {len(written):,} layers, and a config may have {MAX_LAYERS:,}", "fewer layers", on_key=True)]
        )
    draft.problems += check_written(written, scope.context)
    draft.problems += _misplaced(written)
    hung = architecture if not nodes else hang(architecture, nodes, scope)
    try:
        if hung is None:
            endings = dict[str, Sequence[Ending]]()
        else:
            endings = join(hung, joined, needs.keys(), scope, tasks or {}) if joined else hung.endings(scope, needs.keys())
    except UnplacedError:
        endings = dict[str, Sequence[Ending]]()
    endings = {
        name: [replace(each, is_output=each.is_output or name in (nodes or {})) for each in heads] for name, heads in endings.items()
    }
    _check_shared(scope, endings)
    outputs, auxiliary = _outputs(scope, endings, needs, links or {})
    beside_targets = dict(read_points(points or {}, scope, tasks or {})) if outputs else {}
    outputs |= beside_targets
    program = Program(
        inputs, tuple(grade_depths(draft.steps).values()), outputs, auxiliary, drawn=drawn or {}, unscored=frozenset(beside_targets)
    )
    if not draft.problems:
        draft.problems += check_placed([step.layer for step in program.steps], scope.context)
        draft.problems += check_causal(program.steps)
        draft.problems += initializer_problems(program)
        program = tie(program, architecture.tied(program), (*path, "tie"), draft.problems)
        program = freeze(program, architecture.freeze, architecture.frozen_places(path), path, draft.problems)
        program = adapt(program, architecture.adapter, (*path, "adapter"), draft.problems)
    if draft.problems:
        raise ConfigError(draft.problems)
    return program


def _misplaced(written: Sequence[tuple[YamlPath, Layer]]) -> Iterator[Problem]:
    """Options of a whole architecture that stand at a layer or at a family among layers, which gets no fields."""
    for path, layer in written:
        if isinstance(layer, Architecture) and layer.inputs is not None:
            yield Problem((*path, "inputs"), "belongs to the architecture or, as encode, to a node", "fix:  architecture.inputs")
        if isinstance(layer, Architecture) and layer.tie is not None:
            yield Problem((*path, "tie"), "belongs to the architecture", "fix:  architecture.tie")
        if isinstance(layer, Architecture) and layer.adapter is not None:
            yield Problem((*path, "adapter"), "belongs to the architecture as a whole", "fix:  architecture.adapter, with match: PART")
        if isinstance(layer, Architecture) and layer.init is not None:
            yield Problem((*path, "init"), "belongs to the architecture as a whole", "fix:  architecture.init, with map: {PART: THERE}")
        if not isinstance(layer.freeze, bool):
            yield Problem((*path, "freeze"), "names parameters, which the architecture does", "fix:  freeze: true, or architecture.freeze")


def _check_shared(scope: Scope, endings: Mapping[str, Sequence[Ending]]) -> None:
    """A layer that is its own output can serve one target only."""
    flat = {_head_name(name, index): ending for name, heads in endings.items() for index, ending in enumerate(heads)}
    for name, ending in flat.items():
        others = [other for other in flat if other != name and flat[other].value.key == ending.value.key]
        if ending.is_output and others and name == min(name, *others):
            replace(scope, path=ending.path).fail(
                f"is the output itself, and {' and '.join([name, *others])} both hang on it",
                "fix:  put an activation (- relu) after it: then each target gets an output layer of its own",
            )


def _outputs(
    scope: Scope, endings: Mapping[str, Sequence[Ending]], needs: Mapping[str, Spec], links: Mapping[str, Link]
) -> tuple[dict[str, Value], dict[str, Auxiliary]]:
    """The values that are read off, by target and auxiliary head; those that do not fit are left out."""
    outputs: dict[str, Value] = {}
    auxiliary: dict[str, Auxiliary] = {}
    for target, heads in endings.items():
        for index, ending in enumerate(heads):
            name = _head_name(target, index)
            value = _output(scope, target, name, ending, needs, links.get(target, Identity()))
            if value is None:
                continue
            outputs[name] = value
            if index:
                auxiliary[name] = Auxiliary(target, ending.weight)
    return outputs, auxiliary


def _head_name(target: str, index: int) -> str:
    """Name of an output: the target, then its auxiliary heads."""
    return target if index == 0 else f"{target}.aux_{index}"


def _output(scope: Scope, target: str, name: str, ending: Ending, needs: Mapping[str, Spec], link: Link) -> Value | None:
    """The value that is read off for a head of a target; `None` where it does not fit."""
    need = needs[target]
    scope = replace(scope, path=ending.path, stage="head", note="added for the task", prefix="" if len(needs) == 1 else "head.")
    try:
        if not ending.is_output or _lacks_pairs(need, ending):
            own = "head" + name[len(target) :] if len(needs) == 1 else name
            added = scope.add(_head(need, ending, link), ending.value, name=re.sub(r"\W", "_", own))
            return replace(added, spec=added.spec.with_kind(need.kind))
        return _own_output(scope, target, ending.value, need)
    except UnplacedError:
        return None


def _lacks_pairs(need: Spec, ending: Ending) -> bool:
    """Whether nodes come out where pairs of them are asked for: no layer of nodes is an output then."""
    return need.axes == PAIRS and ending.value.spec.axes == NODES


def _head(need: Spec, ending: Ending, link: Link) -> Layer:
    """The output layer that a task adds."""
    need = replace(need, sizes=tuple(size.added if isinstance(size, Free) else size for size in need.sizes))
    if _lacks_pairs(need, ending):
        from nntrain.layers.pairing import Pair

        return Pair()
    if need.axes == SEQUENCE and ending.value.spec.axes == VECTOR:
        from nntrain.layers.series import StepsHead

        if StepsHead.fits(ending.value.spec, need):
            return StepsHead(output=need)
    if ending.value.spec.axes == MEMBERS:
        from nntrain.layers.ensemble import EnsembleHead

        return EnsembleHead(output=need, link=link)
    return ending.head(need)


def _own_output(scope: Scope, target: str, value: Value, need: Spec) -> Value:
    """A layer of the config as the output: it must be what the task needs."""
    spec, origin = value.spec, scope.origin(value)
    if spec.axes != need.axes:
        raise scope.fail(
            f"{target} needs {needed(need)} and gets {spec.describe()} from {origin}, the output of this network",
            one_row_hint(spec) if need.axes == VECTOR else rank_hint(need),
        )
    try:
        fitted_sizes(spec, need)
    except SpecError as error:
        raise scope.fail(f"{target} {error.message}", error.hint) from None
    wanted, found = need.size(channel_axis(need)), spec.size(channel_axis(spec))
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
