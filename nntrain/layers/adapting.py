"""Small trainable additions to frozen layers. Torch-free until `attach`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Final, Literal

from pydantic import Field, PositiveFloat, PositiveInt

from nntrain.schema import StrictModel

if TYPE_CHECKING:
    from torch import nn

    from nntrain.specs import Size

ADAPTED: Final = frozenset({"linear", "multihead_attention", "cross_attention"})
"""Layers whose weights are products that an adapter may be added to."""


class Lora(StrictModel):
    """Low-rank adaptation: `alpha / rank * B A` is added to a weight W, and only A and B are trained (Hu et al. 2021, equation 3).

    B starts at zero: in the beginning the network is what it was. All else stays as it is, but the head. The parameters are
    `<layer>.lora_a` [rank, in] and `<layer>.lora_b` [out, rank]; those of the joint projection of an attention `in_proj_lora_a` and
    `in_proj_lora_b`.
    """

    type: Literal["lora"] = "lora"
    rank: PositiveInt = 8
    """Rows of A: the fewer, the fewer weights are trained."""
    alpha: PositiveFloat = 16.0
    """Divided by the rank it scales what is added; another rank then needs no other learning rate."""
    match: str | Annotated[tuple[str, ...], Field(min_length=1)] = "*"
    """Patterns of names of layers, one or a list, such as `*.attention`; of what they match linear layers and the projections of
    attention are adapted. Default: all of them."""

    @property
    def patterns(self) -> tuple[str, ...]:
        """The patterns as a list."""
        return (self.match,) if isinstance(self.match, str) else self.match

    def shapes(self, shapes: Mapping[str, tuple[Size, ...]]) -> dict[str, tuple[Size, ...]]:
        """Shapes of the parameters of a layer, in the module's order, once it is adapted."""
        made: dict[str, tuple[Size, ...]] = {}
        owners = dict.fromkeys(name.rpartition(".")[0] for name in shapes)
        for owner in owners:
            own = {name: shape for name, shape in shapes.items() if name.rpartition(".")[0] == owner}
            made |= own
            for name, shape in own.items():
                if name.endswith("weight") and len(shape) == 2:
                    made[f"{name.removesuffix('weight')}lora_a"] = (self.rank, shape[1])
                    made[f"{name.removesuffix('weight')}lora_b"] = (shape[0], self.rank)
        return made

    def attach(self, module: nn.Module) -> nn.Module:
        """Adapt a module. A is drawn from torch's global random numbers, as the weight of a linear layer is."""
        from nntrain.modules.adapting import adapted

        return adapted(module, self.rank, self.alpha / self.rank)
