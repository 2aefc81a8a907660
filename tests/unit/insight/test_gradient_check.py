from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from nntrain.insight.gradient_check import check_gradients


class Doubled(torch.autograd.Function):
    """Three times the input, with the gradient of twice."""

    @staticmethod
    def forward(context: Any, values: Tensor) -> Tensor:
        return 3 * values

    @staticmethod
    def backward(context: Any, *gradients: Any) -> Any:
        return 2 * gradients[0]


class Wrong(nn.Module):
    def forward(self, values: Tensor) -> Tensor:
        return Doubled.apply(values)


class Scaled(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(3))

    def forward(self, values: Tensor) -> tuple[Tensor, Tensor]:
        return values, Doubled.apply(self.scale)


def rows(*shape: int) -> Tensor:
    torch.manual_seed(0)
    return torch.randn(shape, dtype=torch.float64)


def test_right_gradients_agree() -> None:
    assert check_gradients(nn.Linear(3, 2), [rows(2, 3)], ["the input"]) is None
    assert check_gradients(nn.LSTM(4, 30, batch_first=True), [rows(2, 3, 4)], ["the input"]) is None  # many: one direction


def test_wrong_gradients_of_the_input_are_named() -> None:
    found = check_gradients(Wrong(), [rows(2, 3)], ["the input"])
    assert found is not None
    assert "the input" in found


def test_wrong_gradients_of_a_parameter_are_named() -> None:
    found = check_gradients(Scaled(), [rows(2, 3)], ["the input"])
    assert found is not None
    assert "scale" in found


def test_what_is_drawn_is_the_same_each_time() -> None:
    assert check_gradients(nn.Dropout(0.5), [rows(4, 4)], ["the input"]) is None


def test_indices_get_no_gradient() -> None:
    assert check_gradients(nn.Embedding(4, 2), [torch.tensor([0, 3])], ["the input"]) is None


def test_running_averages_stay_as_they_were_from_call_to_call() -> None:
    assert check_gradients(nn.BatchNorm1d(3), [rows(5, 3)], ["the input"]) is None
