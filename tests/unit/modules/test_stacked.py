import pytest
import torch

from nntrain.modules import stacked
from nntrain.modules.stacked import is_exact

SIZES = (1, 2, 5, 8, 12, 33)


@pytest.fixture
def fresh():
    is_exact.cache_clear()
    yield
    is_exact.cache_clear()


def test_products_are_batched_where_they_have_the_bits_of_single_ones() -> None:
    x, weight, bias = torch.randn(3, 32, 64), torch.randn(3, 128, 64), torch.randn(3, 128)
    found = stacked.linears(x, weight, bias)
    alone = torch.stack([torch.nn.functional.linear(x[place], weight[place], bias[place]) for place in range(3)])
    assert is_exact(3, 32, 64, 128, has_bias=True) <= torch.equal(found, alone)


def test_a_product_that_rounds_otherwise_is_told(fresh: None, monkeypatch: pytest.MonkeyPatch) -> None:
    usual = stacked.linears
    monkeypatch.setattr(stacked, "linears", lambda *given: usual(*given) * (1 + 2**-20))
    assert not any(is_exact(3, rows, inputs, 4, has_bias=False) for rows in SIZES for inputs in SIZES)


def test_a_gradient_that_rounds_otherwise_is_told(fresh: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stacked, "linears", stacked._single_linears)
    assert is_exact(3, 5, 8, 12, has_bias=True)
    is_exact.cache_clear()
    monkeypatch.setattr(stacked, "linears", lambda x, weight, bias: Doubled.apply(stacked._single_linears(x, weight, bias)))
    assert not is_exact(3, 5, 8, 12, has_bias=True)


def test_trying_products_draws_nothing_from_the_run() -> None:
    before = torch.get_rng_state()
    is_exact(2, 3, 4, 5, has_bias=True)
    assert torch.equal(before, torch.get_rng_state())


class Doubled(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x.clone()

    @staticmethod
    def backward(ctx, *slopes):
        return slopes[0] * 2
