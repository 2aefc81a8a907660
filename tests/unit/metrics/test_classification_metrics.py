from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from nntrain.metrics.by_class import F1, BalancedAccuracy
from nntrain.metrics.classification import Accuracy, ConfusionMatrix, LogLoss
from nntrain.metrics.metric import Metric, MetricInfo, MetricValue
from nntrain.metrics.ranking import AUROC

reference: Any = pytest.importorskip("sklearn.metrics", reason="needs scikit-learn: pip install 'nntrain[baselines]'")

ALL = [Accuracy(), BalancedAccuracy(), F1(), LogLoss(), AUROC()]


def measure(
    metric: Metric, prediction: Tensor, target: Tensor, num_classes: int, kind: str = "classes", weights: Tensor | None = None
) -> MetricValue:
    """In batches of unequal size."""
    state = metric.build(MetricInfo(kind, num_classes), torch.device("cpu"))
    for start, stop in [(0, 7), (7, 8), (8, len(target))]:
        if start < len(target):
            state.update(prediction[start:stop], target[start:stop], None if weights is None else weights[start:stop])
    return state.compute()


def row_weights(rows: int, seed: int) -> Tensor:
    """A quarter of them 0."""
    generator = torch.Generator().manual_seed(seed)
    weights = torch.rand(rows, generator=generator)
    return torch.where(weights < 0.25, 0.0, weights * 10)


