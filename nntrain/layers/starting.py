"""Layers of a family whose weights begin in a way of their own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from nntrain.layers.layer import Layer

if TYPE_CHECKING:
    from nntrain.layers.program import Value
    from nntrain.layers.scope import Scope


class Starting(Layer):
    """Layers one after another that begin in a way of their own, wherever the config says nothing of their weights."""

    type: Literal["starting"] = "starting"
    layers: tuple[Layer, ...]
    """The layers."""
    initial: dict[str, Any]
    """Initializers by pattern."""

    def parts(self) -> Mapping[str, tuple[Layer, ...]]:
        return {"layers": self.layers}

    def place(self, scope: Scope, value: Value) -> Value:
        return scope.starting(self.initial).sequence(self.layers, value)
