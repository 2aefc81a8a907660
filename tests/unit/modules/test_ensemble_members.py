"""The parts of TabM, against numbers computed by hand."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from nntrain.modules.ensemble import Members, MembersHead, MembersLinear


def mean(outputs: Tensor) -> Tensor:
    """Of members `[B, k, K]`."""
    return outputs.mean(1)


def head() -> MembersHead:
    """Two members of two numbers and one output: x0 + 2 x1 + 10 and 3 x0 - x1 - 1."""
    module = MembersHead(2, 2, 1, mean)
    with torch.no_grad():
        module.weight.copy_(torch.tensor([[[1.0], [2]], [[3], [-1]]]))
        module.bias.copy_(torch.tensor([[10.0], [-1]]))
    return module


def test_each_member_scales_a_row_by_numbers_of_its_own() -> None:
    module = Members(2, [1, 1], signs=False)
    with torch.no_grad():
        module.weight.copy_(torch.tensor([[1.0, -1], [2, 3]]))
    assert module(torch.tensor([[1.0, 2], [0, -5]])).tolist() == [[[1, -2], [2, 6]], [[0, 5], [0, -15]]]


def test_random_signs_are_as_often_minus_one_as_one_and_draws_are_one_a_section() -> None:
    torch.manual_seed(0)
    signs = Members(1000, [2, 1], signs=True).weight.detach()
    assert set(signs.flatten().tolist()) == {-1.0, 1.0}
    assert signs.mean(0).abs().max() < 0.1
    assert torch.equal(signs[:, 0], signs[:, 1])
    assert 400 < int((signs[:, 0] == signs[:, 2]).sum()) < 600
    normal = Members(1000, [2, 1], signs=False).weight.detach()
    assert torch.equal(normal[:, 0], normal[:, 1])
    torch.testing.assert_close(normal.std(0), torch.ones(3), rtol=0.1, atol=0.0)


def test_in_training_each_member_answers_with_layers_of_its_own() -> None:
    members = torch.tensor([[[1.0, 1], [1, 1]], [[0, 2], [4, 0]]])  # two rows of two members
    assert head().train()(members).tolist() == [[13], [1], [14], [11]]


def test_afterwards_the_answer_is_the_mean_of_theirs() -> None:
    members = torch.tensor([[[1.0, 1], [1, 1]], [[0, 2], [4, 0]]])
    assert head().eval()(members).tolist() == [[7], [12.5]]


def test_a_layer_of_members_scales_what_goes_in_and_out_and_adds_for_each() -> None:
    module = MembersLinear(2, 2, 1, scale_inputs=True)
    assert module.input_scale is not None
    with torch.no_grad():
        module.weight.copy_(torch.tensor([[1.0, 10]]))
        module.input_scale.copy_(torch.tensor([[1.0, 2], [3, 0]]))
        module.output_scale.copy_(torch.tensor([[1.0], [-2]]))
        module.bias.copy_(torch.tensor([[0.5], [7]]))
    x = torch.tensor([[[1.0, 1], [1, 1]], [[2, 0], [2, 5]]])  # two rows of two members
    # 1 * (1 * 1 + 10 * 2) + 0.5; -2 * (3 * 1 + 10 * 0) + 7; 1 * 2 + 0.5; -2 * 3 * 2 + 7
    assert module(x).tolist() == [[[21.5], [1]], [[2.5], [-5]]]


def test_layers_of_members_begin_alike() -> None:
    torch.manual_seed(0)
    module = MembersLinear(3, 4, 5, scale_inputs=True)
    rows = torch.randn(2, 1, 4).expand(2, 3, 4)
    torch.testing.assert_close(module(rows), nn.functional.linear(rows, module.weight, module.bias[0]))
    assert 0.3 < float(module.weight.detach().abs().max()) <= 0.5  # 1 / sqrt(4)
    assert 0.1 < float(module.bias.detach().abs().max()) <= 0.5
    assert MembersLinear(3, 4, 5, scale_inputs=False).input_scale is None
