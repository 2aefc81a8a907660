"""An architecture written layer by layer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, Literal

from nntrain.architectures.architecture import Architecture
from nntrain.architectures.block import Block
from nntrain.errors import YamlPath
from nntrain.layers.layer import Layer
from nntrain.layers.regularizing import regularize
from nntrain.layers.settings import AnyLayer

if TYPE_CHECKING:
    from nntrain.layers.program import Value
    from nntrain.layers.scope import Scope


class LayerList(Architecture):
    """Layers one after another. A list that ends in a linear or convolution is its own output; any other gets the task's."""

    main: ClassVar[str | None] = "layers"

    type: Literal["layers"] = "layers"
    layers: tuple[AnyLayer, ...]
    """The layers, from the input to the output."""
    blocks: dict[str, Block] | None = None
    """Layers by a name that is used like that of a layer: `{conv: {with: {c: null}, layers: […]}}`, then `- conv: 64`. A saved config
    has them written out."""

    def parts(self) -> Mapping[str, tuple[Layer, ...]]:
        return {"layers": self.layers}

    def is_output(self) -> bool:
        return bool(self.layers) and self.layers[-1].is_output()

    def last_path(self, path: YamlPath) -> YamlPath:
        return (*path, "layers", len(self.layers) - 1) if self.layers else path

    def place(self, scope: Scope, value: Value) -> Value:
        return scope.sequence(regularize(self.layers, scope.context), value, key="layers")
