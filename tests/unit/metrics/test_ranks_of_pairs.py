"""Where the second thing of a row comes among those of all rows, against scikit-learn."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from nntrain.metrics.metric import Metric, MetricInfo, MetricValue
from nntrain.metrics.neighbors import MRR, RecallAt, TripletAccuracy

scores: Any = pytest.importorskip("sklearn.metrics", reason="needs scikit-learn")
ROWS = 80


def value(metric: Metric, vectors: torch.Tensor, target: torch.Tensor | None = None) -> MetricValue:
    state = metric.build(MetricInfo("pairs"), torch.device("cpu"))
    state.update(vectors, torch.arange(len(vectors)) if target is None else target)
    return state.compute()


def test_one_right_answer_a_row() -> None:
    """With one relevant answer label_ranking_average_precision is the mean reciprocal rank."""
    first = torch.randn(ROWS, 6)
    vectors = torch.stack([first, first + torch.randn(ROWS, 6)], dim=1)
    nearness = -torch.cdist(vectors[:, 0].double(), vectors[:, 1].double()).numpy()
    assert value(MRR(), vectors) == pytest.approx(scores.label_ranking_average_precision_score(torch.eye(ROWS).numpy(), nearness))
    for k in (1, 5):
        expected = scores.top_k_accuracy_score(range(ROWS), nearness, k=k, labels=range(ROWS))
        assert value(RecallAt(k=k), vectors) == pytest.approx(expected)


@pytest.mark.parametrize("metric", [MRR(), RecallAt(k=3)])
def test_where_all_embeddings_lie_does_not_count(metric: Metric) -> None:
    """They are numbers that float32 holds exactly there too."""
    first = (torch.randn(ROWS, 6) * 256).round() / 256
    vectors = torch.stack([first, first + (torch.randn(ROWS, 6) * 256).round() / 256], dim=1)
    assert value(metric, vectors + 1000) == value(metric, vectors)


def test_the_nearest_of_several_right_answers_counts() -> None:
    vectors, target = torch.randn(ROWS, 2, 3), torch.arange(ROWS) // 4
    order = torch.cdist(vectors[:, 0], vectors[:, 1]).argsort(dim=1)
    ranks = [1 + (target[order[row]] == target[row]).int().argmax().item() for row in range(ROWS)]
    assert value(MRR(), vectors, target) == pytest.approx(sum(1 / rank for rank in ranks) / ROWS)
    alone = vectors[:, 0]
    order = torch.cdist(alone, alone).fill_diagonal_(torch.inf).argsort(dim=1)
    ranks = [1 + (target[order[row]] == target[row]).int().argmax().item() for row in range(ROWS)]
    assert value(MRR(), alone, target) == pytest.approx(sum(1 / rank for rank in ranks) / ROWS)


def test_rows_that_all_lie_at_one_point_are_found_by_chance() -> None:
    """1 / N of them first, and the mean of 1 / rank over all ranks."""
    vectors = torch.zeros(ROWS, 2, 1)
    assert value(RecallAt(), vectors) == pytest.approx(1 / ROWS)
    assert value(MRR(), vectors) == pytest.approx(sum(1 / rank for rank in range(1, ROWS + 1)) / ROWS)


def test_how_often_the_second_thing_is_nearer_than_the_third() -> None:
    vectors = torch.tensor([[0.0, 1, 2], [0, 2, 1], [0, 1, -1], [5, 5, 0]]).unsqueeze(2)
    assert value(TripletAccuracy(), vectors) == pytest.approx((1 + 0 + 0.5 + 1) / 4)
