"""What holds for every optimizer: it learns, keeps rates by group, and goes on exactly from saved state."""

from __future__ import annotations

import json
from typing import Any

import pytest
import torch
from torch import nn

from nntrain.config.documentation.catalogue import attribute_docstrings
from nntrain.optimizers.groups import parameter_groups
from nntrain.optimizers.optimizer import GroupRule, Optimizer
from nntrain.optimizers.settings import OPTIMIZERS
from nntrain.schema import Slot, load_class
from nntrain.training.state import flatten, optimizer_state, restore_into, unflatten

CASES: list[dict[str, Any]] = [
    {"type": "sgd", "lr": 0.05},
    {"type": "sgd", "lr": 0.05, "momentum": 0.9},
    {"type": "sgd", "lr": 0.05, "momentum": 0.9, "nesterov": True},
    {"type": "adam", "lr": 0.05},
    {"type": "adam", "lr": 0.05, "amsgrad": True, "betas": [0.8, 0.9]},
    {"type": "adamw", "lr": 0.05},
]

every = pytest.mark.parametrize("case", CASES, ids=lambda case: json.dumps(case))


def read(written: Any) -> Optimizer:
    optimizer = Slot("optimizer", (OPTIMIZERS,)).validate(written)
    assert isinstance(optimizer, Optimizer)
    return optimizer


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 1))


def train(model: nn.Module, optimizer: torch.optim.Optimizer, steps: int) -> list[float]:
    inputs = torch.randn(32, 3, generator=torch.Generator().manual_seed(1))
    losses = []
    for _ in range(steps):
        loss = (model(inputs).squeeze(1) - inputs.sum(dim=1)).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


@pytest.mark.parametrize("tag", OPTIMIZERS)
def test_every_optimizer_has_a_row_and_its_rate_as_main_option(tag: str) -> None:
    assert tag in {case["type"] for case in CASES}, f"add a row for {tag} to {__file__}"
    component = load_class(OPTIMIZERS[tag])
    assert component.model_fields["type"].default == tag
    assert component.__doc__
    assert set(component.model_fields) == {"type", *attribute_docstrings(component)}
    assert read({tag: 0.5}) == read({"type": tag, "lr": 0.5})


@every
def test_settings_survive_json(case: dict[str, Any]) -> None:
    optimizer = read(case)
    assert read(json.loads(json.dumps(optimizer.model_dump(mode="json")))) == optimizer


@every
def test_it_learns(case: dict[str, Any]) -> None:
    model = network()
    losses = train(model, read(case).build(parameter_groups(model)), 100)
    assert losses[-1] < 0.1 * losses[0]


@every
def test_every_parameter_is_in_one_group_with_its_rate(case: dict[str, Any]) -> None:
    model = network()
    groups = parameter_groups(model, weight_decay=0.1, rules=[GroupRule(match="2.weight", lr=0.7)])
    built = read(case).build(groups)
    rates = {name: group["initial_lr"] for group in built.param_groups for name in group["param_names"]}
    assert rates == {"0.weight": 0.05, "0.bias": 0.05, "2.weight": 0.7, "2.bias": 0.05}
    assert {group["weight_decay"] for group in built.param_groups} == {0.0, 0.1}


@every
def test_weight_decay_shrinks_weights_that_get_no_gradient(case: dict[str, Any]) -> None:
    model = nn.Linear(2, 2)
    nn.init.ones_(model.weight)  # far from zero: adam's step is as long as its rate, and would shoot past a small weight
    built = read(case).build(parameter_groups(model, weight_decay=0.1))
    before = model.weight.detach().clone()
    model.weight.grad = torch.zeros_like(model.weight)
    built.step()
    assert bool((model.weight.abs() < before.abs()).all())


@every
def test_it_goes_on_exactly_from_saved_state(case: dict[str, Any]) -> None:
    one, other = network(), network()
    first, second = (read(case).build(parameter_groups(model)) for model in (one, other))
    train(one, first, 5)
    tensors, skeleton = flatten({"weights": one.state_dict(), "optimizer": optimizer_state(first)})
    saved = unflatten(tensors, json.loads(json.dumps(skeleton)))
    other.load_state_dict(saved["weights"])
    restore_into(second, saved["optimizer"])
    assert train(one, first, 5) == train(other, second, 5)
    assert all(torch.equal(left, right) for left, right in zip(one.parameters(), other.parameters(), strict=True))
