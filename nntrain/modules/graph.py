"""Graph convolutions on packed nodes `[S, F]` and edges int64 `[2, E]`, from the first row of `edges` to the second.

Everything is a gather at the one end and a sum at the other, so that several graphs, laid one after another, are one large graph.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import dropout, leaky_relu, normalize

Aggregation = Literal["mean", "max", "sum"]


def collect(messages: Tensor, target: Tensor, nodes: int) -> Tensor:
    """Sum of the messages `[E, …]` that reach each node: `[S, …]`; zeros where none does."""
    return messages.new_zeros(nodes, *messages.shape[1:]).index_add(0, target, messages)


def aggregate(x: Tensor, edges: Tensor, how: Aggregation) -> Tensor:
    """What each node gets from its neighbours: `[S, F] -> [S, F]`; zeros where it has none."""
    source, target = edges
    messages = x.index_select(0, source)
    if how == "max":
        index = target.unsqueeze(1).expand_as(messages)
        return torch.zeros_like(x).scatter_reduce(0, index, messages, "amax", include_self=False)
    total = collect(messages, target, len(x))
    if how == "sum":
        return total
    return total / collect(total.new_ones(len(target)), target, len(x)).clamp(min=1).unsqueeze(1)


class GraphConvolution(nn.Module):
    """`D^-1/2 (A + I) D^-1/2 X W + b` (Kipf and Welling 2017, equation 2); a node that is its own neighbour keeps that edge's weight.

    Without `normalize` `A X W + b`. Weights start as in the paper (Glorot), offsets at 0.
    """

    def __init__(self, features: int, out_features: int, *, bias: bool, normalize: bool) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(out_features, features))
        self.bias = nn.Parameter(torch.zeros(out_features)) if bias else None
        self.normalize = normalize
        nn.init.xavier_uniform_(self.weight)

    def forward(self, x: Tensor, *, edges: Tensor, edge_weights: Tensor) -> Tensor:
        """`[S, F] -> [S, out_features]`; weights float32 `[E]`."""
        source, target = edges
        x = nn.functional.linear(x, self.weight)
        strength = edge_weights.to(x.dtype)
        if self.normalize:
            is_loop = source == target
            loops = collect(torch.where(is_loop, strength, 0.0), target, len(x))
            own = torch.where(collect(is_loop.to(x.dtype), target, len(x)) > 0, loops, 1.0)
            strength = strength.masked_fill(is_loop, 0.0)
            degree = own + collect(strength, target, len(x))
            scale = torch.where(degree > 0, degree, torch.inf).rsqrt()
            strength = scale.index_select(0, source) * strength * scale.index_select(0, target)
            x = (scale.square() * own).unsqueeze(1) * x + collect(x.index_select(0, source) * strength.unsqueeze(1), target, len(x))
        else:
            x = collect(x.index_select(0, source) * strength.unsqueeze(1), target, len(x))
        return x if self.bias is None else x + self.bias


class Heads(NamedTuple):
    """What both kinds of graph attention are told of their heads."""

    number: int
    out_features: int
    """Features that each head gives."""
    concat: bool
    """Whether they stand one after another; otherwise their mean comes out."""
    slope: float
    """Slope below 0 of the leaky ReLU of the scores."""
    dropout: float
    """Share of the weights of neighbours that is set to zero, in training."""
    bias: bool


class AttentionHeads(nn.Module):
    """What both kinds of graph attention do once each edge has a score: a softmax over the edges that reach a node, and a sum."""

    def __init__(self, heads: Heads) -> None:
        super().__init__()
        self.heads, self.dropout = heads, heads.dropout
        width = heads.number * heads.out_features if heads.concat else heads.out_features
        self.bias = nn.Parameter(torch.zeros(width)) if heads.bias else None

    def spread(self, values: Tensor, scores: Tensor, own: Tensor, edges: Tensor) -> Tensor:
        """Sum what the neighbours of each node, and the node itself, have.

        Args:
            values: `[S, heads, out_features]`.
            scores: Of each edge, `[E, heads]`.
            own: Of the edge from each node to itself, `[S, heads]`; such edges in `edges` are not counted again.
            edges: Int64 `[2, E]`.
        """
        source, target = edges
        nodes = len(values)
        index = target.unsqueeze(1).expand_as(scores)
        highest = own.detach().scatter_reduce(0, index, scores.detach(), "amax")
        shares = (scores - highest.index_select(0, target)).exp().masked_fill((source == target).unsqueeze(1), 0.0)
        own = (own - highest).exp()
        total = own + collect(shares, target, nodes)
        shares = dropout(shares / total.index_select(0, target), self.dropout, self.training)
        own = dropout(own / total, self.dropout, self.training)
        out = own.unsqueeze(2) * values + collect(shares.unsqueeze(2) * values.index_select(0, source), target, nodes)
        out = out.flatten(1) if self.heads.concat else out.mean(1)
        return out if self.bias is None else out + self.bias


class GraphAttention(AttentionHeads):
    """Scores `leaky_relu(a_from · W x_j + a_to · W x_i)` (Velickovic et al. 2018, equation 3). Weights start as in the paper (Glorot)."""

    def __init__(self, features: int, heads: Heads) -> None:
        super().__init__(heads)
        width = heads.number * heads.out_features
        self.weight = nn.Parameter(torch.empty(width, features))
        self.attention_from = nn.Parameter(torch.empty(heads.number, heads.out_features))
        self.attention_to = nn.Parameter(torch.empty(heads.number, heads.out_features))
        for parameter in (self.weight, self.attention_from, self.attention_to):
            nn.init.xavier_uniform_(parameter)

    def forward(self, x: Tensor, *, edges: Tensor) -> Tensor:
        """`[S, F] -> [S, heads * out_features]`, `[S, out_features]` where heads are averaged."""
        values = nn.functional.linear(x, self.weight).view(len(x), self.heads.number, self.heads.out_features)
        sending, receiving = (values * self.attention_from).sum(2), (values * self.attention_to).sum(2)
        scores = leaky_relu(sending.index_select(0, edges[0]) + receiving.index_select(0, edges[1]), self.heads.slope)
        return self.spread(values, scores, leaky_relu(sending + receiving, self.heads.slope), edges)


class DynamicGraphAttention(AttentionHeads):
    """Scores `a · leaky_relu(W_from x_j + W_to x_i)` (Brody et al. 2022, equation 7). Weights start as in the paper (Glorot)."""

    def __init__(self, features: int, heads: Heads) -> None:
        super().__init__(heads)
        width = heads.number * heads.out_features
        self.sending = nn.Linear(features, width, bias=heads.bias)
        self.receiving = nn.Linear(features, width, bias=heads.bias)
        self.attention = nn.Parameter(torch.empty(heads.number, heads.out_features))
        for parameter in (self.sending.weight, self.receiving.weight, self.attention):
            nn.init.xavier_uniform_(parameter)
        if heads.bias:
            nn.init.zeros_(self.sending.bias)
            nn.init.zeros_(self.receiving.bias)

    def forward(self, x: Tensor, *, edges: Tensor) -> Tensor:
        """`[S, F] -> [S, heads * out_features]`, `[S, out_features]` where heads are averaged."""
        shape = (len(x), self.heads.number, self.heads.out_features)
        values, asking = self.sending(x).view(shape), self.receiving(x).view(shape)
        scores = self._score(values.index_select(0, edges[0]) + asking.index_select(0, edges[1]))
        return self.spread(values, scores, self._score(values + asking), edges)

    def _score(self, joined: Tensor) -> Tensor:
        return (leaky_relu(joined, self.heads.slope) * self.attention).sum(2)


class GraphSAGE(nn.Module):
    """`W_own x_i + W_neighbors · aggregate(x_j) + b` (Hamilton et al. 2017, algorithm 1)."""

    def __init__(self, features: int, out_features: int, how: Aggregation, *, bias: bool, normalize: bool) -> None:
        super().__init__()
        self.neighbors = nn.Linear(features, out_features, bias=bias)
        self.own = nn.Linear(features, out_features, bias=False)
        self.how: Aggregation = how
        self.has_bias = bias
        self.normalize = normalize

    def forward(self, x: Tensor, *, edges: Tensor) -> Tensor:
        """`[S, F] -> [S, out_features]`. A mean or sum is taken of the smaller of both widths: the product may come first."""
        if self.how != "max" and self.neighbors.out_features < self.neighbors.in_features:
            near = aggregate(nn.functional.linear(x, self.neighbors.weight), edges, self.how)
            near = near + self.neighbors.bias if self.has_bias else near
        else:
            near = self.neighbors(aggregate(x, edges, self.how))
        out = self.own(x) + near
        return normalize(out, dim=1) if self.normalize else out


class GraphIsomorphism(nn.Module):
    """`MLP((1 + eps) x_i + Σ x_j)` (Xu et al. 2019, equation 4.1)."""

    def __init__(self, widths: tuple[int, ...], eps: float, *, train_eps: bool) -> None:
        """`widths` are those of the input, the hidden layers and the output."""
        super().__init__()
        layers: list[nn.Module] = []
        for features, out_features in pairwise(widths):
            layers += [nn.Linear(features, out_features), nn.ReLU()]
        self.mlp = nn.Sequential(*layers[:-1])
        self.eps: Tensor
        if train_eps:
            self.eps = nn.Parameter(torch.tensor(eps))
        else:
            self.register_buffer("eps", torch.tensor(eps), persistent=False)

    def forward(self, x: Tensor, *, edges: Tensor) -> Tensor:
        """`[S, F] -> [S, out_features]`."""
        return self.mlp((1 + self.eps) * x + aggregate(x, edges, "sum"))


class NodePool(nn.Module):
    """One vector of the nodes of each graph: `[S, F] -> [B, F]`. A graph without nodes gives zeros."""

    def __init__(self, how: Aggregation) -> None:
        super().__init__()
        self.how: Aggregation = how

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        """Pool; `lengths` int64 `[B]` says how many nodes each graph has."""
        return pool_nodes(x, lengths, self.how)


class NodeAttentionPool(nn.Module):
    """Mean of the nodes of each graph, weighted by the softmax of a learned score: `[S, F] -> [B, F]`."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.score = nn.Linear(features, 1, bias=False)  # an offset would cancel in the softmax

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        """Pool; a graph without nodes gives zeros."""
        scores: Tensor = self.score(x)
        highest = pool_nodes(scores.detach(), lengths, "max")
        shares = (scores - highest.index_select(0, segments(x, lengths))).exp()
        total = pool_nodes(shares, lengths, "sum")
        return pool_nodes(shares * x, lengths, "sum") / torch.where(total > 0, total, 1.0)


def segments(x: Tensor, lengths: Tensor) -> Tensor:
    """Which graph of the batch each node of `[S, F]` is of, int64 `[S]`."""
    return torch.arange(len(lengths), device=x.device).repeat_interleave(lengths, output_size=len(x))


def pool_nodes(x: Tensor, lengths: Tensor, how: Aggregation) -> Tensor:
    """Sum, mean or largest value over the nodes of each graph: `[S, F] -> [B, F]`; zeros for a graph without nodes."""
    segment = segments(x, lengths)
    if how == "max":
        empty = x.new_zeros(len(lengths), x.shape[1])
        return empty.scatter_reduce(0, segment.unsqueeze(1).expand_as(x), x, "amax", include_self=False)
    total = collect(x, segment, len(lengths))
    return total if how == "sum" else total / lengths.clamp(min=1).unsqueeze(1)
