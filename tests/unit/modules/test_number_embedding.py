"""Numbers as vectors, against numbers computed by hand."""

from __future__ import annotations

import math

import pytest
import torch

from nntrain.errors import ConfigError
from nntrain.modules.first_rows import begin_with, first_rows_asked
from nntrain.modules.number_embedding import Periodic, PiecewiseLinear


def bins_of(values: list[float], bins: int, target: list[float] | None = None) -> PiecewiseLinear:
    module = PiecewiseLinear(1, bins, None, by_target=target is not None)
    module.begin(torch.tensor(values).unsqueeze(1), None if target is None else torch.tensor(target))
    return module


def test_a_number_fills_the_bins_below_it_and_leaves_those_above_it_empty() -> None:
    module = bins_of([0.0, 1.0, 3.0, 7.0], 3)  # quantiles 0, 1/3, 2/3, 1
    assert module.edges[0].tolist() == pytest.approx([0, 1, 3, 7])
    found = module(torch.tensor([[0.5], [2.0], [6.0]]))
    torch.testing.assert_close(found, torch.tensor([[0.5, 0, 0], [1, 0.5, 0], [1, 1, 0.75]]))


def test_the_first_and_the_last_bin_are_open() -> None:
    module = bins_of([0.0, 1.0, 3.0, 7.0], 3)
    torch.testing.assert_close(module(torch.tensor([[-2.0], [11.0]])), torch.tensor([[-2.0, 0, 0], [1, 1, 2]]))


@pytest.mark.parametrize("values", [[2e7, 2e7, 2e7], [3e7, 3e7 + 2, 3e7 + 4]])
def test_large_values_have_bins_of_a_width(values: list[float]) -> None:
    module = bins_of(values, 8)
    x = torch.tensor([[values[0]], [values[-1]]], requires_grad=True)
    found = module(x)
    found.sum().backward()
    assert found.isfinite().all()
    assert x.grad is not None
    assert x.grad.isfinite().all()


def test_few_different_values_make_few_bins_and_zeros_in_the_place_of_the_others() -> None:
    module = bins_of([0.0] * 6 + [1.0] * 5, 5)
    assert module.counts.tolist() == [1]
    assert module(torch.tensor([[0.0], [1.0], [-1.0], [2.0]])).tolist() == [[0] * 5, [1, 0, 0, 0, 0], [-1, 0, 0, 0, 0], [2, 0, 0, 0, 0]]


def test_one_value_alone_is_a_bin_of_width_one() -> None:
    module = bins_of([4.0, 4.0, 4.0], 3)
    assert module(torch.tensor([[4.0], [5.0]])).tolist() == [[0, 0, 0], [1, 0, 0]]


def test_bins_by_the_target_end_where_it_changes() -> None:
    pytest.importorskip("sklearn")
    values = [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]
    module = bins_of(values, 2, [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 10.0, 10.0])
    assert module.edges[0].tolist() == [0, 5.5, 7]


def test_bins_by_the_target_need_one() -> None:
    module = PiecewiseLinear(1, 2, None, by_target=True)
    with pytest.raises(ConfigError, match="needs one target"):
        module.begin(torch.zeros(3, 1), None)


def test_the_embedding_of_bins_is_linear_at_first_and_bends_with_its_weights() -> None:
    module = PiecewiseLinear(2, 2, 3, by_target=False)
    module.begin(torch.tensor([[0.0, 0.0], [1.0, 2.0], [2.0, 6.0]]), None)
    assert module.number is not None
    assert module.linear is not None
    assert module.number.bias is not None
    x = torch.tensor([[1.5, 4.0]])
    straight = torch.stack([x[0, place] * module.number.weight[place, 0] + module.number.bias[place] for place in (0, 1)])
    torch.testing.assert_close(module(x)[0], straight.flatten())
    with torch.no_grad():
        module.linear.weight.fill_(1.0)
    torch.testing.assert_close(module(x)[0], (straight + 1.5).flatten())  # 1 + 0.5 of bin 2, in each


def test_waves_are_cosines_and_sines_of_two_pi_c_x() -> None:
    module = Periodic(1, 2, 0.1, 2, phase=False, shared=True, keep_input=False, rectified=False)
    with torch.no_grad():
        module.frequencies.copy_(torch.tensor([[0.25, 0.5]]))
        module.linear.weight.copy_(torch.tensor([[1.0, 0, 0, 0], [0, 0, 0, 1.0]]))
        module.linear.bias.zero_()
    found = module(torch.tensor([[0.5]]))
    assert found[0].tolist() == pytest.approx([math.cos(math.pi / 4), math.sin(math.pi / 2)])


def test_pbld_has_phases_a_linear_layer_a_number_and_the_number_itself() -> None:
    module = Periodic(2, 3, 0.1, 4, phase=True, shared=False, keep_input=True, rectified=False)
    assert module.phase_bias is not None
    assert module.phase_bias.abs().max() <= math.pi
    x = torch.tensor([[0.3, -2.0]])
    found = module(x).view(2, 4)
    waves = (2 * math.pi * module.frequencies * x.T + module.phase_bias).cos()
    weight, bias = module.linear.weight, module.linear.bias
    torch.testing.assert_close(found[:, :3], torch.stack([waves[place] @ weight[place] + bias[place] for place in (0, 1)]))
    assert found[:, 3].tolist() == x[0].tolist()


def test_a_relu_spares_the_number_itself() -> None:
    module = Periodic(1, 3, 0.1, 4, phase=False, shared=False, keep_input=True, rectified=True)
    found = module(torch.tensor([[-2.0]]))[0]
    assert (found[:3] >= 0).all()
    assert found[3] == -2


def test_layers_are_shown_first_rows_in_their_order_and_the_network_stays_in_its_mode() -> None:
    class Network(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = (PiecewiseLinear(1, 2, None, by_target=False), PiecewiseLinear(2, 2, None, by_target=False))

        def forward(self, inputs: dict[str, torch.Tensor]) -> torch.Tensor:
            return self.second(self.first(inputs["x"]))

    network = Network()
    assert first_rows_asked(network) == 2**16
    assert not first_rows_asked(torch.nn.Linear(1, 1))
    begin_with(network, lambda: [({"x": torch.tensor([[0.0], [2.0]])}, None), ({"x": torch.tensor([[6.0]])}, None)])
    assert network.training
    assert network.first.edges[0].tolist() == [0, 2, 6]
    assert network.second.edges[:, 0].tolist() == [0, 0]  # of what the first gives once it has begun
    assert network.second.edges[0].tolist()[:2] == [0, 1]
