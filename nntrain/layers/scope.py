"""How a program is made: layers add their steps through a scope, which names them, checks shapes and knows the place in the config."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import Final

from nntrain.errors import Problem, SpecError, YamlPath, render_path
from nntrain.layers.context import Context
from nntrain.layers.encoding import Encoding
from nntrain.layers.initializer import Initializer
from nntrain.layers.layer import Layer
from nntrain.layers.program import Lengths, Stage, Step, Value
from nntrain.layers.sizing import settled
from nntrain.layers.weights import InitializerRule
from nntrain.nearest import nearest
from nntrain.specs import GRAPH, Spec, Unknown

PROBE: Final = (*range(1, 65), *(pow(3, power, 1_000_003) for power in range(13, 45)))
"""Row lengths on which the lengths of ragged axes are compared: all short ones, and some up to a million, which tell long windows apart."""

RESERVED: Final = frozenset({"inputs", "noise", "head"})
"""Names that stand for parts of every network."""


class UnplacedError(Exception):
    """Ends the placing of a list or node after its problem was noted; what does not depend on it goes on."""


@dataclass(slots=True)
class Draft:
    """A program while it is being made."""

    root: YamlPath
    """Place of the architecture in the config."""
    fields: Mapping[str, Spec]
    """All input fields."""
    ports: Mapping[str, Spec] = field(default_factory=dict[str, Spec])
    """What tasks give the network to read beside them: `teacher.<target>`."""
    steps: dict[str, Step] = field(default_factory=dict[str, Step])
    points: dict[str, Value] = field(default_factory=dict[str, Value])
    """What can be read by name: named items and nodes."""
    problems: list[Problem] = field(default_factory=list[Problem])
    counters: Counter[str] = field(default_factory=Counter[str])
    beside: Mapping[str, str] = field(default_factory=dict[str, str])
    """Fields that have as many steps as another one, and that one."""
    ahead: frozenset[str] = frozenset()
    """Targets whose steps are no steps of an input: they come after the last of them."""
    unused: Mapping[str, tuple[str, str | None]] = field(default_factory=dict[str, tuple[str, str | None]])
    """Columns that are no input fields: what is to be said of each, and how it becomes one."""


EncodeField = Callable[["Scope", str], Value]


@dataclass(frozen=True, slots=True)
class Scope:
    """A place in a program: where its steps' names start and where in the config it is written."""

    draft: Draft
    path: YamlPath
    context: Context = field(default_factory=Context)
    prefix: str = ""
    """What step names start with: `deep.` in a node."""
    stage: Stage = "body"
    note: str | None = None
    """Where steps come from, if not from the line at `path`."""
    rules: tuple[InitializerRule, ...] = ()
    """Initializers in force, first match first."""
    needs: Mapping[str, Spec] = field(default_factory=dict[str, Spec])
    """What the task needs for the targets that may hang here: the `out` of `linear: =out`."""
    implied: tuple[Encoding, ...] = ()
    """How fields are encoded where the config says nothing of them."""
    encode_field: EncodeField | None = None
    """Gives an input field as the network sees it."""
    lent: Iterator[Step] | None = None
    """The steps whose modules are applied again here, in order; `None` where layers have their own."""
    own_points: dict[str, Value] | None = None
    """Points that can be read here only: where layers are applied again, each name stands for what is made this time."""
    recipe: tuple[YamlPath, Layer] | None = None
    """The family whose layers are added, and its place: the config has no line of theirs, only of the family's options."""

    def at(self, *parts: str | int) -> Scope:
        """The scope of an option or item."""
        return replace(self, path=(*self.path, *parts))

    def under(self, layer: Layer) -> Scope:
        """The scope inside a layer: its initializers act on everything below it, before those of what it stands in."""
        path = (*self.path, "initializer")
        if layer.initializer is None or any(rule.path[: len(path)] == path for rule in self.rules):
            return self
        if isinstance(layer.initializer, Initializer):
            return replace(self, rules=(InitializerRule("*", layer.initializer, path), *self.rules))
        own = (InitializerRule(pattern, initializer, (*path, pattern)) for pattern, initializer in layer.initializer.items())
        return replace(self, rules=(*own, *self.rules))

    def starting(self, initializers: Mapping[str, Initializer]) -> Scope:
        """The scope in which weights begin as a family has them, by pattern, wherever the config says nothing of them."""
        if not initializers:
            return self
        written = [rule for rule in self.rules if not rule.is_default]
        own = [InitializerRule(pattern, initializer, ()) for pattern, initializer in initializers.items()]
        return replace(self, rules=(*written, *own, *(rule for rule in self.rules if rule.is_default)))

    def noted(self, note: str) -> Scope:
        """The same scope for steps that come from elsewhere than the line at `path`."""
        return replace(self, note=note)

    def place(self, layer: Layer, value: Value) -> Value:
        """Add a layer, simple or composite, at this place and make its name a named point.

        Raises:
            UnplacedError: It does not fit; the problem is noted.
        """
        inner = replace(self, recipe=(self.path, layer)) if layer.is_recipe and self.recipe is None else self
        try:
            layer = settled(layer, self, value)
            result = layer.place(inner.under(layer), value)
        except SpecError as error:
            raise inner.fail(self._told(layer, error, (value,)), error.hint, error.options) from None
        self.name_point(layer.name, result)
        return result

    def sequence(self, layers: Iterable[Layer], value: Value, key: str | int | None = None) -> Value:
        """Add layers one after another.

        Args:
            layers: The layers.
            value: What the first gets.
            key: The option they are written in, so that each has a place of its own; `None` for layers that a family makes.

        Raises:
            UnplacedError: One does not fit; the problem is noted.
        """
        for index, layer in enumerate(layers):
            value = (self if key is None else self.at(key, index)).place(layer, value)
        return value

    def add(self, layer: Layer, *inputs: Value, name: str | None = None) -> Value:
        """Add one step.

        Args:
            layer: The layer.
            inputs: What it gets: its input, then its side inputs.
            name: Name of the step; default: the layer's own, else its type and a number.

        Returns:
            What comes out.

        Raises:
            UnplacedError: The layer does not fit; the problem is noted.
        """
        specs = [value.spec for value in inputs]
        try:
            spec, extras = layer.out_spec(*specs), layer.extra_specs(specs[0])
        except SpecError as error:
            raise self.fail(self._told(layer, error, inputs), error.hint, error.options) from None
        name = self.prefix + name if name is not None else self._step_name(layer)
        lengths = self._lengths(layer, inputs)
        output = Value(spec, name, lengths=lengths if spec.is_ragged else None)
        further = tuple(Value(extras[extra], name, extra, lengths if extras[extra].is_ragged else None) for extra in type(layer).extras)
        shares = None if self.lent is None else self._lender(next(self.lent, None), layer, inputs)
        self.draft.steps[name] = Step(name, layer, inputs, output, further, self.path, self.stage, self.note, self.rules, shares)
        return output

    def input(self, key: str, spec: Spec) -> Value:
        """An input tensor of the program. Nodes are those of the row's one graph, whatever key they have."""
        leader = GRAPH if spec.has_nodes else self.draft.beside.get(key, key)
        return Value(spec, None, key, Lengths(leader, PROBE) if spec.is_ragged else None)

    def read(self, names: Sequence[str]) -> list[Value]:
        """The named points that names and patterns stand for, in the order of the program within a pattern.

        Raises:
            UnplacedError: A name stands for nothing; the problem is noted.
        """
        return [value for name in names for value in self._points(name)]

    def name_point(self, name: str | None, value: Value) -> None:
        """Make a value readable by name.

        Raises:
            UnplacedError: The name is reserved or taken; the problem is noted.
        """
        if name is None or self.draft.points.get(name) is value:
            return
        if self.own_points is not None:
            self.own_points[name] = value
            return
        if name in RESERVED:
            raise self.fail(f"the name {name!r} is reserved", "call it otherwise")
        if name in self.draft.points or name in self.draft.fields:
            what = "an input field" if name in self.draft.fields else "another point"
            raise self.fail(f"the name {name!r} is taken by {what}", "every name is used once; in a repeat, put {i} into it")
        self.draft.points[name] = value

    def fail(self, message: str, hint: str | None = None, options: tuple[str, ...] = ()) -> UnplacedError:
        """Note a problem at this place, or at the option that decides it of the family that stands here; the caller raises the answer."""
        self.draft.problems.append(Problem(self._written_place(options), message, hint))
        return UnplacedError(message)

    def _written_place(self, options: tuple[str, ...]) -> YamlPath:
        """Place of what the config says: layers that a family makes have none, and one of its options may decide."""
        if self.recipe is None:
            return self.path
        place, family = self.recipe
        known = type(family).model_fields
        if self.path[len(place) : len(place) + 1] and self.path[len(place)] in known:
            return self.path
        deciding = [option for option in options if option in known]
        written = [option for option in deciding if option in family.model_fields_set]
        return (*place, *[*written, *deciding][:1])

    def _points(self, name: str) -> list[Value]:
        points = {**self.draft.points, **(self.own_points or {})}
        if name in points:
            return [points[name]]
        if name in self.draft.ports:
            return [self.input(name, self.draft.ports[name])]
        if name in self.draft.fields and self.encode_field is not None:
            return [self.encode_field(self, name)]
        found = [points[point] for point in points if fnmatchcase(point, name)] if set(name) & set("*?[") else self._extra(name)
        if not found:
            if name in self.draft.unused:
                told, hint = self.draft.unused[name]
                raise self.fail(f"the column {name!r} {told}", hint)
            near = near_names(name, [*points, *self.draft.fields])
            raise self.fail(f"there is no point {name!r} before this one", f"named points: {near}" if near else "name one: name: code")
        return found

    def _extra(self, name: str) -> list[Value]:
        point, _, output = name.rpartition(".")
        value = self.draft.points.get(point)
        if value is None or value.step is None:
            return []
        return [extra for extra in self.draft.steps[value.step].extras if extra.output == output]

    def _lender(self, step: Step | None, layer: Layer, inputs: Sequence[Value]) -> str:
        """Name of the step whose module is applied again: it must be the same layer, on tensors of the same sizes."""
        pairs = [] if step is None else list(zip(step.inputs, inputs, strict=False))
        if step is None or step.layer != layer or not all(is_alike(there.spec, here.spec) for there, here in pairs):
            found = " and ".join(value.spec.describe() for value in inputs)
            other = " and ".join(value.spec.describe() for value in step.inputs) if step is not None else "nothing"
            raise self.fail(f"{layer.type} gets {found}, and {other} where its weights are from", "shared weights need equal sizes")
        return step.shares or step.name

    def _step_name(self, layer: Layer) -> str:
        if layer.name is not None:
            name = self.prefix + layer.name
            if name in self.draft.steps:
                raise self.fail(f"the name {layer.name!r} is used twice", "every name is used once; in a repeat, put {i} into it")
            return name
        while True:
            self.draft.counters[self.prefix + layer.type] += 1
            name = f"{self.prefix}{layer.type}_{self.draft.counters[self.prefix + layer.type]}"
            if name not in self.draft.steps:
                return name

    def _lengths(self, layer: Layer, inputs: Sequence[Value]) -> Lengths | None:
        ragged = [value.lengths for value in inputs if value.lengths is not None]
        if not ragged:
            return None
        return Lengths(ragged[0].field, tuple(layer.out_lengths(count) for count in ragged[0].counts))

    def _told(self, layer: Layer, error: SpecError, inputs: Sequence[Value]) -> str:
        """The error with the layer's name in front and, behind the tensor that it tells of, where that comes from."""
        message = f"{layer.type} {error.message}"
        for value in inputs:
            for text in (value.spec.describe(), str(value.spec)):
                if text in message:
                    return message.replace(text, f"{text} from {self.origin(value)}", 1)
        return message

    def ends_in(self, value: Value, tag: str) -> bool:
        """Whether a value is what a layer of a type gives, gated or not: squeeze-and-excitation multiplies it once more."""
        step = self.draft.steps.get(value.step or "")
        if step is None or step.layer.type != "multiply":
            return step is not None and step.layer.type == tag
        return any(self.ends_in(joined, tag) for joined in step.inputs)

    def joined_before(self, value: Value) -> tuple[str, ...]:
        """The points that `from` of a node with several of them has made this value of."""
        step = self.draft.steps.get(value.step or "")
        if step is None or step.path[-1:] != ("from",):
            return ()
        names = {id(point): name for name, point in self.draft.points.items()}
        return tuple(names.get(id(joined), joined.output or joined.step or "") for joined in step.inputs)

    def origin(self, value: Value) -> str:
        """Where a value comes from, in words: `max_pool2d (layers[3])`."""
        step = self.draft.steps.get(value.step or "")
        if step is None or step.stage == "inputs":
            return f"the field {value.output!r}" if step is None and value.output in self.draft.fields else "the input fields"
        place = render_path(step.path[len(self.draft.root) :]).removesuffix(".layer")
        return f"{step.layer.type} ({place})" if place else step.layer.type


def is_alike(first: Spec, second: Spec) -> bool:
    """Whether one module fits both: equal axes and sizes, as far as they are known."""
    sizes = zip((*first.sizes, first.classes), (*second.sizes, second.classes), strict=True) if first.axes == second.axes else ((1, 2),)
    return first.kind == second.kind and all(a == b or isinstance(a, Unknown) or isinstance(b, Unknown) for a, b in sizes)


def near_names(name: str, names: Iterable[str]) -> str:
    """The names that are most like one, else the first few, for a hint."""
    known = list(dict.fromkeys(names))
    return ", ".join(nearest(name, known, within=1) or known[:6])
