"""A residual network for tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field, PositiveInt

from nntrain.architectures.family import Family
from nntrain.layers.activation import ReLU
from nntrain.layers.composite import Residual
from nntrain.layers.dropout import Dropout
from nntrain.layers.linear import Linear
from nntrain.layers.regularizing import dropouts, named_norm
from nntrain.layers.settings import AnyActivation
from nntrain.layers.shape import Flatten

if TYPE_CHECKING:
    from nntrain.layers.context import Context
    from nntrain.layers.layer import Layer
    from nntrain.specs import Spec


class TabResNet(Family):
    """ResNet for tables (Gorishniy, Rubachev, Khrulkov, Babenko, 2021, section 3.2): a linear layer, then residual blocks of two.

    A block is norm, linear, activation, dropout, linear; a norm and an activation stand at the end. The norm is `regularization.norm`:
    `batch` by default. The authors' code has dropout 0.15 in the blocks and AdamW with rate 1e-3 and decay 1e-4.
    """

    main: ClassVar[str | None] = "dim"

    type: Literal["tab_resnet"] = "tab_resnet"
    dim: PositiveInt = 192
    """Numbers of a row all through the network."""
    num_layers: PositiveInt = 2
    """Residual blocks."""
    dim_hidden: PositiveInt | None = None
    """Numbers between the two linear layers of a block. Default: twice `dim`."""
    activation: AnyActivation = ReLU()
    """Activation in the blocks and at the end."""
    residual_dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Dropout of what a block adds."""

    def expand(self, context: Context, spec: Spec) -> Sequence[Layer]:
        norm = context.norm or "batch"
        hidden = self.dim_hidden or 2 * self.dim
        ending = (Dropout(p=self.residual_dropout),) if self.residual_dropout else ()
        block = (
            named_norm(norm),
            Linear(out_features=hidden),
            self.activation,
            *dropouts(context),
            Linear(out_features=self.dim),
            *ending,
        )
        blocks = [Residual(layers=block) for _ in range(self.num_layers)]
        start = [Flatten()] if spec.of_one.rank > 1 else []
        return [*start, Linear(out_features=self.dim), *blocks, named_norm(norm), self.activation]
