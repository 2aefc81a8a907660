from typing import Any

import pytest
import torch
from torch import Tensor

from nntrain.metrics.metric import Metric, MetricInfo, MetricValue
from nntrain.metrics.regression import MAE, R2, RMSE

reference: Any = pytest.importorskip("sklearn.metrics", reason="needs scikit-learn: pip install 'nntrain[baselines]'")

ALL = [MAE(), RMSE(), R2()]


def measure(metric: Metric, prediction: Tensor, target: Tensor, weights: Tensor | None = None) -> MetricValue:
    """In batches of unequal size."""
    state = metric.build(MetricInfo("values"), torch.device("cpu"))
    for start, stop in [(0, 3), (3, 4), (4, len(target))]:
        if start < len(target):
            state.update(prediction[start:stop], target[start:stop], None if weights is None else weights[start:stop])
    return state.compute()


def test_single_values_agree_with_scikit_learn() -> None:
    target = torch.randn(50) * 10 + 3
    prediction = target + torch.randn(50)
    wanted = [
        reference.mean_absolute_error(target, prediction),
        reference.root_mean_squared_error(target, prediction),
        reference.r2_score(target, prediction),
    ]
    assert [measure(metric, prediction, target) for metric in ALL] == pytest.approx(wanted, rel=1e-5)


def test_rows_of_values_agree_with_scikit_learn() -> None:
    target = torch.randn(50, 3) * torch.tensor([1.0, 10.0, 100.0])
    prediction = target + torch.randn(50, 3)
    wanted = [
        reference.mean_absolute_error(target, prediction),
        reference.mean_squared_error(target, prediction) ** 0.5,
        reference.r2_score(target, prediction),
    ]
    assert [measure(metric, prediction, target) for metric in ALL] == pytest.approx(wanted, rel=1e-5)


@pytest.mark.parametrize("values", [(), (3,)])
def test_weighted_rows_agree_with_scikit_learn(values: tuple[int, ...]) -> None:
    target = torch.randn(50, *values) * 10 + 3
    prediction, weights = target + torch.randn(50, *values), torch.rand(50)
    weights[:10] = 0
    wanted = [
        reference.mean_absolute_error(target, prediction, sample_weight=weights),
        reference.mean_squared_error(target, prediction, sample_weight=weights) ** 0.5,
        reference.r2_score(target, prediction, sample_weight=weights),
    ]
    assert [measure(metric, prediction, target, weights) for metric in ALL] == pytest.approx(wanted, rel=1e-5)


def test_differences_beside_a_large_offset_are_kept() -> None:
    difference, target = torch.rand(50, dtype=torch.float64), 1e8 + torch.rand(50, dtype=torch.float64)
    wanted = [
        reference.mean_absolute_error(target, target + difference),
        reference.root_mean_squared_error(target, target + difference),
        reference.r2_score(target, target + difference),
    ]
    assert [measure(metric, target + difference, target) for metric in ALL] == pytest.approx(wanted, rel=1e-7)


def test_rows_that_vary_only_where_they_do_not_count_have_no_r2() -> None:
    target = torch.full((10,), 1 / 3)
    target[0] = 1e3
    weights = torch.rand(10) + 0.1
    weights[0] = 0
    assert measure(R2(), torch.randn(10), target, weights) is None


def test_r2_keeps_its_digits_beside_a_large_mean() -> None:
    offset = torch.arange(100, dtype=torch.float64) % 7
    target = 1e9 + offset
    prediction = target + 1
    assert measure(R2(), prediction, target) == pytest.approx(1 - 100 / float((offset - offset.mean()).square().sum()), rel=1e-6)


def test_constant_target_has_no_r2() -> None:
    target = torch.full((10,), 0.1)
    assert measure(R2(), torch.randn(10), target) is None
    both = torch.stack([target, torch.arange(10.0)], dim=1)
    assert measure(R2(), both.clone(), both) == 1.0


def test_one_row_has_no_r2() -> None:
    assert measure(R2(), torch.zeros(1), torch.ones(1)) is None


@pytest.mark.parametrize("metric", ALL, ids=lambda metric: metric.type)
def test_undefined_values_are_none(metric: Metric) -> None:
    assert metric.build(MetricInfo("values"), torch.device("cpu")).compute() is None
    assert measure(metric, torch.full((5,), float("inf")), torch.arange(5.0)) is None
