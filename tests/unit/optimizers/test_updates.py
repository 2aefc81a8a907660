"""Each optimizer against its update, written out by hand."""

import math
from collections.abc import Callable

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor, nn

from nntrain.optimizers.adam import Adam, AdamW
from nntrain.optimizers.groups import parameter_groups
from nntrain.optimizers.optimizer import Optimizer
from nntrain.optimizers.sgd import SGD

STEPS = 5


def trained(optimizer: Optimizer, weight_decay: float = 0.0) -> list[Tensor]:
    """Weights after each step on the loss sum(w^3)."""
    network = nn.Linear(3, 2, bias=False)
    with torch.no_grad():
        network.weight.copy_(torch.tensor([[0.5, -1.0, 2.0], [1.5, 0.25, -0.75]]))
    built = optimizer.build(parameter_groups(network, weight_decay=weight_decay))
    found = []
    for _ in range(STEPS):
        built.zero_grad()
        network.weight.pow(3).sum().backward()
        built.step()
        found.append(network.weight.detach().clone())
    return found


def by_hand(update: Callable[[float, float, dict[str, float], int], float]) -> list[Tensor]:
    """The same in double precision, weight by weight."""
    weights = [0.5, -1.0, 2.0, 1.5, 0.25, -0.75]
    memory: list[dict[str, float]] = [{} for _ in weights]
    found = []
    for step in range(1, STEPS + 1):
        weights = [update(weight, 3 * weight**2, state, step) for weight, state in zip(weights, memory, strict=True)]
        found.append(torch.tensor(weights).reshape(2, 3))
    return found


def sgd(momentum: float = 0.0, decay: float = 0.0, *, nesterov: bool = False) -> Callable[..., float]:
    def update(weight: float, gradient: float, memory: dict[str, float], step: int) -> float:
        gradient += decay * weight
        memory["v"] = gradient if step == 1 else momentum * memory["v"] + gradient
        move = gradient + momentum * memory["v"] if nesterov else memory["v"]
        return weight - 0.01 * move

    return update


def adam(decay: float = 0.0, *, decoupled: bool = False, amsgrad: bool = False) -> Callable[..., float]:
    def update(weight: float, gradient: float, memory: dict[str, float], step: int) -> float:
        if decoupled:
            weight -= 0.01 * decay * weight
        else:
            gradient += decay * weight
        memory["m"] = 0.8 * memory.get("m", 0.0) + 0.2 * gradient
        memory["v"] = 0.95 * memory.get("v", 0.0) + 0.05 * gradient**2
        memory["top"] = max(memory.get("top", 0.0), memory["v"])
        size = math.sqrt((memory["top"] if amsgrad else memory["v"]) / (1 - 0.95**step))
        return weight - 0.01 * memory["m"] / (1 - 0.8**step) / (size + 1e-6)

    return update


OPTIONS = {"lr": 0.01, "betas": (0.8, 0.95), "eps": 1e-6}


CASES = [
    pytest.param(SGD(lr=0.01), 0.0, sgd(), id="sgd"),
    pytest.param(SGD(lr=0.01), 0.1, sgd(decay=0.1), id="sgd-decay"),
    pytest.param(SGD(lr=0.01, momentum=0.9), 0.1, sgd(0.9, 0.1), id="sgd-momentum"),
    pytest.param(SGD(lr=0.01, momentum=0.9, nesterov=True), 0.0, sgd(0.9, nesterov=True), id="sgd-nesterov"),
    pytest.param(Adam(**OPTIONS), 0.0, adam(), id="adam"),
    pytest.param(Adam(**OPTIONS), 0.3, adam(0.3), id="adam-l2"),
    pytest.param(Adam(**OPTIONS, amsgrad=True), 0.0, adam(amsgrad=True), id="adam-amsgrad"),
    pytest.param(AdamW(**OPTIONS), 0.3, adam(0.3, decoupled=True), id="adamw-decoupled"),
]


@pytest.mark.parametrize(("optimizer", "decay", "update"), CASES)
def test_updates_equal_the_formula(optimizer: Optimizer, decay: float, update: Callable[..., float]) -> None:
    for found, wanted in zip(trained(optimizer, decay), by_hand(update), strict=True):
        torch.testing.assert_close(found, wanted, rtol=2e-5, atol=1e-6)


def test_fused_where_the_device_has_a_kernel() -> None:
    for optimizer in (SGD(), Adam(), AdamW()):
        assert optimizer.build(parameter_groups(nn.Linear(2, 2))).param_groups[0]["fused"] is True


@pytest.mark.parametrize("options", [{"nesterov": True}, {"nesterov": True, "momentum": 0.9, "dampening": 0.1}])
def test_nesterov_without_momentum_is_refused(options: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match="nesterov needs a momentum"):
        SGD.model_validate(options)
