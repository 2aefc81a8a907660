"""Metrics of embeddings beside scikit-learn's neighbours, precision and ROC curve."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from nntrain.metrics.metric import Metric, MetricInfo
from nntrain.metrics.neighbors import MAPAtR, PairAUROC, RecallAt

ROWS = 120


def value(metric: Metric, vectors: Tensor, target: Tensor, weights: Tensor | None = None) -> float:
    state = metric.build(MetricInfo("neighbors", 5), torch.device("cpu"))
    state.update(vectors, target, weights)
    found = state.compute()
    assert isinstance(found, float)
    return found


def rows() -> tuple[Tensor, Tensor]:
    """Clouds that overlap; the last row is the only one of its class."""
    target = torch.cat([torch.randint(0, 5, (ROWS - 1,)), torch.tensor([5])])
    return torch.randn(ROWS, 6) + torch.randn(6, 6)[target], target


@pytest.mark.parametrize("k", [1, 4, 1000])
def test_recall_is_that_of_scikit_learn_s_neighbours(k: int) -> None:
    neighbors: Any = pytest.importorskip("sklearn.neighbors", reason="needs scikit-learn")
    vectors, target = rows()
    nearest = neighbors.NearestNeighbors(n_neighbors=min(k, ROWS - 1)).fit(vectors).kneighbors(return_distance=False)
    hits = (target[torch.from_numpy(nearest)] == target[:, None]).any(dim=1)
    assert value(RecallAt(k=k), vectors, target) == pytest.approx(float(hits[:-1].double().mean()))


def test_average_precision_at_r_is_that_of_ranks() -> None:
    """Musgrave et al. 2020, equations 1 and 2, row by row."""
    neighbors: Any = pytest.importorskip("sklearn.neighbors", reason="needs scikit-learn")
    vectors, target = rows()
    nearest = neighbors.NearestNeighbors(n_neighbors=ROWS - 1).fit(vectors).kneighbors(return_distance=False)
    found: list[float] = []
    for row in range(ROWS - 1):
        others = int((target == target[row]).sum()) - 1
        hits = (target[nearest[row][:others]] == target[row]).numpy()
        found.append(float((np.cumsum(hits) / np.arange(1, others + 1) * hits).sum() / others))
    assert value(MAPAtR(), vectors, target) == pytest.approx(np.mean(found))


def test_verification_is_the_roc_curve_over_all_pairs() -> None:
    metrics: Any = pytest.importorskip("sklearn.metrics", reason="needs scikit-learn")
    vectors, target = rows()
    first, second = torch.triu_indices(ROWS, ROWS, 1)
    wanted = metrics.roc_auc_score(target[first] == target[second], -(vectors[first] - vectors[second]).norm(dim=1))
    assert value(PairAUROC(), vectors, target) == pytest.approx(wanted, abs=1e-4)


def test_a_row_counts_by_its_weight_as_a_question() -> None:
    """Rows 0 and 1 find each other, 2 and 3 find others first; rows of weight 0 are found all the same."""
    vectors, target = torch.tensor([[0.0], [0.1], [5.0], [9.0], [4.0], [8.5]]), torch.tensor([0, 0, 1, 1, 2, 3])
    assert value(RecallAt(), vectors, target) == pytest.approx(2 / 4)
    assert value(RecallAt(), vectors, target, torch.tensor([1.0, 1, 3, 3, 1, 1])) == pytest.approx(2 / 8)
    assert value(RecallAt(), vectors, target, torch.tensor([1.0, 0, 0, 0, 0, 0])) == 1


def test_equal_points_are_found_by_chance_whatever_the_order_of_the_file() -> None:
    """A file that is sorted by class must not make one point for all look like an answer."""
    target = torch.arange(1000) // 100
    assert value(RecallAt(), torch.zeros(1000, 1), target) == pytest.approx(0.1, abs=0.06)
    assert value(PairAUROC(), torch.zeros(1000, 1), target) == pytest.approx(0.5)
    assert value(MAPAtR(), torch.full((1000, 2), 0.3), target) < 0.05
