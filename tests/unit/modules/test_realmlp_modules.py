"""The parts of RealMLP, against numbers computed by hand."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from nntrain.modules.activation import PartlyActivated
from nntrain.modules.first_rows import first_rows_asked
from nntrain.modules.ntk import NTKLinear, NTKLinearOfRows, ZeroNTKLinear
from nntrain.modules.number_embedding import PiecewiseLinear
from nntrain.modules.scaling import LearnedScale


def test_a_product_is_divided_by_the_root_of_its_inputs_and_an_offset_is_not() -> None:
    module = NTKLinear(4, 2, bias=True)
    assert module.bias is not None
    with torch.no_grad():
        module.weight.copy_(torch.tensor([[1.0, 2, 3, 4], [0, 0, 0, -2]]))
        module.bias.copy_(torch.tensor([10.0, -1]))
    assert module(torch.tensor([[1.0, 1, 1, 2]])).tolist() == [[14 / 2 + 10, -4 / 2 - 1]]


def test_weights_and_offsets_begin_as_standard_normal_whatever_the_width() -> None:
    module = NTKLinear(400, 500, bias=True)
    assert module.bias is not None
    assert not first_rows_asked(module)
    for parameter in module.parameters():
        assert float(parameter.detach().std()) == pytest.approx(1, abs=0.1)
        assert float(parameter.detach().mean()) == pytest.approx(0, abs=0.15)


def test_zeros_stay_zeros_until_they_are_trained() -> None:
    module = ZeroNTKLinear(3, 2, bias=True)
    assert not any(parameter.any() for parameter in module.parameters())
    assert not first_rows_asked(module)


def test_first_rows_make_each_unit_vary_by_one_and_bend_within_them() -> None:
    module = NTKLinearOfRows(3, 40, bias=True)
    assert first_rows_asked(module) == 2**12
    assert first_rows_asked(nn.Sequential(module, PiecewiseLinear(2, 3, None, by_target=False))) == 2**16
    assert module.bias is not None
    drawn = module.weight.detach().clone()
    rows = torch.randn(500, 3) * torch.tensor([1.0, 10, 0.1]) + 5
    module.begin(rows, None)
    products = rows @ module.weight.T / math.sqrt(3)
    torch.testing.assert_close(products.std(0, correction=0), torch.ones(40))
    factors = module.weight / drawn  # one a unit: its direction stays
    torch.testing.assert_close(factors, factors[:, :1].expand(-1, 3))
    assert (products.amin(0) <= -module.bias).all()
    assert (-module.bias <= products.amax(0)).all()
    assert module.bias.unique().numel() == 40


def test_offsets_are_means_of_five_rows_with_the_weights_of_exponential_draws() -> None:
    torch.manual_seed(3)
    module = NTKLinearOfRows(2, 3, bias=True)
    rows = torch.randn(7, 2)
    state = torch.get_rng_state()
    module.begin(rows, None)
    torch.set_rng_state(state)
    places = torch.randint(7, (3, 5))
    shares = torch.empty(3, 5).exponential_()
    assert module.bias is not None
    for unit in range(3):
        values = [float(rows[row] @ module.weight[unit].detach()) / math.sqrt(2) for row in places[unit].tolist()]
        whole = sum(shares[unit].tolist())
        expected = -sum(value * share / whole for value, share in zip(values, shares[unit].tolist(), strict=True))
        assert float(module.bias[unit].detach()) == pytest.approx(expected, abs=1e-5)


def test_a_unit_that_is_the_same_for_all_rows_keeps_its_weights() -> None:
    module = NTKLinearOfRows(2, 3, bias=False)
    drawn = module.weight.detach().clone()
    module.begin(torch.zeros(4, 2), None)
    assert torch.equal(module.weight, drawn)


def test_each_step_of_a_series_is_a_row() -> None:
    module = NTKLinearOfRows(2, 3, bias=True)
    x = torch.randn(20, 6, 2)
    module.begin(x, None)
    torch.testing.assert_close((module(x)).flatten(0, 1).std(0, correction=0), torch.ones(3))


def test_a_learned_scale_is_one_factor_a_channel() -> None:
    module = LearnedScale(2, 1.0, 1)
    x = torch.randn(3, 2, 4, 5)
    assert torch.equal(module(x), x)
    with torch.no_grad():
        module.scale.copy_(torch.tensor([2.0, -1]))
    assert torch.equal(module(x), torch.stack([2 * x[:, 0], -x[:, 1]], 1))


def test_a_part_of_an_activation_is_between_it_and_the_number_itself() -> None:
    module = PartlyActivated(nn.ReLU(), 3, 1.0, 1)
    x = torch.tensor([[-2.0, -2, -2], [4, 4, 4]])
    assert torch.equal(module(x), x.relu())
    with torch.no_grad():
        module.amount.copy_(torch.tensor([0.0, 0.25, 2]))
    assert module(x).tolist() == [[-2, -1.5, 2], [4, 4, 4]]