def rows(num_classes: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    # rounded logits: many ties
    prediction = (torch.randn(200, num_classes, generator=generator) * 2).round().softmax(dim=1)
    return prediction, torch.randint(0, num_classes, (200,), generator=generator)


@pytest.mark.parametrize("seed", range(3))
def test_several_classes_agree_with_scikit_learn(seed: int) -> None:
    prediction, target = rows(5, seed)
    labels = prediction.argmax(dim=1)
    probabilities = prediction.double().numpy() / prediction.double().numpy().sum(axis=1, keepdims=True)
    wanted = [
        reference.accuracy_score(target, labels),
        reference.balanced_accuracy_score(target, labels),
        reference.f1_score(target, labels, average="macro"),
        reference.log_loss(target, probabilities),
        np.mean([reference.roc_auc_score(target == label, prediction[:, label]) for label in range(5)]),
    ]
    assert [measure(metric, prediction, target, 5) for metric in ALL] == pytest.approx(wanted, rel=1e-6)
    assert measure(ConfusionMatrix(), prediction, target, 5) == reference.confusion_matrix(target, labels).tolist()


@pytest.mark.parametrize("seed", range(3))
def test_boolean_targets_agree_with_scikit_learn(seed: int) -> None:
    prediction, target = rows(2, seed)
    positive = prediction[:, 1]
    labels = positive > 0.5
    wanted = [
        reference.accuracy_score(target, labels),
        reference.balanced_accuracy_score(target, labels),
        reference.f1_score(target, labels),
        reference.log_loss(target, positive.double()),
        reference.roc_auc_score(target, positive),
    ]
    assert [measure(metric, positive, target.float(), 2, "binary") for metric in ALL] == pytest.approx(wanted, rel=1e-6)
    assert measure(ConfusionMatrix(), positive, target.float(), 2, "binary") == reference.confusion_matrix(target, labels).tolist()


@pytest.mark.parametrize("seed", range(3))
def test_weighted_rows_of_several_classes_agree_with_scikit_learn(seed: int) -> None:
    prediction, target = rows(5, seed)
    weights = row_weights(len(target), seed)
    labels = prediction.argmax(dim=1)
    probabilities = prediction.double().numpy() / prediction.double().numpy().sum(axis=1, keepdims=True)
    by_class = [reference.roc_auc_score(target == label, prediction[:, label], sample_weight=weights) for label in range(5)]
    wanted = [
        reference.accuracy_score(target, labels, sample_weight=weights),
        reference.balanced_accuracy_score(target, labels, sample_weight=weights),
        reference.f1_score(target, labels, average="macro", sample_weight=weights),
        reference.log_loss(target, probabilities, sample_weight=weights),
        np.mean(by_class),
    ]
    assert [measure(metric, prediction, target, 5, weights=weights) for metric in ALL] == pytest.approx(wanted, rel=1e-6)
    counts = reference.confusion_matrix(target, labels).tolist()
    assert measure(ConfusionMatrix(), prediction, target, 5, weights=weights) == counts


@pytest.mark.parametrize("seed", range(3))
def test_weighted_rows_of_boolean_targets_agree_with_scikit_learn(seed: int) -> None:
    prediction, target = rows(2, seed)
    positive, weights = prediction[:, 1], row_weights(len(target), seed)
    labels = positive > 0.5
    wanted = [
        reference.accuracy_score(target, labels, sample_weight=weights),
        reference.balanced_accuracy_score(target, labels, sample_weight=weights),
        reference.f1_score(target, labels, sample_weight=weights),
        reference.log_loss(target, positive.double(), sample_weight=weights),
        reference.roc_auc_score(target, positive, sample_weight=weights),
    ]
    found = [measure(metric, positive, target.float(), 2, "binary", weights) for metric in ALL]
    assert found == pytest.approx(wanted, rel=1e-6)


def test_two_classes_are_judged_by_the_second() -> None:
    prediction, target = rows(2)
    labels = prediction.argmax(dim=1)
    assert measure(F1(), prediction, target, 2) == pytest.approx(reference.f1_score(target, labels))
    assert measure(AUROC(), prediction, target, 2) == pytest.approx(reference.roc_auc_score(target, prediction[:, 1]))


def test_classes_that_do_not_occur_are_left_out() -> None:
    prediction, target = rows(4)
    target = target.clamp(max=2)
    labels = prediction[:, :3].argmax(dim=1)
    prediction = torch.nn.functional.one_hot(labels, 4).float()
    assert measure(BalancedAccuracy(), prediction, target, 4) == pytest.approx(reference.recall_score(target, labels, average="macro"))
    assert measure(F1(), prediction, target, 4) == pytest.approx(reference.f1_score(target, labels, average="macro"))
    areas = [reference.roc_auc_score(target == label, prediction[:, label]) for label in range(3)]
    assert measure(AUROC(), prediction, target, 4) == pytest.approx(np.mean(areas))


def test_a_class_without_rows_that_is_predicted_counts_as_missed_in_f1() -> None:
    prediction = torch.eye(3)[[0, 1, 2]]
    assert measure(F1(), prediction, torch.tensor([0, 1, 1]), 3) == pytest.approx((1 + 2 / 3 + 0) / 3)


def test_certain_and_wrong_prediction_has_a_finite_log_loss() -> None:
    value = measure(LogLoss(), torch.tensor([[0.0, 1.0]]), torch.tensor([0]), 2)
    assert value == pytest.approx(-np.log(np.finfo(np.float32).eps))


def test_one_class_only_has_no_area() -> None:
    prediction = torch.tensor([0.2, 0.9])
    assert measure(AUROC(), prediction, torch.ones(2), 2, "binary") is None
    assert measure(AUROC(), torch.eye(3)[[0, 1]], torch.tensor([1, 1]), 3) is None


def test_no_positive_row_and_none_predicted_has_no_f1() -> None:
    assert measure(F1(), torch.tensor([0.1, 0.2]), torch.zeros(2), 2, "binary") is None


@pytest.mark.parametrize("metric", ALL, ids=lambda metric: metric.type)
def test_without_rows_nothing_is_defined(metric: Metric) -> None:
    assert metric.build(MetricInfo("classes", 3), torch.device("cpu")).compute() is None


def test_nan_predictions_have_no_log_loss() -> None:
    assert measure(LogLoss(), torch.full((2, 2), float("nan")), torch.tensor([0, 1]), 2) is None


def held_values(state: object) -> int:
    """Numbers in all tensors that a metric's state keeps, however deep."""
    if isinstance(state, Tensor):
        return state.numel()
    parts = state if isinstance(state, list | tuple) else [getattr(state, name) for name in getattr(state, "__slots__", ())]
    return sum(held_values(part) for part in [*parts, *getattr(state, "__dict__", {}).values()])


@pytest.mark.parametrize("metric", [*ALL, ConfusionMatrix()], ids=lambda metric: metric.type)
def test_many_classes_need_memory_in_proportion_to_their_number(metric: Metric) -> None:
    state = metric.build(MetricInfo("classes", 4000), torch.device("cpu"))
    target = torch.arange(20)
    for _ in range(3):
        state.update(torch.eye(4000)[target], target)
    assert held_values(state) <= 3 * 4000
    value = state.compute()
    undefined = isinstance(metric, AUROC | ConfusionMatrix)
    assert value is None if undefined else value == pytest.approx(0 if isinstance(metric, LogLoss) else 1, abs=1e-6)


def test_a_hundred_classes_have_a_confusion_matrix() -> None:
    target = torch.arange(100)
    matrix = measure(ConfusionMatrix(), torch.eye(100)[target], target, 100)
    assert matrix == torch.eye(100, dtype=torch.int64).tolist()
