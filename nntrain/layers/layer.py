"""The base of all layers: options, a shape rule in plain Python, and `build()`, which imports torch inside itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal, TypeVar

from nntrain.schema import Component

if TYPE_CHECKING:
    from torch import Tensor, nn

    from nntrain.layers.program import Scope, Value
    from nntrain.specs import Size, Spec

Need = Literal["lengths", "state"]
"""What a module is given beside its input: the row lengths of the ragged axis `[B]` (or `None`), the carried state."""

L = TypeVar("L", int, "Tensor")


class Layer(Component):
    """One layer. Modules take and return plain tensors: `module(x, *side, lengths=…, state=…)`, as `needs` says.

    A module returns its output; one with `extras` returns `(output, *extras)`; one that needs `state` returns
    `(output, *extras, state)`.
    """

    shared: ClassVar[frozenset[str]] = frozenset({"name"})
    needs: ClassVar[frozenset[Need]] = frozenset()
    sized: ClassVar[bool] = False
    """Whether a list that ends in this layer is its own output (linear, convolution)."""
    extras: ClassVar[tuple[str, ...]] = ()
    """Names of further outputs, read as `node.hidden`."""

    name: str | None = None
    """Name of this point, for merges, parameter patterns and messages."""

    def out_spec(self, spec: Spec, *side: Spec) -> Spec:
        """Shape rule: what comes out for `spec` (and the side sources). Raises `SpecError`."""
        raise NotImplementedError

    def extra_specs(self, spec: Spec) -> dict[str, Spec]:
        """The specs of `extras`."""
        return {}

    def out_lengths(self, lengths: L) -> L:
        """Lengths after this layer; one formula for ints and for tensors."""
        return lengths

    def is_output(self) -> bool:
        """Whether a list ending here is its own output (LANGUAGE P4)."""
        return self.sized

    def place(self, scope: Scope, value: Value) -> Value:
        """Add this layer to a program. Composite layers and families add what they consist of instead."""
        return scope.add(self, value)

    def parameter_shapes(self, spec: Spec, *side: Spec) -> dict[str, tuple[Size, ...]]:
        """Shapes of the module's parameters by name, in its order; known before torch is. Empty for a layer without any."""
        return {}

    def build(self, spec: Spec, *side: Spec) -> nn.Module:
        """Make the module for known sizes."""
        raise NotImplementedError
