"""The base of all layers: options, a shape rule in plain Python, and `build()`, which imports torch inside itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self, TypeVar, cast

from pydantic import Field, PrivateAttr

from nntrain.errors import YamlPath
from nntrain.layers.initializer import AnyInitializer
from nntrain.schema import Component

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor, nn

    from nntrain.layers.program import Value
    from nntrain.layers.scope import Scope
    from nntrain.layers.sizing import Deferred
    from nntrain.losses.links import Link
    from nntrain.specs import Size, Spec

Need = Literal["lengths", "side_lengths", "state", "edges", "edge_weights", "pairs"]
"""What a module is given beside its input: the row lengths of the ragged axis `[B]` (or `None`; with `side_lengths` those of the
input itself, and a tuple with those of each side input; of nodes `[S, F]` how many each row
has), the carried state, the edges int64 `[2, E]` between the nodes and their weights `[E]`, the pairs of nodes int64 `[2, P]` that are
asked for."""

Prior = Literal["standard_normal"]
"""A distribution that rows are drawn from, `[B, …]` with independent numbers."""

L = TypeVar("L", int, "Tensor")


@dataclass(frozen=True, slots=True)
class Taken:
    """Where the weights of a layer are taken from, when a run begins."""

    folder: str
    """A folder of a trained network, as the config has it."""
    part: str
    """Which layer of that network it is: `embedding`, `3.attention`."""
    root: Path
    """The folder from which that is counted."""
    fingerprint: str | None = None
    """What tells that network from another."""


class Layer(Component):
    """One layer. Modules take and return plain tensors: `module(x, *side, lengths=…, state=…)`, as `needs` says.

    A module returns its output; one with `extras` or `loss_parts` returns `(output, *extras, *parts)`; one that needs `state` returns
    `(output, *extras, *parts, state)`.
    """

    kinds: ClassVar[frozenset[str]] = frozenset({"layer"})
    shared: ClassVar[frozenset[str]] = frozenset({"name", "initializer", "freeze"})
    needs: ClassVar[frozenset[Need]] = frozenset()
    sized: ClassVar[bool] = False
    """Whether a list that ends in this layer is its own output (linear, convolution)."""
    convolves: ClassVar[bool] = False
    """Whether filters slide over its input, so that `regularization` places norm and dropout behind it as behind a linear."""
    mixes_rows: ClassVar[bool] = False
    """Whether rows see each other in training, so that a batch needs two of them (batch norm)."""
    by_row: ClassVar[str | None] = None
    """The layer to take in its place where rows are not to see each other; `None`: there is none."""
    mixes_steps: ClassVar[bool] = False
    """Whether it makes each step of a sequence from statistics of all steps (a norm over time): refused in a causal network."""
    extras: ClassVar[tuple[str, ...]] = ()
    """Names of further outputs, read as `node.hidden`."""
    loss_parts: ClassVar[Mapping[str, float]] = {}
    """Parts that it adds to the loss, `[B]` by row (of a batch as a whole the same for each), and how much each counts by itself."""
    prior: ClassVar[Prior | None] = None
    """What its output is like over all rows once it is trained, so that a draw may stand in its place; `None` where nothing says so."""
    is_recipe: ClassVar[bool] = False
    """Whether it becomes layers of which the config has no line (a family): what does not fit in them is told at its own options."""
    ports: ClassVar[tuple[str, ...]] = ()
    """Names of its inputs, where it has several: the first is what comes in, each other an option that names a point."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")] | None = None
    """Name of this point, for merges, parameter patterns and messages."""
    initializer: AnyInitializer | dict[str, AnyInitializer] | None = None
    """How the weights start: one for all weights, or by parameter name: `{"bias*": zeros}`. Default: torch's."""

    _deferred: Deferred | None = PrivateAttr(default=None)
    _taken: Taken | None = PrivateAttr(default=None)

    @property
    def taken(self) -> Taken | None:
        """Where its weights are taken from; `None` where they begin at random."""
        return self._taken

    def taking(self, taken: Taken) -> Self:
        """The same layer with weights of a trained network."""
        layer = self.model_copy()
        layer._taken = taken
        return layer

    @property
    def deferred(self) -> Deferred | None:
        """The options as the config has them, where some are sizes that are known only when the layer is placed (`=in//16`)."""
        return self._deferred

    def as_deferred(self, deferred: Deferred | None) -> Self:
        """The same layer with sizes that are known later; `None` where all are known."""
        layer = self.model_copy()
        layer._deferred = deferred
        return layer

    def dump(self) -> dict[str, Any]:
        tree = super().dump()
        if self._deferred is None:
            return tree
        return {**tree, **{str(place[0]): self._deferred.options[str(place[0])] for place in self._deferred.texts}}

    freeze: bool | str | tuple[str, ...] = False
    """`true`: its weights stay as they are, and batch norms in it keep their averages. Under `architecture` also patterns of
    parameter names, one or a list, such as `backbone` or `*.bias`; a name stands for everything below it."""

    @property
    def undirected(self) -> str | None:
        """Why edges with a direction look the same both ways to it, as a warning with what to do; `None` where they don't."""
        return None

    def out_spec(self, spec: Spec, *side: Spec) -> Spec:
        """Shape rule: what comes out for `spec` (and the side sources). Raises `SpecError`."""
        raise NotImplementedError

    def members(self, spec: Spec) -> int:
        """Rows that come out for each row that comes in while the network is trained."""
        return 1

    def extra_specs(self, spec: Spec) -> dict[str, Spec]:
        """The specs of `extras`."""
        return {}

    def out_lengths(self, lengths: L) -> L:
        """Lengths after this layer; one formula for ints and for tensors."""
        return lengths

    @property
    def is_causal(self) -> bool:
        """Whether its options promise that no step sees a later one."""
        return False

    @property
    def looks_ahead(self) -> bool:
        """Whether it makes a step of a sequence of later ones too: what comes out at the time of some step changes with a later one.

        Of a layer that leaves no time, whether any step but the first counts. Nothing is asked of tensors without time. A side input
        whose lengths it needs is read as a whole in any case.
        """
        return self.mixes_steps

    def most_steps(self, spec: Spec) -> int | None:
        """Steps of a sequence that it can read, whatever their number was in training; `None` where there is no limit."""
        return None

    @property
    def picked_fields(self) -> tuple[str, ...]:
        """Fields of a block that it reads, which lie side by side in there; empty for what reads all that comes in."""
        return ()

    def misreading(self, link: Link) -> tuple[str, str] | None:
        """Why no loss may read what comes of it through `link`, and how to fix it; `None` where each may."""
        return None

    @property
    def counts_steps(self) -> bool:
        """Whether it tells steps by how many are before them, or looks at all of these: it has learned nothing of more than it saw."""
        return False

    def is_output(self) -> bool:
        """Whether a list ending here is its own output: a layer whose size is written is, and no output layer is added."""
        return self.sized

    def describe(self) -> str:
        """The layer and the options that differ from their defaults, as a config says it: `conv2d 32, kernel_size 3`."""
        unknown = {name for name in type(self).model_fields if _is_unknown(getattr(self, name))}
        dumped = self.model_dump(mode="json", by_alias=True, exclude_defaults=True, exclude=unknown)
        options = cast("dict[str, object]", dumped) | {name: getattr(self, name) for name in unknown}
        for key in ("type", "name", "initializer", "freeze", *(str(place[0]) for place in self.lists())):
            options.pop(key, None)
        main = options.pop(self.main, None) if self.main is not None else None
        first = self.type if main is None else f"{self.type} {_text(main)}"
        return ", ".join([first, *(f"{key} {_text(value)}" for key, value in options.items())])

    def parts(self) -> Mapping[str, tuple[Layer, ...]]:
        """Layers that are written inside this one, by option."""
        return {}

    def lists(self) -> Mapping[YamlPath, tuple[Layer, ...]]:
        """The lists of layers that are written inside this one, by their place below it."""
        return {(option,): layers for option, layers in self.parts().items()}

    def with_lists(self, lists: Mapping[YamlPath, tuple[Layer, ...]]) -> Layer:
        """The same layer with other layers in its lists."""
        return self.model_copy(update={str(place[0]): layers for place, layers in lists.items()}) if lists else self

    def reads(self) -> tuple[str, ...]:
        """Names (or patterns of names) of the points that this layer reads beside its input."""
        return ()

    def place(self, scope: Scope, value: Value) -> Value:
        """Add this layer to a program. Composite layers and families add what they consist of instead."""
        return scope.add(self, value, *scope.read(self.reads()))

    def parameter_shapes(self, spec: Spec, *side: Spec) -> dict[str, tuple[Size, ...]]:
        """Shapes of the module's parameters by name, in its order; known before torch is. Empty for a layer without any."""
        return {}

    def build(self, spec: Spec, *side: Spec) -> nn.Module:
        """Make the module for known sizes."""
        raise NotImplementedError


def _is_unknown(value: object) -> bool:
    """Whether an option is a size that only fitting tells, or holds one."""
    from nntrain.specs import Unknown

    return isinstance(value, Unknown) or (isinstance(value, tuple) and any(_is_unknown(item) for item in cast("tuple[object, ...]", value)))


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_text(item) for item in cast("Sequence[object]", value)) + "]"
    return f"{value:g}" if isinstance(value, float) else str(value)
