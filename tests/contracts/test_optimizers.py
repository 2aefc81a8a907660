"""What holds for every optimizer: it learns, keeps rates by group, and goes on exactly from saved state."""

from __future__ import annotations

import inspect
import json
from typing import Any

import pytest
import torch
from torch import nn

from nntrain.config.documentation.catalogue import attribute_docstrings
from nntrain.errors import CheckpointError
from nntrain.optimizers.groups import parameter_groups
from nntrain.optimizers.optimizer import GroupRule, Optimizer
from nntrain.optimizers.settings import OPTIMIZERS
from nntrain.schema import Slot, load_class
from nntrain.training.state import flatten, optimizer_state, restore_into, restore_network, unflatten

CASES: list[dict[str, Any]] = [
    {"type": "sgd", "lr": 0.05},
    {"type": "sgd", "lr": 0.05, "momentum": 0.9},
    {"type": "sgd", "lr": 0.05, "momentum": 0.9, "nesterov": True},
    {"type": "adam", "lr": 0.05},
    {"type": "adam", "lr": 0.05, "amsgrad": True, "betas": [0.8, 0.9]},
    {"type": "adamw", "lr": 0.05},
    {"type": "adamax", "lr": 0.05},
    {"type": "nadam", "lr": 0.05},
    {"type": "nadam", "lr": 0.05, "decoupled_weight_decay": True},
    {"type": "radam", "lr": 0.05},
    {"type": "radam", "lr": 0.05, "decoupled_weight_decay": True},
    {"type": "adagrad", "lr": 0.1},
    {"type": "adagrad", "lr": 0.1, "lr_decay": 1e-3, "initial_accumulator_value": 0.1},
    {"type": "adadelta", "lr": 1.0, "eps": 1e-3},
    {"type": "rmsprop", "lr": 0.01},
    {"type": "rmsprop", "lr": 0.01, "momentum": 0.5, "centered": True},
    {"type": "adafactor", "lr": 0.1},
    {"type": "muon", "lr": 0.05},
    {"type": "muon", "lr": 0.05, "adjust_lr_fn": "match_rms_adamw", "adamw_lr": 0.02, "nesterov": False},
    {"type": "rprop", "lr": 0.01},
    {"type": "lbfgs", "lr": 0.3, "max_iter": 5},
    {"type": "lbfgs", "lr": 0.5, "max_iter": 4, "history_size": 5, "line_search_fn": "strong_wolfe"},
    {"type": "asgd", "lr": 0.05},
    {"type": "asgd", "lr": 0.05, "t0": 3, "lambd": 1e-3},
]
GROUPED = [case for case in CASES if case["type"] != "lbfgs"]
DECAYING = [case for case in CASES if case["type"] not in {"lbfgs", "rprop"}]

every = pytest.mark.parametrize("case", CASES, ids=lambda case: json.dumps(case))
grouped = pytest.mark.parametrize("case", GROUPED, ids=lambda case: json.dumps(case))
decaying = pytest.mark.parametrize("case", DECAYING, ids=lambda case: json.dumps(case))


def read(written: Any) -> Optimizer:
    optimizer = Slot("optimizer", (OPTIMIZERS,)).validate(written)
    assert isinstance(optimizer, Optimizer)
    return optimizer


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 1))


def images() -> nn.Sequential:
    """Convolutions in channels-last memory, as a run on a GPU has them."""
    torch.manual_seed(0)
    layers = [nn.Conv2d(2, 4, 3), nn.Tanh(), nn.Conv2d(4, 4, 3), nn.Tanh(), nn.Flatten(), nn.Linear(16, 4), nn.Tanh(), nn.Linear(4, 1)]
    return nn.Sequential(*layers).to(memory_format=torch.channels_last)


SHAPES = {"rows": (network, (32, 3)), "channels-last images": (images, (8, 2, 6, 6))}


def build(case: dict[str, Any], model: nn.Sequential) -> torch.optim.Optimizer:
    """Muon gets the weight matrices of all but the last layer."""
    matrices = [name for name, value in model[:-1].named_parameters() if value.ndim == 2] if case["type"] == "muon" else []
    return read(case).build(parameter_groups(model, matrices=matrices))


def train(model: nn.Module, optimizer: torch.optim.Optimizer, steps: int, shape: tuple[int, ...] = (32, 3)) -> list[float]:
    inputs = torch.randn(shape, generator=torch.Generator().manual_seed(1))
    losses: list[float] = []

    def evaluate() -> torch.Tensor:
        loss = (model(inputs).squeeze(1) - inputs.flatten(1).sum(dim=1)).square().mean()
        optimizer.zero_grad()
        loss.backward()
        if isinstance(optimizer, torch.optim.LBFGS):
            for parameter in model.parameters():
                parameter.grad = parameter.grad.contiguous()
        return loss.detach()

    for _ in range(steps):
        if isinstance(optimizer, torch.optim.LBFGS):
            losses.append(float(optimizer.step(evaluate)))
        else:
            losses.append(evaluate().item())
            optimizer.step()
    return losses


