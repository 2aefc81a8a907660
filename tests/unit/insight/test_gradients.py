from __future__ import annotations

import torch
from torch import nn

from nntrain.insight.gradients import watched_gradients


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Embedding(5, 3), nn.Linear(3, 2))


def test_sizes_are_those_of_the_values_that_are_not_zero() -> None:
    net = network()
    with watched_gradients(net) as sizes:
        net(torch.tensor([1, 1, 2])).sum().backward()
    found = sizes.by_layer()
    gradient = net[0].weight.grad
    assert isinstance(gradient, torch.Tensor)
    assert list(found) == ["0", "1"]
    assert found["0"] == float(gradient[1:3].double().square().mean().sqrt())
    both = torch.cat([net[1].weight.grad.flatten(), net[1].bias.grad])
    assert found["1"] == float(both.double().square().mean().sqrt())


def test_layers_without_gradient_have_zero_and_frozen_ones_are_left_out() -> None:
    net = network()
    net[0].weight.requires_grad_(False)
    with watched_gradients(net) as sizes:
        (net(torch.tensor([1])) * 0).sum().backward()
    assert sizes.by_layer() == {"1": float(torch.full((3,), 0.0).sum())}


def test_parts_of_a_gradient_count_as_they_are_in_the_end() -> None:
    net = network()
    rows = torch.tensor([[0], [3]])
    with watched_gradients(net) as whole:
        net(rows).sum().backward()
    net.zero_grad()
    with watched_gradients(net) as parts:
        for row in rows:
            net(row).sum().backward()
    assert parts.by_layer() == whole.by_layer()


def test_nobody_looks_on_afterwards() -> None:
    net = network()
    with watched_gradients(net) as sizes:
        pass
    net(torch.tensor([1])).sum().backward()
    assert set(sizes.by_layer().values()) == {0.0}
