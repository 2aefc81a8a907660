"""The program: one flat, static list of steps that every architecture compiles to. Torch-free until `build()`."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal, cast

from nntrain.errors import YamlPath
from nntrain.layers.layer import Layer
from nntrain.layers.weights import InitializerRule
from nntrain.specs import IMAGE, TEACHER, Size, Spec, blocks

if TYPE_CHECKING:
    from nntrain.layers.adapting import Lora
    from nntrain.modules.network import Network

Stage = Literal["inputs", "body", "head"]
"""Part of the network: what turns fields into numbers, what the config says, what the task adds."""


_RECURRENT: Final = frozenset({"rnn", "lstm", "gru"})
"""Layers whose matrices are multiplied step by step, by kernels of their own."""


@dataclass(frozen=True, slots=True)
class Lengths:
    """The row lengths of a ragged axis: those of a field, after some layers."""

    field: str
    counts: tuple[int, ...]
    """What the layers so far make of rows of 1, 2, … steps. Two axes with equal counts have equal lengths in every batch."""


@dataclass(frozen=True, slots=True)
class Value:
    """A tensor of the program."""

    spec: Spec
    step: str | None
    """Name of the step that makes it; `None` for an input."""
    output: str | None = None
    """Name of a further output of the step, or the key of an input."""
    lengths: Lengths | None = None
    """Row lengths, where an axis is ragged."""

    @property
    def key(self) -> tuple[str | None, str | None]:
        """What tells it from the program's other tensors."""
        return (self.step, self.output)


@dataclass(frozen=True, slots=True)
class Step:
    """One use of a layer."""

    name: str
    """Unique; the layer's parameters are `<name>.<parameter>`."""
    layer: Layer
    inputs: tuple[Value, ...]
    """The layer's input, then its side inputs."""
    output: Value
    extras: tuple[Value, ...]
    """Further outputs, in the layer's order."""
    path: YamlPath
    """Where the config says so; the place of the whole architecture for what it implies."""
    stage: Stage
    note: str | None
    """Where it comes from, if not from the line at `path`."""
    rules: tuple[InitializerRule, ...]
    """Initializers that may act on its parameters, first match first."""
    shares: str | None = None
    """Name of the step whose module it applies again; it has no parameters of its own then."""
    adapter: Lora | None = None
    """What is added to its weights and trained in their place."""

    @property
    def spec(self) -> Spec:
        """What comes out."""
        return self.output.spec

    @property
    def parameter_shapes(self) -> dict[str, tuple[Size, ...]]:
        """Shapes of its parameters by their own name; none where it applies another step's module."""
        if self.shares is not None:
            return {}
        shapes = self.layer.parameter_shapes(*(value.spec for value in self.inputs))
        return shapes if self.adapter is None else self.adapter.shapes(shapes)

    @property
    def num_parameters(self) -> int | None:
        """Number of parameters; `None` while a size is unknown."""
        return count(self.parameter_shapes.values())


def count(shapes: Iterable[tuple[Size, ...]]) -> int | None:
    """Numbers in tensors of some shapes; `None` while a size is unknown."""
    shapes = list(shapes)
    if not all(isinstance(size, int) for shape in shapes for size in shape):
        return None
    return sum(math.prod(cast("tuple[int, ...]", shape)) for shape in shapes)


@dataclass(frozen=True, slots=True)
class Row:
    """One line of `nntrain show`."""

    name: str
    layer: str
    """The layer and its options: `conv2d 32, kernel_size 3`."""
    output: str
    """Shape without the batch axis: `[32, 8, 8]`."""
    parameters: int | None
    """Number of parameters; `None` while a size is unknown."""
    stage: Stage
    note: str | None
    frozen: tuple[str, ...] = ()
    """Its parameters that stay as they are, by their own name."""
    is_frozen: bool = False
    """Whether all of them do."""
    thaws: int | None = None
    """First epoch, from 1, in which some of them are trained."""

    @property
    def frozen_text(self) -> str | None:
        """Which parameters stay as they are, in words."""
        told = "frozen" if self.is_frozen else f"frozen: {', '.join(self.frozen)}" if self.frozen else None
        return told if told is None or self.thaws is None else f"{told}, trained from epoch {self.thaws} on"