@pytest.mark.parametrize("tag", OPTIMIZERS)
def test_every_optimizer_has_a_row_and_its_rate_as_main_option(tag: str) -> None:
    assert tag in {case["type"] for case in CASES}, f"add a row for {tag} to {__file__}"
    component = load_class(OPTIMIZERS[tag])
    assert component.model_fields["type"].default == tag
    assert component.__doc__
    assert set(component.model_fields) == {"type", *attribute_docstrings(component)}
    assert read({tag: 0.5}) == read({"type": tag, "lr": 0.5})


@pytest.mark.parametrize("tag", OPTIMIZERS)
def test_options_and_defaults_are_those_of_torch(tag: str) -> None:
    ours = read(tag)
    theirs = {option.replace("_", "").lower(): option for option in torch.optim.__all__}[tag]
    defaults = {name: option.default for name, option in inspect.signature(getattr(torch.optim, theirs)).parameters.items()}
    own = ours.model_dump(exclude={"type", "groups", "layer_decay", "adamw_lr"})
    assert own == {name: defaults[name] for name in own}
    if tag not in {"lbfgs", "muon"}:
        built = ours.build(parameter_groups(nn.Linear(2, 2), weight_decay=0.25)).param_groups[0]
        assert {name: built[name] for name in own} == own


@every
def test_settings_survive_json(case: dict[str, Any]) -> None:
    optimizer = read(case)
    assert read(json.loads(json.dumps(optimizer.model_dump(mode="json")))) == optimizer


@every
def test_it_learns(case: dict[str, Any]) -> None:
    model = network()
    losses = train(model, build(case, model), 100)
    assert losses[-1] < 0.1 * losses[0]


@grouped
def test_every_parameter_is_in_one_group_with_its_rate(case: dict[str, Any]) -> None:
    model = network()
    groups = parameter_groups(model, weight_decay=0.1, rules=[GroupRule(match="2.weight", lr=0.7)])
    built = read(case).build(groups)
    rates = {name: group["initial_lr"] for group in built.param_groups for name in group["param_names"]}
    lr = case.get("adamw_lr", case["lr"])
    assert rates == {"0.weight": lr, "0.bias": lr, "2.weight": 0.7, "2.bias": lr}
    assert {group["weight_decay"] for group in built.param_groups} == {0.0, 0.1}


@decaying
def test_weight_decay_shrinks_weights_that_get_no_gradient(case: dict[str, Any]) -> None:
    model = nn.Linear(2, 2)
    nn.init.ones_(model.weight)  # far from zero: adam's step is as long as its rate, and would shoot past a small weight
    built = read(case).build(parameter_groups(model, weight_decay=0.1))
    before = model.weight.detach().clone()
    model.weight.grad = torch.zeros_like(model.weight)
    built.step()
    assert bool((model.weight.abs() < before.abs()).all())


@every
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("kernel", ["fused", "plain"])
def test_it_goes_on_exactly_from_saved_state(case: dict[str, Any], kernel: str, shape: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if kernel == "plain":  # as on a device without fused kernels
        if case["type"] not in {"sgd", "adam", "adamw", "muon"}:
            pytest.skip("torch has no other kernel for it")
        monkeypatch.setattr("nntrain.optimizers.groups._FUSIBLE_DEVICES", set[str]())
    make, size = SHAPES[shape]
    one, other = make(), make()
    first, second = (build(case, model) for model in (one, other))
    train(one, first, 5, size)
    tensors, skeleton = flatten({"weights": one.state_dict(), "optimizer": optimizer_state(first)})
    saved = unflatten(tensors, json.loads(json.dumps(skeleton)))
    restore_network(other, saved["weights"])
    restore_into(second, saved["optimizer"])
    assert train(one, first, 5, size) == train(other, second, 5, size)
    assert all(torch.equal(left, right) for left, right in zip(one.parameters(), other.parameters(), strict=True))
    assert all(left.stride() == right.stride() for left, right in zip(one.parameters(), other.parameters(), strict=True))


@every
def test_state_of_another_network_is_refused(case: dict[str, Any]) -> None:
    one, other = network(), nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, 1))
    first, second = build(case, one), build(case, other)
    train(one, first, 2)
    if case == {"type": "sgd", "lr": 0.05}:
        assert optimizer_state(first) == {}
        return
    with pytest.raises(CheckpointError, match="does not fit the optimizer"):
        restore_into(second, optimizer_state(first))
