"""An update by gradients that are at hand has the bits of the usual one."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from nntrain.modules import fused_optimizers
from nntrain.modules.fused_optimizers import FusedAdam, FusedAdamW, FusedSGD

KINDS: list[tuple[Any, dict[str, Any]]] = [
    (FusedSGD, {}),
    (FusedSGD, {"momentum": 0.9, "nesterov": True, "weight_decay": 0.1}),
    (FusedAdam, {"amsgrad": True}),
    (FusedAdamW, {"weight_decay": 0.1}),
]


def pair(kind: Any, options: dict[str, Any]) -> list[tuple[nn.Module, Any]]:
    network = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2))
    made: list[tuple[nn.Module, Any]] = []
    for own in (network, copy.deepcopy(network)):
        groups = [{"params": list(own[0].parameters()), "lr": 0.1}, {"params": list(own[1].parameters()), "lr": 0.01}]
        made.append((own, kind(groups, lr=0.1, fused=True, **options)))
    return made


def usual(network: nn.Module, optimizer: Any, gradients: list[Tensor]) -> None:
    for parameter, gradient in zip(network.parameters(), gradients, strict=True):
        parameter.grad = gradient.clone()
    optimizer.step()
    optimizer.zero_grad()


def drawn(network: nn.Module) -> list[Tensor]:
    return [torch.randn_like(parameter) for parameter in network.parameters()]


def assert_same(one: tuple[nn.Module, Any], other: tuple[nn.Module, Any]) -> None:
    assert all(torch.equal(*each) for each in zip(one[0].parameters(), other[0].parameters(), strict=True))
    states = [optimizer.state_dict()["state"] for _, optimizer in (one, other)]
    assert states[0].keys() == states[1].keys()
    for place in states[0]:
        assert all(torch.equal(states[0][place][name], states[1][place][name]) for name in states[1][place])
    assert all(parameter.grad is None for parameter in one[0].parameters())


@pytest.mark.parametrize(("kind", "options"), KINDS)
def test_updates_have_the_bits_of_steps_from_the_first_one_on(kind: Any, options: dict[str, Any]) -> None:
    (mine, direct), (other, plain) = pair(kind, options)
    for step in range(4):
        gradients = drawn(mine)
        direct.move([gradient.clone() for gradient in gradients])
        usual(other, plain, gradients)
        assert_same((mine, direct), (other, plain))
        for optimizer in (direct, plain):
            optimizer.param_groups[0]["lr"] = 0.1 / (step + 2)


@pytest.mark.parametrize(("kind", "options"), KINDS)
def test_a_state_that_is_loaded_is_the_one_that_is_moved(kind: Any, options: dict[str, Any]) -> None:
    (mine, direct), (other, plain) = pair(kind, options)
    for _ in range(2):
        gradients = drawn(mine)
        direct.move([gradient.clone() for gradient in gradients])
        usual(other, plain, gradients)
    saved = copy.deepcopy(direct.state_dict())
    direct.move(drawn(mine))
    direct.load_state_dict(saved)
    mine.load_state_dict(other.state_dict())
    gradients = drawn(mine)
    direct.move([gradient.clone() for gradient in gradients])
    usual(other, plain, gradients)
    assert_same((mine, direct), (other, plain))


@pytest.mark.parametrize(("kind", "options"), KINDS)
def test_hooks_and_other_versions_take_the_usual_step(kind: Any, options: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    (mine, direct), (other, plain) = pair(kind, options)
    seen: list[int] = []
    handle = direct.register_step_post_hook(lambda *_: seen.append(1))
    gradients = drawn(mine)
    direct.move([gradient.clone() for gradient in gradients])
    usual(other, plain, gradients)
    handle.remove()
    assert seen == [1]
    monkeypatch.setattr(fused_optimizers, "IS_KNOWN", False)
    gradients = drawn(mine)
    direct.move([gradient.clone() for gradient in gradients])
    usual(other, plain, gradients)
    assert_same((mine, direct), (other, plain))


@pytest.mark.parametrize(("kind", "options"), KINDS)
def test_gradients_that_lie_in_parameters_stay_there(kind: Any, options: dict[str, Any]) -> None:
    (mine, direct), _ = pair(kind, options)
    kept = [torch.ones_like(parameter) for parameter in mine.parameters()]
    for parameter, gradient in zip(mine.parameters(), kept, strict=True):
        parameter.grad = gradient
    for _ in range(2):
        direct.move(drawn(mine))
        assert all(parameter.grad is gradient for parameter, gradient in zip(mine.parameters(), kept, strict=True))
