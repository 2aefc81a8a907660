"""Graph convolutions: each node gets something of its neighbours. Nodes [S, F] of all graphs of a batch stand one after another."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field, PositiveInt

from nntrain.errors import SpecError
from nntrain.layers.layer import Layer, Need
from nntrain.layers.requirements import need_numbers
from nntrain.specs import NODES, Size, Spec, known, times

if TYPE_CHECKING:
    from torch import nn


class GraphLayer(Layer):
    """A layer that needs the edges between the nodes that it gets."""

    main: ClassVar[str | None] = "out_features"
    sized: ClassVar[bool] = True
    needs: ClassVar[frozenset[Need]] = frozenset({"edges"})

    out_features: PositiveInt
    """Number of features that come out for each node."""

    @property
    def width(self) -> Size:
        """Features of a node that come out."""
        return self.out_features

    def out_spec(self, spec: Spec, *side: Spec) -> Spec:
        need_edges(spec)
        return spec.with_last(self.width)


class GCN(GraphLayer):
    """Graph convolution (Kipf and Welling 2017): a mean of the node and its neighbours, each divided by the root of both degrees.

    [S, F] -> [S, out_features]. An edge counts by its weight, where the data has weights, and the node itself as an edge of weight 1.
    """

    needs: ClassVar[frozenset[Need]] = frozenset({"edges", "edge_weights"})

    type: Literal["gcn"] = "gcn"
    bias: bool = True
    """Whether to add a learned offset."""
    normalize: bool = True
    """Whether to divide by degrees and to count the node itself; without it neighbours are summed as they are."""

    def parameter_shapes(self, spec: Spec, *side: Spec) -> dict[str, tuple[Size, ...]]:
        weight = (self.out_features, spec.size("feature"))
        return {"weight": weight, "bias": (self.out_features,)} if self.bias else {"weight": weight}

    def build(self, spec: Spec, *side: Spec) -> nn.Module:
        from nntrain.modules.graph import GraphConvolution

        return GraphConvolution(known(spec.size("feature")), self.out_features, bias=self.bias, normalize=self.normalize)


class GAT(GraphLayer):
    """Graph attention (Velickovic et al. 2018): a mean of the node and its neighbours, weighted by learned scores of each pair.

    [S, F] -> [S, num_heads * out_features], or [S, out_features] with `concat: false`.
    """

    type: Literal["gat"] = "gat"
    out_features: PositiveInt
    """Number of features that each head gives."""
    num_heads: PositiveInt = 1
    """Heads, each with weights of its own."""
    concat: bool = True
    """Whether the heads stand one after another; otherwise their mean comes out, as in the paper's last layer."""
    negative_slope: Annotated[float, Field(ge=0)] = 0.2
    """Slope below 0 of the leaky ReLU of the scores."""
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Share of the weights of neighbours that is set to zero, in training."""
    bias: bool = True
    """Whether to add a learned offset."""
    v2: bool = False
    """Scores in which the order of neighbours may differ from node to node (GATv2, Brody et al. 2022); two weight matrices."""

    @property
    def width(self) -> Size:
        return times(self.out_features, self.num_heads) if self.concat else self.out_features

    def parameter_shapes(self, spec: Spec, *side: Spec) -> dict[str, tuple[Size, ...]]:
        inner, heads = times(self.out_features, self.num_heads), (self.num_heads, self.out_features)
        bias: dict[str, tuple[Size, ...]] = {"bias": (self.width,)} if self.bias else {}
        weight = (inner, spec.size("feature"))
        if not self.v2:
            return {**bias, "weight": weight, "attention_from": heads, "attention_to": heads}
        offsets = {f"{name}.bias": (inner,) for name in ("sending", "receiving") if self.bias}
        shapes: dict[str, tuple[Size, ...]] = {**bias, "attention": heads}
        for name in ("sending", "receiving"):
            shapes |= {f"{name}.weight": weight, **{key: shape for key, shape in offsets.items() if key.startswith(name)}}
        return shapes

    def build(self, spec: Spec, *side: Spec) -> nn.Module:
        from nntrain.modules.graph import DynamicGraphAttention, GraphAttention, Heads

        heads = Heads(self.num_heads, self.out_features, self.concat, self.negative_slope, self.dropout, self.bias)
        return (DynamicGraphAttention if self.v2 else GraphAttention)(known(spec.size("feature")), heads)


class SAGE(GraphLayer):
    """GraphSAGE (Hamilton et al. 2017): weights for the node and others for what its neighbours give together.

    [S, F] -> [S, out_features].
    """

    type: Literal["sage"] = "sage"
    aggregation: Literal["mean", "max", "sum"] = "mean"
    """What is taken over the neighbours."""
    bias: bool = True
    """Whether to add a learned offset."""
    normalize: bool = False
    """Whether each node is divided by its length, so that it has length 1, as the paper does."""

    def parameter_shapes(self, spec: Spec, *side: Spec) -> dict[str, tuple[Size, ...]]:
        weight = (self.out_features, spec.size("feature"))
        bias: dict[str, tuple[Size, ...]] = {"neighbors.bias": (self.out_features,)} if self.bias else {}
        return {"neighbors.weight": weight, **bias, "own.weight": weight}

    def build(self, spec: Spec, *side: Spec) -> nn.Module:
        from nntrain.modules.graph import GraphSAGE

        return GraphSAGE(known(spec.size("feature")), self.out_features, self.aggregation, bias=self.bias, normalize=self.normalize)


class GIN(GraphLayer):
    """Graph isomorphism network (Xu et al. 2019): an MLP of (1 + eps) times the node plus the sum of its neighbours.

    [S, F] -> [S, out_features].
    """

    type: Literal["gin"] = "gin"
    hidden: tuple[PositiveInt, ...] | None = None
    """Widths of the hidden layers of the MLP, with a ReLU after each. Default: one of `out_features`; `[]` leaves a single layer."""
    eps: float = 0.0
    """What the node itself counts more than a neighbour; 0 in GIN-0."""
    train_eps: bool = False
    """Whether `eps` is learned."""

    def _widths(self, spec: Spec) -> tuple[Size, ...]:
        hidden = (self.out_features,) if self.hidden is None else self.hidden
        return (spec.size("feature"), *hidden, self.out_features)

    def parameter_shapes(self, spec: Spec, *side: Spec) -> dict[str, tuple[Size, ...]]:
        widths = self._widths(spec)
        shapes: dict[str, tuple[Size, ...]] = {"eps": ()} if self.train_eps else {}
        for place, (features, out_features) in enumerate(pairwise(widths)):
            shapes |= {f"mlp.{2 * place}.weight": (out_features, features), f"mlp.{2 * place}.bias": (out_features,)}
        return shapes

    def build(self, spec: Spec, *side: Spec) -> nn.Module:
        from nntrain.modules.graph import GraphIsomorphism

        return GraphIsomorphism(tuple(known(width) for width in self._widths(spec)), self.eps, train_eps=self.train_eps)


def need_edges(spec: Spec) -> None:
    """Refuse what is no node of a graph.

    Raises:
        SpecError: It has no edges, or is an index.
    """
    if spec.axes == NODES:
        need_numbers(spec)
    else:
        raise SpecError(
            f"needs edges between nodes and gets {spec.describe()}, which has none",
            hint="data.source: {type: graph, nodes: nodes.csv, edges: edges.csv} has edges; behind pool there are none left",
        )
