"""What a config says of parameters by their names: which start how, which are one, which stay as they are. Torch-free."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from nntrain.errors import Problem, YamlPath
from nntrain.layers.adapting import ADAPTED
from nntrain.layers.program import Program, Step
from nntrain.layers.weights import InitializerRule
from nntrain.parameter_names import matches, near_names, parts_of
from nntrain.specs import Size

if TYPE_CHECKING:
    from nntrain.layers.adapting import Lora


def tie(program: Program, pairs: Mapping[str, str], path: YamlPath, problems: list[Problem]) -> Program:
    """Make parameters one.

    Args:
        program: The program.
        pairs: Names of two parameters that are one.
        path: Place of the pairs in the config.
        problems: Takes what is wrong.
    """
    shapes = program.named_shapes
    order = list(shapes)
    first: dict[str, str] = {}
    for name, other in pairs.items():
        unknown = [wanted for wanted in (name, other) if wanted not in shapes]
        for wanted in unknown:
            near = ", ".join(near_names(wanted, shapes))
            problems.append(Problem((*path, name), f"no parameter {wanted!r}", f"near names: {near}", on_key=wanted == name))
        if unknown:
            continue
        if not _agree(shapes[name], shapes[other]):
            told = f"{name} is {_text(shapes[name])}, and {other} is {_text(shapes[other])}"
            problems.append(Problem((*path, name), f"{told}: tied parameters have one shape"))
            continue
        ends = sorted({_root(name, first), _root(other, first)}, key=order.index)
        if len(ends) == 1:
            problems.append(Problem((*path, name), f"{name} and {other} are one already", "remove this line"))
            continue
        first[ends[1]] = ends[0]
    return replace(program, ties={name: _root(name, first) for name in order if name in first})


def freeze(
    program: Program, said: bool | str | Sequence[str], places: Iterable[YamlPath], path: YamlPath, problems: list[Problem]
) -> Program:
    """Mark the parameters that stay as they are.

    Args:
        program: The program.
        said: What `architecture.freeze` says: patterns of parameter names.
        places: Items, nodes, or the whole architecture that say `freeze: true`.
        path: Place of the architecture in the config.
        problems: Takes what is wrong.
    """
    shapes = program.named_shapes
    frozen: set[str] = set()
    steps: set[str] = set()
    for place in places:
        below = [step for step in program.steps if step.path[: len(place)] == place and step.stage != "head"]
        steps |= {step.name for step in below}
        names = [f"{step.name}.{name}" for step in below for name in step.parameter_shapes]
        if not names:
            problems.append(Problem((*place, "freeze"), "has no effect: there are no weights in it", "remove it", on_key=True))
        frozen.update(names)
    for place, pattern in _patterns(said):
        names = [name for name in shapes if matches(pattern, name)]
        steps |= {step.name for step in program.steps if any(matches(pattern, part) for part in parts_of(step.name))}
        if not names:
            near = ", ".join(near_names(pattern, shapes))
            problems.append(Problem((*path, *place), f"{pattern!r} matches no parameter", f"near names: {near}"))
        frozen.update(names)
    frozen |= {program.ties[name] for name in frozen & program.ties.keys()}
    frozen |= {name for name, other in program.ties.items() if other in frozen}
    steps |= {
        step.name for step in program.steps if step.parameter_shapes and all(_full(step, name) in frozen for name in step.parameter_shapes)
    }
    found = replace(program, frozen=frozenset(frozen), resting=frozenset(steps))
    if frozen and not found.trainable_shapes:
        problems.append(Problem((*path, "freeze"), "leaves no parameter that can be trained", "freeze a part of the network"))
    return found


def adapt(program: Program, adapter: Lora | None, path: YamlPath, problems: list[Problem]) -> Program:
    """Add adapters to layers, and freeze all else but the layers that make the output.

    Args:
        program: The program, with what is frozen.
        adapter: What is added; `None` for nothing.
        path: Place of the adapter in the config.
        problems: Takes what is wrong.
    """
    if adapter is None:
        return program
    makers = {name for names in program.output_steps.values() for name in names}
    can = [step.name for step in program.steps if step.layer.type in ADAPTED and step.parameter_shapes and step.name not in makers]
    if not can and program.steps:
        message = "adapts linear layers and attentions below the head, and the network has none there"
        problems.append(Problem(path, message, "fix:  remove adapter"))
        return program
    chosen = {name for name in can if any(matches(pattern, name) for pattern in adapter.patterns)}
    for index, pattern in enumerate(adapter.patterns):
        if not any(matches(pattern, name) for name in can):
            place = (*path, "match") if isinstance(adapter.match, str) else (*path, "match", index)
            told = ", ".join(near_names(pattern, can))
            problems.append(Problem(place, f"{pattern!r} matches no linear layer or attention below the head", f"near names: {told}"))
    steps = tuple(replace(step, adapter=adapter) if step.name in chosen else step for step in program.steps)
    own = {_full(step, name) for step in program.steps for name in step.parameter_shapes if step.name not in makers}
    frozen = program.frozen | own
    resting = program.resting | {step.name for step in program.steps if step.parameter_shapes and step.name not in makers}
    return replace(program, steps=steps, frozen=frozen, resting=resting)


def thaw(program: Program, rules: Iterable[tuple[YamlPath, int, str]], problems: list[Problem]) -> Program:
    """Mark the frozen parameters that are trained from some epoch on.

    Args:
        program: The program, with what is frozen.
        rules: Place of each pattern, the first epoch in which what it matches is trained, and the pattern; the first match wins.
        problems: Takes what is wrong.
    """
    thawed: dict[str, int] = {}
    for path, epoch, pattern in rules:
        names = [name for name in program.named_shapes if matches(pattern, name)]
        fresh = [name for name in names if name in program.frozen and name not in thawed]
        if not names:
            near = ", ".join(near_names(pattern, program.frozen))
            problems.append(Problem(path, f"{pattern!r} matches no parameter", f"near names: {near}" if near else None))
        elif not fresh:
            what = "is trained earlier already" if any(name in thawed for name in names) else "is not frozen"
            problems.append(Problem(path, f"has no effect: what {pattern!r} matches {what}", "fix:  architecture.freeze, or remove it"))
        thawed |= dict.fromkeys(fresh, epoch)
    for name, other in program.ties.items():  # one parameter has one epoch
        if name in thawed or other in thawed:
            thawed[name] = thawed[other] = min(thawed.get(name, thawed.get(other, 0)), thawed.get(other, thawed.get(name, 0)))
    waking = {
        step.name
        for step in program.steps
        if step.name in program.resting and step.parameter_shapes and all(_full(step, name) in thawed for name in step.parameter_shapes)
    }
    return replace(program, thawed=thawed, resting=program.resting - waking, waking=frozenset(waking))


def _patterns(said: bool | str | Sequence[str]) -> list[tuple[YamlPath, str]]:
    """The patterns of a `freeze`, each with its place."""
    if isinstance(said, str):
        return [(("freeze",), said)]
    return [] if isinstance(said, bool) else [(("freeze", index), pattern) for index, pattern in enumerate(said)]


def initializer_problems(program: Program) -> list[Problem]:
    """Initializers that act on nothing, or on something they have no meaning for."""
    if not any(step.rules for step in program.steps):
        return []
    from nntrain.layers.initialization import FanInitializer

    used: dict[YamlPath, tuple[InitializerRule, bool]] = {}
    problems: list[Problem] = []
    for step in program.steps:
        for rule in step.rules:
            if rule.is_default:
                continue
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
            near = ", ".join(near_names(rule.pattern, program.parameter_shapes))
            problems.append(Problem(rule.path, f"{rule.pattern!r} matches no parameter", f"there are: {near}" if near else None))
    return problems


def _matched(rule: InitializerRule, step: Step) -> list[tuple[str, int]]:
    shapes = step.parameter_shapes
    return [(name, len(shape)) for name, shape in shapes.items() if rule.matches(step.layer.type, step.name, name, len(shape))]


def _full(step: Step, name: str) -> str:
    return f"{step.name}.{name}"


def _root(name: str, first: Mapping[str, str]) -> str:
    while name in first:
        name = first[name]
    return name


def _agree(one: Sequence[Size], other: Sequence[Size]) -> bool:
    """Whether two shapes are one, as far as their sizes are known."""
    return len(one) == len(other) and all(
        a == b or not (isinstance(a, int) and isinstance(b, int)) for a, b in zip(one, other, strict=True)
    )


def _text(shape: Sequence[Size]) -> str:
    return "[" + ", ".join(str(size) for size in shape) + "]"
