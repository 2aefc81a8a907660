"""An optimizer for each node."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from pydantic import TypeAdapter, ValidationError
from torch import nn

from nntrain.optimizers.by_node import ByNode
from nntrain.optimizers.groups import parameter_groups
from nntrain.optimizers.optimizer import Optimizer
from nntrain.optimizers.settings import AnyOptimizer
from nntrain.training.state import optimizer_state, restore_into

WRITTEN: dict[str, Any] = {"body": {"type": "adam", "lr": 2e-3, "betas": [0.5, 0.9]}, "head": {"sgd": 0.1}}


def read(written: Any) -> Optimizer:
    adapter: TypeAdapter[Any] = TypeAdapter(AnyOptimizer)
    found = adapter.validate_python(written)
    assert isinstance(found, Optimizer)
    return found


def network() -> nn.ModuleDict:
    torch.manual_seed(0)
    return nn.ModuleDict({"body": nn.Linear(3, 4), "head": nn.Linear(4, 1)})


def step(model: nn.ModuleDict, *optimizers: torch.optim.Optimizer) -> None:
    rows = torch.randn(8, 3, generator=torch.Generator().manual_seed(1))
    model["head"](model["body"](rows).tanh()).square().mean().backward()
    for optimizer in optimizers:
        optimizer.step()
        optimizer.zero_grad()


def test_each_node_is_moved_by_its_own_optimizer_as_torch_does() -> None:
    ours, theirs = network(), network()
    built = read(WRITTEN).build(parameter_groups(ours))
    pair = (torch.optim.Adam(theirs["body"].parameters(), lr=2e-3, betas=(0.5, 0.9)), torch.optim.SGD(theirs["head"].parameters(), lr=0.1))
    for _ in range(4):
        step(ours, built)
        step(theirs, *pair)
    for one, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(one, other)


def test_its_state_is_saved_by_parameter_and_taken_back() -> None:
    ours, other = network(), network()
    built, again = (read(WRITTEN).build(parameter_groups(model)) for model in (ours, other))
    step(ours, built)
    other.load_state_dict(ours.state_dict())
    restore_into(again, optimizer_state(built))
    assert set(optimizer_state(built)) == {"body.weight", "body.bias"}  # sgd without momentum keeps nothing
    step(ours, built)
    step(other, again)
    assert all(torch.equal(one, two) for one, two in zip(ours.parameters(), other.parameters(), strict=True))


def test_what_is_saved_reads_as_itself() -> None:
    found = read(WRITTEN)
    assert read(found.dump()) == found
    assert found.lr == 0.1


def test_a_pattern_takes_what_is_left() -> None:
    found = read({"head": "sgd", "*": "adamw"})
    assert found.unmoved(["body.weight", "head.weight"]) == []
    assert found.part_of("body.weight") == "*"


def test_nodes_that_nothing_is_of_and_parameters_that_nothing_moves_are_told() -> None:
    messages = [problem.message for problem in read(WRITTEN).unmoved(["body.weight", "tail.weight"])]
    assert messages == ["'head' moves no parameter that is trained", "does not say how the parameters of tail are moved"]


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ({"body": "lbfgs", "head": "adam"}, "lbfgs moves a network as a whole"),
        ({"body": {"type": "adam", "layer_decay": 0.5}, "head": "adam"}, "layer_decay does not go with"),
        ({"type": "by_node", "lr": 0.1, "nodes": {"body": "adam", "head": "adam"}}, "lr belongs to each node"),
        ({"type": "by_node", "lr": 0.1}, "lr belongs to each node"),
        ({"type": "by_node", "lr": 0.1, "body": "adam", "head": "adam"}, "lr belongs to each node"),
        ({"type": "by_node", "betas": [0.5, 0.9], "body": "adam", "head": "adam"}, "betas belongs to each node"),
        ({"type": "by_node", "body": "adam"}, "needs two nodes or more"),
        ({"type": "by_node"}, "needs two nodes or more"),
    ],
)
def test_what_does_not_go_with_nodes_is_refused(written: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        read(written)


@pytest.mark.parametrize("written", [{"adam": 1e-3}, {"lr": 1e-3, "betas": [0.5, 0.9]}, {"type": "sgd", "lr": 0.1}, "adam"])
def test_one_optimizer_is_read_as_before(written: Any) -> None:
    assert not isinstance(read(written), ByNode)
