"""The ways in which a network makes something new, and which of them it has: its task says so, or a layer. Torch-free.

A task that `generates` goes on with a sequence, step by step. A layer with a `prior` gives something that is like draws from a known
distribution, so that the steps behind it can be run on such draws; so can those behind what a protocol draws for each row.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Final, Literal, NamedTuple

from nntrain.errors import Problem
from nntrain.generation.settings import GenerateSettings
from nntrain.layers.program import Program, Value
from nntrain.nearest import nearest
from nntrain.specs import Spec
from nntrain.tasks.sampling import Sampling
from nntrain.tasks.task import Task

Way = Literal["continuing", "drawing"]

READ: Final[Mapping[Way, frozenset[str]]] = {
    "continuing": frozenset({*Sampling.model_fields, "prompt", "steps", "seed"}),
    "drawing": frozenset({"from_", "given", "count", "seed"}),
}
"""Options of `generate` that each way reads, by their names in `GenerateSettings`."""

DOES: Final[Mapping[Way, str]] = {"continuing": "goes on with a sequence", "drawing": "runs what is behind a point that is drawn"}


def way_of(tasks: Mapping[str, Task], program: Program) -> Way | None:
    """How a network makes something new; `None` where it does not."""
    if any(task.generates for task in tasks.values()):
        return "continuing"
    return "drawing" if drawn_points(program) else None


class Point(NamedTuple):
    """What can be drawn, standard normal, so that the steps behind it are run on the draws."""

    name: str
    """As people know it."""
    key: str
    """Name of the step whose output it is, or of what is drawn for each row."""
    spec: Spec


def drawn_points(program: Program) -> dict[str, Point]:
    """The outputs of steps, and what is drawn for each row, by their names."""
    points = [Point(program.points[step.name], step.name, step.spec) for step in program.steps if step.layer.prior is not None]
    return {point.name: point for point in (*points, *(Point(name, name, spec) for name, spec in program.drawn.items()))}


def drawn_point(program: Program, name: str | None) -> Point:
    """What is drawn. Raises `LookupError` where the name tells none, or several could be meant; its text says which there are."""
    points = drawn_points(program)
    if name is None and len(points) == 1:
        return next(iter(points.values()))
    if name in points:
        return points[name]
    told = f"points that can be drawn: {', '.join(points)}"
    if name is None:
        raise LookupError(f"several points can be drawn, and from names none   {told}")
    near = nearest(name, list(points))
    raise LookupError(f"{name!r} can't be drawn   {f'nearest: {near[0]}   ' if near else ''}{told}")


def made_behind(program: Program, point: Point, given: Collection[str] = ()) -> tuple[str, ...]:
    """Targets whose outputs follow from a point, and from fields that are given or whose classes can be taken in turn."""
    known = {*given, *classes_in_turn(program)}
    found: list[str] = []
    for name, value in program.outputs.items():
        if name not in program.auxiliary and name not in program.unscored:
            read = program.made_of(value, point.key)
            found += [name] if point.key in read and known.issuperset({*read} - {point.key}) else []
    return tuple(found)


def needed_beside(program: Program, point: Point, targets: Collection[str]) -> tuple[str, ...]:
    """Input fields that the outputs of some targets are made of, beside a point."""
    return tuple(dict.fromkeys(name for target in targets for name in read_beside(program, program.outputs[target], point)))


def classes_in_turn(program: Program) -> list[str]:
    """Input fields whose values are classes, so that rows can have one after another."""
    return [name for name, spec in program.inputs.items() if spec.kind == "index" and spec.rank == 0]


def read_beside(program: Program, value: Value, point: Point) -> tuple[str, ...]:
    """Keys of the inputs that a value is made of otherwise than through a point."""
    return tuple(name for name in program.made_of(value, point.key) if name != point.key)


def problems(settings: GenerateSettings | None, tasks: Mapping[str, Task], program: Program) -> Iterator[Problem]:
    """A section `generate` that nothing reads, options of it that the network does not read, and points that can't be drawn."""
    if settings is None:
        return
    way = way_of(tasks, program)
    if way is None:
        yield Problem(("generate",), f"has no effect: {cannot(tasks)}", f"remove it, or {WANTED}", on_key=True)
        return
    for option, (name, why) in idle(way, tasks).items():
        if getattr(settings, option) != type(settings).model_fields[option].default:
            yield Problem(("generate", name), f"has no effect: {why}", "remove it", on_key=True)
    if way == "drawing":
        yield from _misplaced(settings, program)


WANTED: Final = "make a text both: role: [input, target], or describe rows by a gaussian_latent"


def cannot(tasks: Mapping[str, Task]) -> str:
    """Why networks of some tasks, without a point that can be drawn, make nothing new."""
    told = ", ".join(dict.fromkeys(task.type for task in tasks.values()))
    return f"{told} predicts no next step to go on with, and no layer describes rows by a distribution that can be drawn from"


def idle(way: Way, tasks: Mapping[str, Task]) -> dict[str, tuple[str, str]]:
    """Options that a network does not read, by their names in `GenerateSettings`: their names in a config, and why."""
    fields = GenerateSettings.model_fields
    found = {name: (fields[name].alias or name, f"this network {DOES[way]}") for name in fields if name not in READ[way]}
    for task in tasks.values() if way == "continuing" else ():
        found |= {name: (name, f"{task.type} draws no tokens, of which it chooses") for name in sorted(task.undrawn)}
    return found


def _misplaced(settings: GenerateSettings, program: Program) -> Iterator[Problem]:
    try:
        point = drawn_point(program, settings.from_)
    except LookupError as error:
        place = ("generate",) if settings.from_ is None else ("generate", "from")
        yield Problem(place, str(error), on_key=settings.from_ is None)
        return
    fields = [name for name in settings.given or {} if name not in program.inputs]
    if fields:
        near = nearest(fields[0], list(program.inputs))
        told = f"nearest: {near[0]}   " if near else ""
        yield Problem(
            ("generate", "given", fields[0]), f"no input field {fields[0]!r}", f"{told}inputs: {', '.join(program.inputs)}", on_key=True
        )
        return
    if not made_behind(program, point, settings.given or {}):
        message, hint = beside_in_words(program, point)
        yield Problem(("generate", "from") if settings.from_ is not None else ("generate",), message, hint, on_key=settings.from_ is None)


def beside_in_words(program: Program, point: Point) -> tuple[str, str]:
    """Why nothing can be made of draws of a point alone, and how that is mended."""
    told: Sequence[str] = [f"{name} ({', '.join(read_beside(program, value, point))})" for name, value in program.outputs.items()]
    message = f"no output is made of {point.name} alone: inputs are read beside it: {', '.join(told)}"
    return message, f"let {point.name} be all that the output reads, or say the values of the others: given: {{FIELD: VALUE}}"
