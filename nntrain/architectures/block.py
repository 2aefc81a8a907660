"""What a config says of a block. Blocks are written out before an architecture is made: it never has any."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from nntrain.arithmetic import Value
from nntrain.layers.settings import AnyLayer
from nntrain.schema import StrictModel


class Block(StrictModel):
    """Layers with a name and options, used like a layer; each use has weights of its own. A list alone is a block without options."""

    main: ClassVar[str | None] = "layers"

    with_: dict[str, Value | None] | None = Field(default=None, alias="with")
    """Options and their defaults, `null` for one that each use must give: `{c: null, k: 3}`. `=c` in the layers stands for one."""
    layers: Annotated[tuple[AnyLayer, ...], Field(min_length=1)]
    """The layers, which may be uses of other blocks."""
