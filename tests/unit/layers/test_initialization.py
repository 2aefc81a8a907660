"""What initializers fill in."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from nntrain.layers.initializer import AnyInitializer
from nntrain.layers.weights import InitializerRule
from nntrain.schema import StrictModel


class Written(StrictModel):
    initializer: AnyInitializer


def filled(written: Any, *shape: int) -> torch.Tensor:
    torch.manual_seed(0)
    parameter = torch.full(shape, torch.nan)
    with torch.no_grad():
        Written.parse({"initializer": written}).initializer.fill(parameter)
    return parameter


@pytest.mark.parametrize(("written", "value"), [("zeros", 0.0), ("ones", 1.0), ({"constant": 0.5}, 0.5)])
def test_constants(written: object, value: float):
    assert filled(written, 3, 4).unique().tolist() == [value]


@pytest.mark.parametrize(
    ("written", "deviation"),
    [
        ({"normal": 0.1}, 0.1),
        ({"uniform": 0.3}, 0.3 / 3**0.5),
        ("he_normal", (2 / 300) ** 0.5),
        ("he_uniform", (2 / 300) ** 0.5),
        ("lecun_normal", (1 / 300) ** 0.5),
        ("lecun_uniform", (1 / 300) ** 0.5),
        ("glorot_normal", (2 / 500) ** 0.5),
        ("glorot_uniform", (2 / 500) ** 0.5),
    ],
)
def test_spread_is_what_the_paper_says(written: object, deviation: float):
    weights = filled(written, 200, 300)
    assert weights.std().item() == pytest.approx(deviation, rel=0.02)
    assert abs(weights.mean().item()) < deviation / 50


def test_truncated_normal_stays_within_two_deviations():
    weights = filled({"truncated_normal": 0.1}, 100, 100)
    assert 0.19 < weights.abs().max().item() <= 0.2


def test_orthogonal_rows_are_orthogonal():
    weights = filled({"orthogonal": 2.0}, 4, 9)
    torch.testing.assert_close(weights @ weights.T, 4 * torch.eye(4))


@pytest.mark.parametrize(
    ("pattern", "parameter", "rank", "is_matched"),
    [
        ("linear", "weight", 2, True),
        ("lin*", "weight", 2, True),
        ("deep.linear_1", "weight", 2, True),
        ("deep", "weight", 2, True),
        ("deep", "bias", 1, False),
        ("*", "bias", 1, False),
        ("*.bias", "bias", 1, True),
        ("bias", "bias", 1, True),
        ("deep.linear_1.bias", "bias", 1, True),
        ("linear_1", "weight", 2, False),
        ("conv*", "weight", 2, False),
    ],
)
def test_patterns_match_types_names_and_parameters(pattern: str, parameter: str, rank: int, is_matched: bool):
    rule = InitializerRule(pattern, Written.parse({"initializer": "zeros"}).initializer, ())
    assert rule.matches("linear", "deep.linear_1", parameter, rank) is is_matched
