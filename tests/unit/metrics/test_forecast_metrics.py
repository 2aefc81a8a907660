"""Metrics of forecasts on answers worked out by hand."""

from __future__ import annotations

import pytest
import torch

from nntrain.errors import SpecError
from nntrain.metrics.forecasting import MASE, MAEScaled, MSEScaled
from nntrain.metrics.metric import Metric, MetricInfo
from nntrain.metrics.regression import SMAPE

CPU = torch.device("cpu")
TARGET = torch.tensor([[[10.0, 200.0], [12.0, 240.0]]])
PREDICTION = torch.tensor([[[11.0, 190.0], [12.0, 260.0]]])
"""One window of two steps ahead of two columns: errors 1, 10 and 0, 20."""


def value(metric: Metric, info: MetricInfo) -> object:
    state = metric.build(info, CPU)
    state.update(PREDICTION, TARGET)
    return state.compute()


def test_scaled_errors_are_shares_of_each_column_s_scale() -> None:
    info = MetricInfo("values", scale=(2.0, 40.0))
    assert value(MSEScaled(), info) == pytest.approx((0.5**2 + 0.25**2 + 0 + 0.5**2) / 4)
    assert value(MAEScaled(), info) == pytest.approx((0.5 + 0.25 + 0 + 0.5) / 4)


def test_mase_divides_by_the_naive_error_of_each_column() -> None:
    assert value(MASE(), MetricInfo("values", naive=(0.5, 20.0))) == pytest.approx((2 + 0.5 + 0 + 1) / 4)
    assert value(MASE(), MetricInfo("values", naive=(4.0,))) == pytest.approx((1 + 10 + 0 + 20) / 4 / 4)


@pytest.mark.parametrize("naive", [(0.0, 20.0), (float("nan"), 20.0)])
def test_mase_is_undefined_where_a_column_repeats_itself_or_has_no_season(naive: tuple[float, float]) -> None:
    assert value(MASE(), MetricInfo("values", naive=naive)) is None


def test_mase_needs_a_forecast() -> None:
    with pytest.raises(SpecError, match="needs a forecast"):
        MASE().check(MetricInfo("values"))
    MASE().check(MetricInfo("values", forecasts=True))


def test_smape_by_hand() -> None:
    assert value(SMAPE(), MetricInfo("values")) == pytest.approx((2 / 21 + 20 / 390 + 0 + 40 / 500) / 4, rel=1e-6)
