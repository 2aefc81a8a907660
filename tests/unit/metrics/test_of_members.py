"""Metrics of several networks in one call have the bits of those of each."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from nntrain.metrics.by_class import F1, BalancedAccuracy
from nntrain.metrics.classification import Accuracy, Errors, LogLoss, TopKAccuracy
from nntrain.metrics.metric import Metric, MetricInfo
from nntrain.metrics.ranking import AUROC
from nntrain.modules.metrics import Scalar

CPU = torch.device("cpu")
METRICS: list[Metric] = [
    *(Accuracy(), BalancedAccuracy(), Errors(), TopKAccuracy(k=2), AUROC(), AUROC(average="weighted")),
    *(F1(), F1(average="micro"), F1(average="weighted"), F1(average="macro")),
]


def predictions(classes: int, members: int, rows: int) -> torch.Tensor:
    found = (torch.randn(members, rows, classes, generator=torch.Generator().manual_seed(0)) * 3).softmax(-1)
    return found if classes > 2 else found[..., 1]


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.label)
@pytest.mark.parametrize("classes", [2, 3, 11])
def test_values_are_those_of_each(classes: int, metric: Metric) -> None:
    if classes == 2 and metric.type == "top_k_accuracy":
        return
    info = MetricInfo("classes" if classes > 2 else "binary", classes, tuple(map(str, range(classes))))
    for members, rows in ((2, 1), (3, 30), (5, 180)):
        told = predictions(classes, members, rows)
        targets = torch.randint(0, classes, (members, rows), generator=torch.Generator().manual_seed(1))
        state = metric.build(info, CPU)
        assert isinstance(state, Scalar)
        found = state.of_members(told, targets)
        assert found is not None
        assert found.shape == (members,)
        for place in range(members):
            own: Any = metric.build(info, CPU)
            own.update(told[place], targets[place])
            value = float(found[place])
            assert (None if math.isnan(value) else value) == own.compute()


@pytest.mark.parametrize(
    ("metric", "kind", "shape"),
    [
        (LogLoss(), "classes", (4,)),
        (Accuracy(), "labels", (4, 3)),
        (F1(), "labels", (4, 3)),
        (F1.model_validate({"class": "1", "threshold": 0.3}), "classes", (4,)),
    ],
)
def test_what_may_be_rounded_otherwise_is_left_to_each(metric: Metric, kind: Any, shape: tuple[int, ...]) -> None:
    state = metric.build(MetricInfo(kind, 3, ("0", "1", "2")), CPU)
    assert isinstance(state, Scalar)
    assert state.of_members(predictions(3, 2, 4), torch.ones(2, *shape, dtype=torch.int64)) is None
