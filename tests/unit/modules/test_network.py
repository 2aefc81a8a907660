"""Networks as torch sees them: names, calls, copies, states."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor, nn
from torch.testing import assert_close

from nntrain.modules.network import Call, Network, Shortening, Wiring


class Halve(nn.Module):
    """Reads lengths; gives every second step."""

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        assert lengths is not None
        return x[:, ::2] * (torch.arange(x.shape[1])[None] < lengths[:, None])[:, ::2, None]


class Total(nn.Module):
    """Adds up its input over calls; gives the sum and, as a further output, its input."""

    def init_state(self, rows: int) -> Tensor:
        return torch.zeros(rows, 2)

    def forward(self, x: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor | None]:
        total = x if state is None else state + x
        return total, x, None if state is None else total


class Difference(nn.Module):
    """Reads a side input."""

    def forward(self, x: Tensor, other: Tensor) -> Tensor:
        return x - other


class LastLength(nn.Module):
    """Gives the lengths that it is told."""

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        assert lengths is not None
        return lengths[:, None].float()


def call(name: str, module: nn.Module, source: int, **options: Any) -> Call:
    return Call(**{"side": (), "lengths": None, "state": None, "extras": 0, **options, "name": name, "module": module, "source": source})


def plain(*names: str) -> Network:
    torch.manual_seed(0)
    calls = tuple(call(name, nn.Linear(3, 3), place) for place, name in enumerate(names))
    return Network(Wiring(("x",), calls, (("y", len(names)),), (), (), ()))


def test_parameters_are_named_after_steps():
    network = plain("deep.linear_1", "forward", "weight", "deep.code")
    assert [name for name, _ in network.named_parameters()] == [
        f"{step}.{parameter}" for step in ("deep.linear_1", "deep.code", "forward", "weight") for parameter in ("weight", "bias")
    ]
    assert isinstance(network.get_submodule("deep.linear_1"), nn.Linear)


def test_a_step_named_like_a_method_hides_nothing():
    network = plain("forward", "train", "eval")
    x = torch.ones(2, 3)
    by_hand = x
    for module in network.children():
        by_hand = module(by_hand)
    assert torch.equal(network({"x": x})[0]["y"], by_hand)
    assert not network.eval().training


def test_copy_has_weights_of_its_own():
    network = plain("linear_1")
    copied = copy.deepcopy(network)
    with torch.no_grad():
        copied.get_parameter("linear_1.weight").zero_()
        copied.get_parameter("linear_1.bias").zero_()
    x = torch.ones(1, 3)
    assert copied({"x": x})[0]["y"].abs().sum() == 0
    assert network({"x": x})[0]["y"].abs().sum() > 0


def test_state_dict_moves_weights_to_another_network():
    first, second = plain("a.b", "c"), plain("a.b", "c")
    with torch.no_grad():
        for parameter in first.parameters():
            parameter.add_(1.0)
    second.load_state_dict(first.state_dict())
    x = torch.ones(1, 3)
    assert torch.equal(first({"x": x})[0]["y"], second({"x": x})[0]["y"])


def test_functional_call_and_vmap_take_the_weights_of_members():
    members = [plain("deep.linear_1"), plain("deep.linear_1")]
    with torch.no_grad():
        members[1].get_parameter("deep.linear_1.weight").mul_(2.0)
    parameters, buffers = torch.func.stack_module_state(members)

    def run(weights: dict[str, Tensor], x: Tensor) -> Tensor:
        return torch.func.functional_call(members[0], (weights, buffers), ({"x": x},))[0]["y"]

    x = torch.randn(4, 3)
    outputs = torch.func.vmap(run, in_dims=(0, None))(parameters, x)
    assert_close(outputs, torch.stack([member({"x": x})[0]["y"] for member in members]))


def test_side_inputs_and_further_outputs_are_passed():
    wiring = Wiring(
        ("a", "b"), (call("total", Total(), 0, state="total", extras=1), call("minus", Difference(), 3, side=(1,))), (("y", 4),), (), (), ()
    )
    outputs, state = Network(wiring)({"a": torch.full((1, 2), 5.0), "b": torch.full((1, 2), 3.0)})
    assert outputs["y"].tolist() == [[2.0, 2.0]]
    assert state == {}


def test_state_is_carried_when_asked():
    network = Network(Wiring(("x",), (call("total", Total(), 0, state="total", extras=1),), (("y", 1),), (), (), ()))
    x = torch.ones(3, 2)
    _, state = network({"x": x}, {})
    outputs, state = network({"x": x}, state)
    assert outputs["y"].unique().tolist() == [2.0]
    assert set(state) == {"total"}


def test_lengths_are_worked_out_once_and_follow():
    asked: list[Tensor] = []

    def rule(lengths: Tensor) -> Tensor:
        asked.append(lengths)
        return (lengths + 1) // 2

    calls = (call("halve", Halve(), 0, lengths=0), call("a", LastLength(), 1, lengths=1), call("b", LastLength(), 1, lengths=1))
    network = Network(Wiring(("x",), calls, (("y", 3),), (), ("x.lengths",), (Shortening(rule, 0),)))
    outputs, _ = network({"x": torch.ones(2, 5, 1), "x.lengths": torch.tensor([5, 2])})
    assert outputs["y"].tolist() == [[3.0], [1.0]]
    assert len(asked) == 1
