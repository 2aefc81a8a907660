"""Graph convolutions give what those of torch-geometric give with the same weights: outputs and gradients."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.testing import assert_close

from nntrain.layers.graph import GAT, GCN, GIN, SAGE, GraphLayer
from nntrain.specs import NODES, RAGGED, Spec

FEATURES, OUT, HEADS = 6, 4, 3
SPEC = Spec(NODES, (RAGGED, FEATURES))
pyg: Any = pytest.importorskip("torch_geometric.nn", reason="pip install torch_geometric for the comparison with its layers")

EDGES = torch.tensor([[0, 1, 2, 2, 3, 4, 4, 1, 5, 5], [1, 0, 1, 3, 4, 4, 2, 3, 0, 5]])
"""Two nodes that are their own neighbours; node 6 has no edge."""
NODE_COUNT = 7

CASES: list[tuple[GraphLayer, Any, dict[str, str]]] = [
    (GCN(out_features=OUT), lambda: pyg.GCNConv(FEATURES, OUT), {"weight": "lin.weight", "bias": "bias"}),
    (
        GCN(out_features=OUT, normalize=False, bias=False),
        lambda: pyg.GCNConv(FEATURES, OUT, normalize=False, bias=False),
        {"weight": "lin.weight"},
    ),
    *(
        (
            GAT(out_features=OUT, num_heads=HEADS, concat=concat, negative_slope=0.1),
            lambda concat=concat: pyg.GATConv(FEATURES, OUT, heads=HEADS, concat=concat, negative_slope=0.1),
            {"weight": "lin.weight", "attention_from": "att_src", "attention_to": "att_dst", "bias": "bias"},
        )
        for concat in (True, False)
    ),
    (
        GAT(out_features=OUT, num_heads=HEADS, v2=True),
        lambda: pyg.GATv2Conv(FEATURES, OUT, heads=HEADS),
        {
            "sending.weight": "lin_l.weight",
            "sending.bias": "lin_l.bias",
            "receiving.weight": "lin_r.weight",
            "receiving.bias": "lin_r.bias",
            "attention": "att",
            "bias": "bias",
        },
    ),
    *(
        (
            SAGE(out_features=width, aggregation=how, normalize=normalize),
            lambda width=width, how=how, normalize=normalize: pyg.SAGEConv(FEATURES, width, aggr=how, normalize=normalize),
            {"neighbors.weight": "lin_l.weight", "neighbors.bias": "lin_l.bias", "own.weight": "lin_r.weight"},
        )
        for width, how, normalize in ((OUT, "mean", False), (9, "mean", True), (OUT, "max", False), (OUT, "sum", False))
    ),
    (
        GIN(out_features=OUT, hidden=(5,), eps=0.3, train_eps=True),
        lambda: pyg.GINConv(nn.Sequential(nn.Linear(FEATURES, 5), nn.ReLU(), nn.Linear(5, OUT)), eps=0.3, train_eps=True),
        {"eps": "eps", "mlp.0.weight": "nn.0.weight", "mlp.0.bias": "nn.0.bias", "mlp.2.weight": "nn.2.weight", "mlp.2.bias": "nn.2.bias"},
    ),
]


@pytest.mark.parametrize(("layer", "make", "names"), CASES, ids=[case[0].describe() for case in CASES])
def test_outputs_and_gradients_are_those_of_torch_geometric(layer: GraphLayer, make: Any, names: dict[str, str]):
    ours, theirs = layer.build(SPEC).double(), make().double()
    own, other = dict(ours.named_parameters()), dict(theirs.named_parameters())
    assert own.keys() == names.keys()
    assert other.keys() == set(names.values())
    with torch.no_grad():
        for name, parameter in own.items():
            parameter.copy_(other[names[name]].reshape(parameter.shape))
            if "bias" in name:
                parameter.normal_()
                other[names[name]].copy_(parameter)
    x = torch.randn(NODE_COUNT, FEATURES, dtype=torch.float64)
    out = _called(layer, ours, x.requires_grad_())
    again = x.detach().clone().requires_grad_()
    expected = theirs(again, EDGES)
    assert_close(out, expected)
    cotangent = torch.randn_like(out)
    out.backward(cotangent)
    expected.backward(cotangent)
    assert_close(x.grad, again.grad)
    for name, parameter in own.items():
        assert_close(parameter.grad.reshape(-1), other[names[name]].grad.reshape(-1), msg=name)


def test_weights_of_edges_count_as_in_torch_geometric():
    weights = torch.rand(EDGES.shape[1], dtype=torch.float64) + 0.1
    ours, theirs = GCN(out_features=OUT).build(SPEC).double(), pyg.GCNConv(FEATURES, OUT).double()
    with torch.no_grad():
        ours.weight.copy_(theirs.lin.weight)
    x = torch.randn(NODE_COUNT, FEATURES, dtype=torch.float64)
    assert_close(ours(x, edges=EDGES, edge_weights=weights), theirs(x, EDGES, weights))


def _called(layer: GraphLayer, module: nn.Module, x: Tensor) -> Tensor:
    given = {"edges": EDGES, "edge_weights": torch.ones(EDGES.shape[1], dtype=torch.float64)}
    return module(x, **{need: given[need] for need in layer.needs})
