import pytest
import torch
from torch import nn

from nntrain.errors import ConfigError
from nntrain.optimizers.groups import parameter_groups
from nntrain.optimizers.sgd import SGD
from nntrain.training.device import resolve_device, resolve_precision, use_tf32, use_threads

CPU = torch.device("cpu")


def test_auto_is_cuda_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert resolve_device("auto") == CPU
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert resolve_device("auto") == torch.device("cuda")


@pytest.mark.parametrize(
    ("name", "built", "count", "message"),
    [
        ("cuda", False, 0, "built without CUDA"),
        ("cuda", True, 0, "finds no CUDA device"),
        ("cuda:3", True, 2, "finds cuda:0 to cuda:1"),
    ],
)
def test_a_cuda_device_that_is_not_there_is_refused(
    monkeypatch: pytest.MonkeyPatch, name: str, count: int, message: str, *, built: bool
) -> None:
    monkeypatch.setattr(torch.backends.cuda, "is_built", lambda: built)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: count)
    with pytest.raises(ConfigError) as error:
        resolve_device(name)
    problem = error.value.problems[0]
    assert problem.path == ("training", "device")
    assert message in problem.message
    assert problem.hint == "fix:  device: auto"


def test_mps_that_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    with pytest.raises(ConfigError, match="Apple silicon"):
        resolve_device("mps")


def test_a_gpu_without_bfloat16_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: False)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "an old card")
    with pytest.raises(ConfigError, match="an old card has no bfloat16"):
        resolve_precision("bfloat16", torch.device("cuda"))


def test_float32_on_cuda_is_float32_in_convolutions_too() -> None:
    before = torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32
    try:
        for name, products in (("float32", "highest"), ("tf32", "high"), ("bfloat16", "highest")):
            use_tf32(name, torch.device("cuda"))
            assert (torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32) == (products, name == "tf32")
        use_tf32("tf32", CPU)
        assert torch.get_float32_matmul_precision() == "highest"  # another device changes nothing
    finally:
        torch.set_float32_matmul_precision(before[0])
        torch.backends.cudnn.allow_tf32 = before[1]


def test_threads_are_set_or_left() -> None:
    before = torch.get_num_threads()
    assert use_threads(None) == before
    try:
        assert use_threads(2) == torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize(
    ("name", "dtype", "scales"),
    [
        ("auto", torch.float32, False),
        ("float32", torch.float32, False),
        ("bfloat16", torch.bfloat16, False),
        ("float16", torch.float16, True),
    ],
)
def test_forward_passes_are_in_the_format(name: str, dtype: torch.dtype, *, scales: bool) -> None:
    precision = resolve_precision(name, CPU)
    with precision.autocast():
        assert nn.Linear(2, 2)(torch.ones(1, 2)).dtype == dtype
    assert precision.scales is scales


def test_scaling_keeps_the_size_of_the_gradients_and_its_state() -> None:
    network = nn.Linear(2, 1)
    optimizer = SGD(lr=0.1).build(parameter_groups(network))
    precision = resolve_precision("float16", CPU)
    precision.backward(network(torch.ones(1, 2)).sum())
    precision.unscale(optimizer)
    assert torch.equal(network.weight.grad, torch.ones(1, 2))
    before = network.bias.detach().clone()
    assert precision.step(optimizer)
    torch.testing.assert_close(network.bias.detach(), before - 0.1)

    optimizer.zero_grad()
    precision.backward(network(torch.full((1, 2), torch.inf)).sum())
    precision.unscale(optimizer)
    assert not precision.step(optimizer)
    state = precision.state()
    assert state == {"scale": 2.0**15, "growth_tracker": 0}
    again = resolve_precision("float16", CPU)
    again.restore(state)
    assert again.state() == state
