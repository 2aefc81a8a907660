"""Linear layers computed by oneDNN are those of torch, up to rounding, and whatever is small or of another kind is torch's own."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from nntrain.modules import products
from nntrain.modules.products import IS_THERE, LEAST, OneDnnLinear

pytestmark = pytest.mark.skipif(not IS_THERE, reason="this torch has no oneDNN that was tried")

ROWS, INPUTS, OUTPUTS = 160, 128, 128
assert ROWS * INPUTS * OUTPUTS >= LEAST


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, ...]]:
    """Shapes of the products that oneDNN computes."""
    found: list[tuple[int, ...]] = []
    own = products._product

    def counted(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
        found.append((*x.shape, len(weight)))
        return own(x, weight, bias)

    monkeypatch.setattr(products, "_product", counted)
    return found


def network(*, bias: bool = True) -> tuple[nn.Linear, Tensor]:
    return nn.Linear(INPUTS, OUTPUTS, bias=bias), torch.randn(ROWS, INPUTS, requires_grad=True)


def gradients(value: Tensor, layer: nn.Module, x: Tensor) -> list[Tensor]:
    return list(torch.autograd.grad(value.square().sum(), [*layer.parameters(), x]))


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("shape", [lambda x: x, lambda x: x.view(4, 40, -1), lambda x: x.view(4, 40, -1).transpose(0, 1)])
def test_values_and_gradients_are_those_of_torch(shape: Callable[[Tensor], Tensor], bias: bool, calls: list[tuple[int, ...]]) -> None:
    layer, x = network(bias=bias)
    expected = layer(shape(x))
    with OneDnnLinear():
        found = layer(shape(x))
    assert found.shape == expected.shape
    torch.testing.assert_close(found, expected)
    for one, other in zip(gradients(found, layer, x), gradients(expected, layer, x), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4)
    assert len(calls) == 3


def test_gradients_that_nobody_wants_are_not_computed(calls: list[tuple[int, ...]]) -> None:
    layer, x = network()
    layer.requires_grad_(False)
    with OneDnnLinear():
        value = layer(x)
        torch.autograd.grad(value.sum(), [x])
        assert len(calls) == 2
        with torch.inference_mode():
            assert not layer(x).requires_grad
    assert len(calls) == 3


def test_gradients_of_gradients_are_those_of_torch() -> None:
    layer, x = network()
    found: list[Tensor] = []
    for mode in (OneDnnLinear(), None):
        if mode is None:
            value = layer(x).tanh()
        else:
            with mode:
                value = layer(x).tanh()
        (slope,) = torch.autograd.grad(value.sum(), [x], create_graph=True)
        found.append(torch.autograd.grad(slope.square().sum(), [layer.weight])[0])
    torch.testing.assert_close(found[0], found[1], rtol=1e-4, atol=1e-3)


def test_transforms_of_torch_func_see_what_they_know(calls: list[tuple[int, ...]]) -> None:
    x, weights = torch.randn(2, ROWS, INPUTS), torch.randn(2, OUTPUTS, INPUTS)

    def loss(weight: Tensor, rows: Tensor) -> Tensor:
        return linear(rows, weight).square().mean()

    expected = torch.func.vmap(torch.func.grad(loss))(weights, x)
    with OneDnnLinear():
        found = torch.func.vmap(torch.func.grad(loss))(weights, x)
    assert torch.equal(found, expected)
    assert not calls


@pytest.mark.parametrize(
    "other",
    [
        lambda: (nn.Linear(8, 8), torch.randn(16, 8)),
        lambda: (nn.Linear(INPUTS, OUTPUTS).double(), torch.randn(ROWS, INPUTS, dtype=torch.float64)),
        lambda: (nn.Linear(INPUTS, OUTPUTS, device="meta"), torch.randn(ROWS, INPUTS, device="meta")),
        lambda: (nn.Linear(INPUTS, OUTPUTS).bfloat16(), torch.randn(ROWS, INPUTS, dtype=torch.bfloat16)),
    ],
    ids=["small", "float64", "meta", "bfloat16"],
)
def test_whatever_else_there_is_is_torchs_own(other: Callable[[], tuple[nn.Module, Tensor]], calls: list[tuple[int, ...]]) -> None:
    layer, x = other()
    with OneDnnLinear():
        found = layer(x)
    assert not calls
    expected = layer(x)
    assert found.device.type == "meta" or torch.equal(found, expected)
