"""Hits@k by hand, and the metrics of pairs against scikit-learn."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from nntrain.metrics.hits import HitsAt
from nntrain.metrics.metric import MetricInfo
from nntrain.metrics.ranking import AUROC, AveragePrecision

INFO = MetricInfo("binary", 2, ("none", "edge"), unit_axis="pair")
CPU = torch.device("cpu")


def hits(score: list[float], truth: list[int], k: int, weights: Tensor | None = None) -> object:
    state = HitsAt(k=k).build(INFO, CPU)
    state.update(torch.tensor(score), torch.tensor(truth).float(), weights)
    return state.compute()


def test_true_pairs_rank_above_the_kth_of_the_others() -> None:
    score, truth = [0.9, 0.8, 0.7, 0.6, 0.5, 0.4], [1, 0, 1, 0, 1, 0]
    assert hits(score, truth, 1) == pytest.approx(1 / 3)
    assert hits(score, truth, 2) == pytest.approx(2 / 3)
    assert hits(score, truth, 3) == 1
    assert hits(score, truth, 4) is None
    assert hits([0.5, 0.5], [1, 0], 1) == 0  # a tie is no hit
    assert hits([0.5, 0.5], [0, 0], 1) is None


def test_a_pair_of_weight_two_stands_there_twice() -> None:
    score, truth = [0.9, 0.8, 0.7, 0.6], [0, 1, 0, 1]
    assert hits(score, truth, 2, torch.tensor([2.0, 1, 1, 1])) == 0
    assert hits([0.9, 0.9, 0.8, 0.7, 0.6], [0, 0, 1, 0, 1], 2) == 0
    assert hits(score, truth, 2, torch.tensor([0.0, 1, 2, 3])) == pytest.approx(1 / 4)


def test_many_pairs_as_a_sort_has_them() -> None:
    score = torch.rand(500)
    truth = (torch.rand(500) < score).float()
    state = HitsAt(k=50).build(INFO, CPU)
    for part in (slice(0, 200), slice(200, 500)):
        state.update(score[part], truth[part])
    threshold = score[truth == 0].topk(50).values[-1]
    assert state.compute() == pytest.approx(float((score[truth == 1] > threshold).double().mean()))
    sklearn = pytest.importorskip("sklearn.metrics")
    for metric, theirs in ((AUROC(), sklearn.roc_auc_score), (AveragePrecision(), sklearn.average_precision_score)):
        ours = metric.build(INFO, CPU)
        ours.update(score, truth)
        assert ours.compute() == pytest.approx(theirs(truth.numpy(), score.numpy()))