@dataclass(frozen=True, slots=True)
class Auxiliary:
    """A second output for a target, whose loss counts in training and which nothing else reads."""

    target: str
    weight: float
    """What its loss is multiplied by."""


@dataclass(frozen=True, slots=True)
class Program:
    """A network as a list of steps, each after those that it reads."""

    inputs: Mapping[str, Spec]
    """The input fields."""
    steps: tuple[Step, ...]
    outputs: Mapping[str, Value]
    """What is read off, by target; the spec's kind says what the numbers mean."""
    auxiliary: Mapping[str, Auxiliary] = field(default_factory=dict[str, Auxiliary])
    """The outputs that are auxiliary heads, by name: `label.aux_1`."""

    unscored: frozenset[str] = frozenset()
    """The outputs that no loss reads, as predictions alone are made of them."""
    drawn: Mapping[str, Spec] = field(default_factory=dict[str, Spec])
    """What may be read beside the input fields and is drawn for each row, standard normal, by name."""
    ties: Mapping[str, str] = field(default_factory=dict[str, str])
    """Parameters that are another one under a second name: their name to the name of that one, which comes first."""
    frozen: frozenset[str] = frozenset()
    """Full names of the parameters that stay as they are."""
    resting: frozenset[str] = frozenset()
    """Steps that are frozen whole: batch norms in them stay in evaluation."""
    thawed: Mapping[str, int] = field(default_factory=dict[str, int])
    """Frozen parameters that are trained later, by full name, and the first epoch in which they are, from 1."""
    waking: frozenset[str] = frozenset()
    """Steps that are frozen whole at first: batch norms in them stay in evaluation until then."""

    @property
    def num_parameters(self) -> int | None:
        """Number of parameters of the network; `None` while a size is unknown."""
        return count(self.parameter_shapes.values())

    @property
    def widest_convolution(self) -> int:
        """Output channels of the widest 2-d convolution, as far as they are known; 0 where there is none."""
        found = [step.spec.sizes[0] for step in self.steps if step.layer.convolves and step.spec.axes == IMAGE]
        return max((size for size in found if isinstance(size, int)), default=0)

    @property
    def largest_linear(self) -> int:
        """Weights of the largest matrix that a linear layer multiplies by, as far as sizes are known; 0 where there is none."""
        shapes = [
            shape
            for step in self.steps
            if "embedding" not in step.layer.type and step.layer.type not in _RECURRENT
            for shape in step.parameter_shapes.values()
        ]
        found = [count([shape]) for shape in shapes if len(shape) == 2]
        return max((size for size in found if size is not None), default=0)

    @property
    def num_trainable(self) -> int | None:
        """Number of parameters that are trained."""
        return count(self.trainable_shapes.values())

    @property
    def parameter_shapes(self) -> dict[str, tuple[Size, ...]]:
        """Shapes of all parameters by full name, in the network's order; each once, under its first name."""
        return {name: shape for name, shape in self.named_shapes.items() if name not in self.ties}

    @property
    def named_shapes(self) -> dict[str, tuple[Size, ...]]:
        """The same with the second names of tied parameters."""
        return {f"{step.name}.{name}": shape for step in self.steps for name, shape in step.parameter_shapes.items()}

    @property
    def trainable_shapes(self) -> dict[str, tuple[Size, ...]]:
        """Shapes of the parameters that are trained, now or later, by full name."""
        return {name: shape for name, shape in self.parameter_shapes.items() if name not in self.frozen or name in self.thawed}

    @property
    def output_steps(self) -> dict[str, set[str]]:
        """Steps that make the output of each target, auxiliary heads included: what the task adds, or the layer that ends the network."""
        found: dict[str, set[str]] = {}
        for name, value in self.outputs.items():
            if name in self.unscored:
                continue
            target = self.auxiliary[name].target if name in self.auxiliary else name
            found.setdefault(target, set()).update({value.step} if value.step is not None else ())
        return found

    def members_of(self, target: str) -> int:
        """Outputs that a row has for a target while the network is trained: the members of an ensemble, else one."""
        step = next((step for step in self.steps if step.name == self.outputs[target].step), None)
        return 1 if step is None else step.layer.members(step.inputs[0].spec)

    @property
    def points(self) -> dict[str, str]:
        """Names of what steps give, by step: that of the node which a step ends, else its own."""

        def node(step: Step) -> str:
            return step.name.partition(".")[0]

        ends = {node(step): step.name for step in self.steps}
        return {step.name: node(step) if ends[node(step)] == step.name else step.name for step in self.steps}

    @property
    def loss_parts(self) -> dict[str, float]:
        """The parts that layers add to the loss, `<point>.<part>`, and how much each counts where the config doesn't say."""
        points = self.points
        return {f"{points[step.name]}.{part}": factor for step in self.steps for part, factor in step.layer.loss_parts.items()}

    @property
    def told(self) -> frozenset[str]:
        """Keys of the teacher ports that are read."""
        read = [value for step in self.steps for value in step.inputs] + list(self.outputs.values())
        return frozenset(str(value.output) for value in read if value.step is None and str(value.output).startswith(TEACHER))

    def made_of(self, value: Value, point: str | None = None) -> tuple[str, ...]:
        """Names of the input fields, and keys of what else may be read, that a value is made of, over however many steps.

        Args:
            value: The value.
            point: Name of a step that stands for all that it is made of itself.
        """
        by_name, members = {step.name: step for step in self.steps}, blocks(self.inputs)
        waiting, seen = [value], set[str]()
        found: dict[str, None] = {}
        while waiting:
            each = waiting.pop(0)
            if each.step is None:
                found |= dict.fromkeys(members.get(str(each.output), (str(each.output),)))
            elif each.step == point:
                found[each.step] = None
            elif each.step not in seen:
                seen.add(each.step)
                picked = by_name[each.step].layer.picked_fields
                found |= dict.fromkeys(picked)
                waiting += () if picked else by_name[each.step].inputs
        return tuple(found)

    def hangs_on(self, value: Value, key: str) -> bool:
        """Whether a value is made of an input, over however many steps."""
        by_name = {step.name: step for step in self.steps}
        waiting, seen = [value], set[str]()
        while waiting:
            found = waiting.pop()
            if found.step is None and found.output == key:
                return True
            if found.step is not None and found.step not in seen:
                seen.add(found.step)
                waiting += by_name[found.step].inputs
        return False

    @property
    def state_steps(self) -> tuple[str, ...]:
        """Steps that carry a state from one call to the next."""
        return tuple(step.name for step in self.steps if "state" in step.layer.needs)

    def time_steps(self, value: Value) -> list[Step]:
        """The steps of the program that decide how long the rows of a sequence are, in their order."""
        by_name = {step.name: step for step in self.steps}
        found: list[Step] = []
        while (step := by_name.get(value.step or "")) is not None:
            found.append(step)
            value = next((source for source in step.inputs if (source.lengths is None) == (value.lengths is None)), step.inputs[0])
        return found[::-1]

    def rows(self) -> list[Row]:
        """The network line by line."""
        return [self._row(step) for step in self.steps]

    def _row(self, step: Step) -> Row:
        names = {name: f"{step.name}.{name}" for name in step.parameter_shapes}
        own = [shape for name, shape in step.parameter_shapes.items() if names[name] not in self.ties]
        tied = [f"{name} of {self.ties[full]}" for name, full in names.items() if full in self.ties]
        shared = [f"weights of {step.shares}"] if step.shares is not None and self._has_weights(step.shares) else []
        note = "; ".join([*([step.note] if step.note is not None else []), *shared, *tied])
        frozen = tuple(name for name, full in names.items() if full in self.frozen)
        return Row(
            step.name,
            step.layer.describe() + ("" if step.adapter is None else f", lora {step.adapter.rank}"),
            str(step.spec),
            count(own),
            step.stage,
            note or None,
            frozen,
            bool(names) and len(frozen) == len(names),
            min((self.thawed[full] for full in names.values() if full in self.thawed), default=None),
        )

    def _has_weights(self, name: str) -> bool:
        return any(step.name == name and step.parameter_shapes for step in self.steps)

    def build(self) -> Network:
        """Make the network; every size is known by now. Weights are drawn from torch's global random numbers."""
        from nntrain.layers.building import build

        return build(self)
