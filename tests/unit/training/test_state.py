import json
import math
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from nntrain.errors import CheckpointError
from nntrain.optimizers.adam import AdamW
from nntrain.optimizers.groups import parameter_groups
from nntrain.optimizers.optimizer import Optimizer
from nntrain.optimizers.sgd import SGD
from nntrain.training.state import flatten, optimizer_state, restore_into, restore_network, unflatten

DTYPES = [torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.int64, torch.int32, torch.uint8, torch.bool]


def through_files(tree: Any) -> Any:
    tensors, skeleton = flatten(tree)
    return unflatten(tensors, json.loads(json.dumps(skeleton, allow_nan=False)))


def same(one: Any, other: Any) -> bool:
    """Equal in type and bits."""
    if isinstance(one, Tensor):
        return isinstance(other, Tensor) and one.dtype == other.dtype and one.shape == other.shape and _bits(one) == _bits(other)
    if isinstance(one, float):
        same_value = one == other or (math.isnan(one) and math.isnan(other))
        return isinstance(other, float) and same_value and math.copysign(1, one) == math.copysign(1, other)
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return list(one) == list(other) and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(same(left, right) for left, right in zip(one, other, strict=True))
    return one == other


def _bits(tensor: Tensor) -> bytes:
    return tensor.contiguous().reshape(-1).view(torch.uint8).numpy().tobytes() if tensor.numel() else b""


def make_tensor(dtype: torch.dtype, shape: tuple[int, ...], order: str) -> Tensor:
    tensor = (torch.randn(shape) * 3).to(dtype)
    if order == "transposed":
        return tensor.T.contiguous().T if tensor.ndim == 2 else tensor
    if order == "slice":
        return torch.stack([tensor, tensor])[1]
    return tensor.to(memory_format=torch.channels_last) if tensor.ndim == 4 and tensor.numel() else tensor


TENSORS = st.builds(
    make_tensor,
    st.sampled_from(DTYPES),
    st.lists(st.integers(0, 3), max_size=4).map(tuple),
    st.sampled_from(["plain", "transposed", "slice", "channels_last"]),
)
LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**70), 2**70), st.floats().filter(lambda x: not math.isnan(x)), st.text(), TENSORS
)
KEYS = st.one_of(st.text(max_size=4), st.integers(-5, 5), st.sampled_from(["@tensor", "@dict", "a/b", "a"]))
TREES = st.recursive(
    LEAVES,
    lambda below: st.one_of(st.lists(below, max_size=3), st.lists(below, max_size=3).map(tuple), st.dictionaries(KEYS, below, max_size=3)),
    max_leaves=8,
)


@given(TREES)
def test_any_tree_comes_back(tree: Any) -> None:
    assert same(through_files(tree), tree)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, -0.0, 0.1, 5e-324, 1.7976931348623157e308])
def test_floats_are_exact(value: float) -> None:
    assert same(through_files({"value": value}), {"value": value})


def test_a_tensor_in_two_places_is_one_entry_and_stays_one() -> None:
    weight = torch.randn(3, 2)
    tensors, skeleton = flatten({"embedding": weight, "output": weight, "part": weight[:1], "turned": weight.T})
    assert set(tensors) == {"embedding", "part", "turned"}
    found = unflatten(tensors, skeleton)
    assert found["embedding"] is found["output"]
    assert same(found["turned"], weight.T)


def test_nothing_is_copied() -> None:
    weight = torch.zeros(2)
    tensors, _ = flatten({"weight": weight})
    assert tensors["weight"].data_ptr() == weight.data_ptr()


def test_entries_have_readable_names() -> None:
    tensors, _ = flatten({"head.weight": {"exp_avg": torch.zeros(1)}, "list": [torch.zeros(1)]})
    assert list(tensors) == ["head.weight/exp_avg", "list/0"]


