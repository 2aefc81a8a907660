"""Graph neural networks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Final, Literal, Self

from pydantic import PositiveInt, model_validator
from pydantic_core import PydanticCustomError

from nntrain.architectures.family import Family
from nntrain.layers.activation import ReLU
from nntrain.layers.elementwise import Max
from nntrain.layers.global_pooling import Pool
from nntrain.layers.graph import GAT, GCN, GIN, SAGE, need_edges
from nntrain.layers.layer import Layer
from nntrain.layers.linear import Linear
from nntrain.layers.merging import Concat
from nntrain.layers.regularizing import dropouts, norms
from nntrain.layers.settings import AnyActivation

if TYPE_CHECKING:
    from nntrain.layers.context import Context
    from nntrain.layers.program import Value
    from nntrain.layers.scope import Scope
    from nntrain.specs import Spec

_JOINS: Final = {"concat": Concat, "max": Max}


class GNN(Family):
    """Graph convolutions, each followed by an activation; the output layer says something of each node, or with `pool` of each graph.

    As `gin` each of them is an MLP of two layers, with `regularization.norm` before both of its activations (Xu et al. 2019).
    """

    main: ClassVar[str | None] = "conv"

    type: Literal["gnn"] = "gnn"
    conv: Literal["gcn", "gat", "sage", "gin"] = "gcn"
    """Kind of convolution: `gcn` a mean by degree, `gat` by attention, `sage` with weights of its own for the node, `gin` a sum."""
    hidden_size: PositiveInt = 64
    """Features of a node after each convolution; all heads together."""
    num_layers: PositiveInt = 2
    """Convolutions: how many edges away a node sees."""
    num_heads: PositiveInt = 1
    """Heads of the attention, of `gat` alone; they divide `hidden_size`."""
    activation: AnyActivation = ReLU()
    """Activation after each convolution."""
    jump: Literal["concat", "max"] | None = None
    """What becomes of the outputs of all convolutions: one after another, or the largest (jumping knowledge, Xu et al. 2018). Default:
    the last one goes on alone."""
    pool: Literal["mean", "max", "sum", "attention"] | None = None
    """How the nodes of a graph become one row, for targets that a graph has as a whole."""

    @model_validator(mode="after")
    def _heads_have_a_place(self) -> Self:
        if self.num_heads > 1 and self.conv != "gat":
            raise PydanticCustomError("heads_without_place", "num_heads has no effect: only conv: gat has heads")
        if self.hidden_size % self.num_heads:
            raise ValueError(f"num_heads {self.num_heads} does not divide hidden_size {self.hidden_size} into heads of one size")
        if self.jump is not None and self.num_layers == 1:
            raise PydanticCustomError(
                "jump_of_one", "jump has no effect: it joins the outputs of several convolutions, and num_layers is 1"
            )
        return self

    def expand(self, context: Context, spec: Spec) -> Sequence[Layer]:
        """All layers but the joining of `jump`, one after another."""
        return [*(layer for _ in range(self.num_layers) for layer in self._block(context)), *self._pooled()]

    def place(self, scope: Scope, value: Value) -> Value:
        need_edges(value.spec)
        ends: list[Value] = []
        for _ in range(self.num_layers):
            value = scope.sequence(self._block(scope.context), value)
            ends.append(value)
        if self.jump is not None:
            value = scope.add(_JOINS[self.jump](), *ends)
        return scope.sequence(self._pooled(), value)

    def _block(self, context: Context) -> list[Layer]:
        """One convolution and what follows it."""
        end = [*norms(context), self.activation, *dropouts(context)]
        if self.conv == "gin":  # written out, so that a norm stands before the activation inside the MLP too
            first = GIN(out_features=self.hidden_size, hidden=())
            return [first, *norms(context), self.activation, Linear(out_features=self.hidden_size), *end]
        if self.conv == "gat":
            return [GAT(out_features=self.hidden_size // self.num_heads, num_heads=self.num_heads), *end]
        kinds: dict[str, type[GCN | SAGE]] = {"gcn": GCN, "sage": SAGE}
        return [kinds[self.conv](out_features=self.hidden_size), *end]

    def _pooled(self) -> list[Layer]:
        return [] if self.pool is None else [Pool(how=self.pool)]
