"""What holds for every layer on the nodes of graphs: graphs of a batch don't see each other, and the order of nodes says nothing."""

from __future__ import annotations

import pytest
import torch
from contract_case import Case
from node_cases import NODE_CASES
from subjects import Subject, subject_of, tensor
from torch import Tensor
from torch.testing import assert_close

from nntrain.specs import GRAPH

Graph = dict[str, Tensor]

SIZES = (4, 1, 6)
modes = pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
alike = pytest.mark.parametrize("case", [case for case in NODE_CASES if not case.is_random], ids=str)


@alike
@modes
def test_graphs_of_a_batch_are_what_each_is_alone(case: Case, training: bool):
    """Forward and gradient of a block-diagonal batch; batch norm mixes nodes in training, as its name says."""
    if training and case.mixes_rows:
        pytest.skip("statistics of a batch are over all its nodes")
    built = subject_of(case)
    built.module.train(training)
    graphs = [_graph(nodes, seed) for seed, nodes in enumerate(SIZES)]
    xs = [_nodes(case, nodes, seed) for seed, nodes in enumerate(SIZES)]
    alone = [_called(built, x, graph) for x, graph in zip(xs, graphs, strict=True)]
    expected = [torch.randn(out.shape, generator=torch.Generator().manual_seed(seed), dtype=out.dtype) for seed, out in enumerate(alone)]
    torch.autograd.backward(alone, expected)
    parameters = _taken_gradients(built)

    batch = torch.cat([x.detach() for x in xs]).requires_grad_(xs[0].is_floating_point())
    out = _called(built, batch, _joined(graphs))
    assert_close(out, torch.cat([each.detach() for each in alone]))
    out.backward(torch.cat(expected))
    if batch.is_floating_point():
        gradients = [x.grad if x.grad is not None else torch.zeros_like(x) for x in xs]
        assert_close(batch.grad, torch.cat(gradients))
    assert_close(_taken_gradients(built), parameters)


@alike
def test_order_of_nodes_says_nothing(case: Case):
    """Nodes in another order come out in that order, pooled ones unchanged; so with edges in another order."""
    built = subject_of(case)
    built.module.eval()
    x, graph = _nodes(case, 7, 0).detach(), _graph(7, 0)
    order = torch.randperm(7)
    place = order.argsort()
    shuffled = torch.randperm(graph["edges"].shape[1])
    ends = {"edges": place[graph["edges"]][:, shuffled], "pairs": place[graph["pairs"]]}
    moved = {**graph, **ends, "weights": graph["weights"][shuffled]}
    out, again = _called(built, x, graph), _called(built, x[order], moved)
    assert_close(again, out[order] if built.spec.has_nodes else out)


def _nodes(case: Case, nodes: int, seed: int) -> Tensor:
    x = tensor(case.spec, 1, nodes, seed)
    return x.requires_grad_(x.is_floating_point())


def _graph(nodes: int, seed: int) -> Graph:
    """A random graph, directed, with an edge from a node to itself; the first node is never reached where there are others."""
    generator = torch.Generator().manual_seed(seed)
    edges = torch.cartesian_prod(torch.arange(nodes), torch.arange(nodes)).T
    edges = edges[:, torch.rand(edges.shape[1], generator=generator) < 0.4]
    edges = edges[:, edges[1] != 0] if nodes > 1 else torch.zeros(2, 1, dtype=torch.int64)
    weights = torch.rand(edges.shape[1], generator=generator) + 0.5
    pairs = torch.randint(nodes, (2, 3), generator=generator)
    return {"edges": edges, "weights": weights, "lengths": torch.tensor([nodes]), "pairs": pairs}


def _joined(graphs: list[Graph]) -> Graph:
    starts = torch.tensor([0, *SIZES[:-1]]).cumsum(0)
    return {
        **{ends: torch.cat([graph[ends] + start for graph, start in zip(graphs, starts, strict=True)], 1) for ends in ("edges", "pairs")},
        "weights": torch.cat([graph["weights"] for graph in graphs]),
        "lengths": torch.tensor(SIZES),
    }


def _called(built: Subject, x: Tensor, graph: Graph) -> Tensor:
    if built.is_program:
        return built.module({"x": x, **{f"{GRAPH}.{name}": value for name, value in graph.items()}})[0]["y"]
    names = {"edges": "edges", "edge_weights": "weights", "lengths": "lengths", "pairs": "pairs"}
    return built.module(x, **{need: graph[name] for need, name in names.items() if need in built.layer.needs})


def _taken_gradients(built: Subject) -> dict[str, Tensor]:
    found = {name: value.grad.clone() for name, value in built.module.named_parameters() if value.grad is not None}
    built.module.zero_grad()
    return found
