"""The base of what may stand under `architecture`: a family, a list of layers, or named nodes."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from nntrain.architectures.starting import Init
from nntrain.errors import YamlPath
from nntrain.layers.adapting import Lora
from nntrain.layers.encoding import AnyEncoding, Encoding
from nntrain.layers.layer import Layer
from nntrain.layers.linear import Head

if TYPE_CHECKING:
    from nntrain.layers.initializer import Initializer
    from nntrain.layers.program import Program, Value
    from nntrain.layers.scope import Scope
    from nntrain.specs import Spec


@dataclass(frozen=True, slots=True)
class Ending:
    """Where a target hangs on the network."""

    value: Value
    is_output: bool
    """Whether this is the output itself, as what ends in a layer of a written size is; otherwise the task adds its layer."""
    path: YamlPath
    """Place of the last layer."""
    weight: float = 1.0
    """Weight of its loss, where it is an auxiliary head."""
    head: Callable[[Spec], Layer] = Head.of
    """Makes the layer that the task adds, given what it needs."""


class Architecture(Layer):
    """A whole network up to the output layer."""

    kinds: ClassVar[frozenset[str]] = frozenset({"architecture", "layer"})
    inputs: dict[str, AnyEncoding] | None = None
    """How fields reach the first layer: `{color: embedding, "*": one_hot}`; exact names first. Default: by type."""
    tie: dict[str, str] | None = None
    """Parameters that are one, by their full names: `{head.weight: embedding_1.weight}`. They are counted and saved once."""

    init: Init | None = None
    """Trained weights that it starts from: `{from: runs/digits}` or a file. Default: random numbers, as `initializer` says."""
    adapter: Lora | None = None
    """Small weights that are trained beside frozen ones: `{type: lora, rank: 8}`. All else but the head stays as it is. Default: none."""

    def head(self, output: Spec) -> Layer:
        """The output layer that a task adds, where the whole network is this.

        Args:
            output: What the task needs; its size may still be unknown.
        """
        return Head.of(output)

    def initial(self) -> Mapping[str, Initializer]:
        """How weights begin, by pattern, where the config says nothing of them: as a family's paper has it."""
        return {}

    def implied(self) -> tuple[Encoding, ...]:
        """How fields reach the first layer where `inputs` says nothing of them, as a family's paper has it: the first that fits a field."""
        return ()

    def tied(self, program: Program) -> Mapping[str, str]:
        """Parameters of the whole network that are one, by their full names."""
        return self.tie or {}

    def endings(self, scope: Scope, targets: Collection[str]) -> Mapping[str, Sequence[Ending]]:
        """Add everything up to the output layers and say where each target hangs: the output, then auxiliary heads.

        A target that is missing in the answer has a problem that was noted.

        Raises:
            UnplacedError: Something does not fit; the problem is noted.
        """
        from nntrain.layers.inputs import encode

        value = scope.place(self, encode(scope, list(scope.draft.fields), self.inputs or {}))
        return dict.fromkeys(targets, (Ending(value, self.is_output(), self.last_path(scope.path), head=self.head),))

    def fields_before(self, place: YamlPath) -> tuple[frozenset[str], frozenset[str]]:
        """What a layer of it reads itself, and what other layers read for it, by names or types of fields; `inputs` for all.

        Args:
            place: Of the layer, counted from the architecture.
        """
        from nntrain.architectures.reaching import fields_before

        return fields_before(self, place)

    def last_path(self, path: YamlPath) -> YamlPath:
        """Place of the last layer, given the place of the architecture."""
        return path

    def written(self, path: YamlPath) -> Iterator[tuple[YamlPath, Layer]]:
        """Every layer that the config spells out, however deep, with its place."""
        return written_below(self, path)

    def frozen_places(self, path: YamlPath) -> list[YamlPath]:
        """Places that say `freeze: true`."""
        own = [path] if self.freeze is True else []
        return own + [place for place, layer in self.written(path) if layer.freeze is True]


def written_below(layer: Layer, path: YamlPath) -> Iterator[tuple[YamlPath, Layer]]:
    """Every layer written inside a layer, however deep, with its place."""
    for place, layers in layer.lists().items():
        for index, inner in enumerate(layers):
            yield (*path, *place, index), inner
            yield from written_below(inner, (*path, *place, index))