@pytest.mark.parametrize("skeleton", [{"@tensor": "missing"}, {"@unknown": 1}, {"@float": "one"}, {"@tensor": ["list"]}])
def test_a_skeleton_that_is_none_is_refused(skeleton: object) -> None:
    with pytest.raises((ValueError, TypeError)):
        unflatten({}, skeleton)


def convolutions(*, channels_last: bool) -> nn.Module:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, 4, 3, bias=False), nn.BatchNorm2d(4), nn.Conv2d(4, 2, 3))
    return network.to(memory_format=torch.channels_last) if channels_last else network


def train(network: nn.Module, optimizer: torch.optim.Optimizer, steps: int) -> None:
    generator = torch.Generator().manual_seed(steps)
    for _ in range(steps):
        optimizer.zero_grad()
        network(torch.randn(2, 3, 8, 8, generator=generator)).square().sum().backward()
        optimizer.step()


@pytest.mark.parametrize("settings", [AdamW(amsgrad=True), SGD(momentum=0.9), SGD()], ids=["adamw", "momentum", "sgd"])
@pytest.mark.parametrize("layouts", [(False, True), (True, False), (True, True)])
def test_optimizer_goes_on_whatever_the_memory_layout(settings: Optimizer, layouts: tuple[bool, bool]) -> None:
    before, after = (convolutions(channels_last=layout) for layout in layouts)
    optimizer = settings.build(parameter_groups(before))
    train(before, optimizer, 3)
    weights, state = through_files(dict(before.state_dict())), through_files(optimizer_state(optimizer))

    restored = settings.build(parameter_groups(after))
    restore_network(after, weights)
    restore_into(restored, state)
    for parameter in after.parameters():
        for value in restored.state.get(parameter, {}).values():
            assert value.ndim == 0 or value.stride() == parameter.stride()
    assert same(through_files(optimizer_state(restored)), state)

    train(before, optimizer, 4)
    train(after, restored, 4)
    for one, other in zip(before.parameters(), after.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


def test_parameters_without_a_step_have_no_state() -> None:
    network = nn.ModuleDict({"used": nn.Linear(2, 2), "unused": nn.Linear(2, 2)})
    optimizer = AdamW().build(parameter_groups(network))
    network["used"](torch.ones(1, 2)).sum().backward()
    optimizer.step()
    state = optimizer_state(optimizer)
    assert set(state) == {"used.weight", "used.bias"}
    restore_into(optimizer, through_files(state))
    assert set(optimizer_state(optimizer)) == set(state)


def test_every_difference_of_an_optimizer_is_named() -> None:
    optimizer = AdamW().build(parameter_groups(nn.Linear(2, 3)))
    saved = {"weight": {"exp_avg": torch.zeros(2, 2)}, "bias": {"exp_avg": torch.zeros(3)}, "other": {}}
    with pytest.raises(CheckpointError) as error:
        restore_into(optimizer, saved)
    assert "other: is saved" in error.value.message
    assert "weight: exp_avg is saved as [2, 2], and the parameter is [3, 2]" in error.value.message
    assert "bias" not in error.value.message


def test_every_difference_of_a_network_is_named_and_nothing_is_copied() -> None:
    network = nn.Linear(2, 3)
    before = network.bias.detach().clone()
    with pytest.raises(CheckpointError) as error:
        restore_network(network, {"bias": torch.zeros(4), "extra": torch.zeros(1)})
    for line in ("weight: is not saved", "extra: is saved", "bias: saved as float32 [4], and is float32 [3] here"):
        assert line in error.value.message
    assert torch.equal(network.bias, before)


def test_tied_weights_are_restored() -> None:
    network = nn.ModuleDict({"one": nn.Linear(2, 2), "two": nn.Linear(2, 2)})
    network["two"].weight = network["one"].weight
    saved = through_files(dict(network.state_dict()))
    with torch.no_grad():
        network["one"].weight.zero_()
    restore_network(network, saved)
    assert torch.equal(network["two"].weight, saved["one.weight"])
