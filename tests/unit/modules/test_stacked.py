from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from nntrain.modules import stacked
from nntrain.modules.stacked import is_exact

SIZES = (1, 2, 5, 8, 12, 33)
LINEARS = stacked.linears


@pytest.fixture
def fresh() -> Iterator[None]:
    is_exact.cache_clear()
    yield
    is_exact.cache_clear()


def test_products_are_batched_where_they_have_the_bits_of_single_ones() -> None:
    for rows in SIZES:
        for inputs in SIZES:
            x, weight, bias = torch.randn(3, rows, inputs), torch.randn(3, 12, inputs), torch.randn(3, 12)
            alone = torch.stack([torch.nn.functional.linear(x[place], weight[place], bias[place]) for place in range(3)])
            if is_exact(3, rows, inputs, 12, has_bias=True):
                assert torch.equal(LINEARS(x, weight, bias), alone)


def test_gradients_are_the_products_that_a_single_layer_computes() -> None:
    x, weight, bias = (tensor.requires_grad_() for tensor in (torch.randn(3, 8, 5), torch.randn(3, 7, 5), torch.randn(3, 7)))
    slope = torch.randn(3, 8, 7)
    found = torch.autograd.grad(LINEARS(x, weight, bias), (x, weight, bias), slope)
    rows, weights = x.detach(), weight.detach()
    for ours, expected in zip(found, (slope @ weights, slope.mT @ rows, slope.sum(1)), strict=True):
        torch.testing.assert_close(ours, expected, rtol=0, atol=1e-6)
        assert ours.is_contiguous()  # torch's own of a batch has that of the weights transposed, rounded otherwise on many processors


def rounded(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    return LINEARS(x, weight, bias) * (1 + 2**-20)


def test_a_product_that_rounds_otherwise_is_told(fresh: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stacked, "linears", rounded)
    assert not any(is_exact(3, rows, inputs, 4, has_bias=False) for rows in SIZES for inputs in SIZES)


def single(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    assert bias is not None
    return torch.stack([torch.nn.functional.linear(*each) for each in zip(x, weight, bias, strict=True)])


def steeper(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    values = single(x, weight, bias)
    return values.detach() + (values - values.detach()) * (1 + 2**-20)


def test_a_gradient_that_rounds_otherwise_is_told(fresh: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stacked, "linears", single)
    assert is_exact(3, 5, 8, 12, has_bias=True)
    is_exact.cache_clear()
    monkeypatch.setattr(stacked, "linears", steeper)
    assert not is_exact(3, 5, 8, 12, has_bias=True)


def test_trying_products_draws_nothing_from_the_run() -> None:
    before = torch.get_rng_state()
    is_exact(2, 3, 4, 5, has_bias=True)
    assert torch.equal(before, torch.get_rng_state())
