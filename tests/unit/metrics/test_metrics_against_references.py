# pyright: basic, reportAttributeAccessIssue=false, reportArgumentType=false

"""Every metric with scikit-learn's, scipy's or torchmetrics' value on random rows, with row weights wherever the reference takes them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from nntrain.metrics.metric import Metric, MetricInfo
from nntrain.metrics.settings import METRICS
from nntrain.schema import Slot

reference: Any = pytest.importorskip("sklearn.metrics", reason="needs scikit-learn: pip install 'nntrain[baselines]'")
stats: Any = pytest.importorskip("scipy.stats", reason="needs SciPy, which comes with scikit-learn")

ROWS, CLASSES = 200, 5
NAMES = ("ant", "bee", "cat", "dog", "eel")

Reference = Callable[..., Any]


def measure(written: Any, kind: str, prediction: Tensor, target: Tensor, weights: Tensor | None = None) -> float:
    metric = Slot("metric", (METRICS,)).validate(written)
    assert isinstance(metric, Metric)
    count = {"binary": 2, "values": 0}.get(kind, CLASSES)
    state = metric.build(MetricInfo(kind, count, NAMES[:count]), torch.device("cpu"))  # type: ignore[arg-type]
    for start, stop in [(0, 70), (70, ROWS)]:
        state.update(prediction[start:stop], target[start:stop], None if weights is None else weights[start:stop])
    value = state.compute()
    assert isinstance(value, float)
    return value


def class_rows() -> tuple[Tensor, Tensor]:
    """Probabilities with ties, and classes."""
    return (torch.randn(ROWS, CLASSES) * 2).round().softmax(dim=1), torch.randint(0, CLASSES, (ROWS,))


def label_rows() -> tuple[Tensor, Tensor]:
    return (torch.rand(ROWS, CLASSES) * 10).round() / 10 + 0.01, torch.randint(0, 2, (ROWS, CLASSES)).float()


def row_weights() -> Tensor:
    weights = torch.rand(ROWS)
    return torch.where(weights < 0.25, 0.0, weights * 10)


def averaged(function: Reference, average: str, **options: Any) -> Reference:
    return lambda target, labels, **weights: function(target, labels, average=average, zero_division=0, **options, **weights)


def one(function: Reference, index: int, **options: Any) -> Reference:
    return lambda target, labels, **weights: function(target == index, labels == index, zero_division=0, **options, **weights)


def specificity(target: Any, labels: Any, sample_weight: Any = None) -> float:
    shares = [reference.recall_score(target != index, labels != index, sample_weight=sample_weight) for index in range(CLASSES)]
    return float(np.mean(shares))


BY_LABEL: list[tuple[Any, Reference]] = [
    ("accuracy", reference.accuracy_score),
    ("balanced_accuracy", reference.balanced_accuracy_score),
    ("mcc", reference.matthews_corrcoef),
    ("hamming_loss", reference.hamming_loss),
    ("errors", lambda target, labels, **weights: reference.zero_one_loss(target, labels, normalize=False, **weights)),
    ("specificity", specificity),
    *(
        ({"cohen_kappa": weights}, lambda t, y, w=weights, **k: reference.cohen_kappa_score(t, y, weights=w, **k))
        for weights in ("linear", "quadratic")
    ),
    ("cohen_kappa", reference.cohen_kappa_score),
    *(
        ({"type": tag, "average": average}, averaged(function, average))
        for tag, function in (
            ("precision", reference.precision_score),
            ("recall", reference.recall_score),
            ("f1", reference.f1_score),
            ("jaccard", reference.jaccard_score),
        )
        for average in ("macro", "micro", "weighted")
    ),
    ({"type": "f_beta", "beta": 2}, averaged(reference.fbeta_score, "macro", beta=2)),
    ({"type": "f_beta", "beta": 0.5, "average": "weighted"}, averaged(reference.fbeta_score, "weighted", beta=0.5)),
    ({"type": "precision", "class": "cat"}, one(reference.precision_score, 2)),
    ({"type": "f_beta", "beta": 2, "class": "eel"}, one(reference.fbeta_score, 4, beta=2)),
]


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(("written", "wanted"), BY_LABEL, ids=lambda value: str(value) if not callable(value) else "")
def test_predicted_classes_are_judged_as_by_scikit_learn(written: Any, wanted: Reference, weighted: bool) -> None:
    prediction, target = class_rows()
    weights = row_weights() if weighted else None
    options = {"sample_weight": weights.numpy()} if weights is not None else {}
    expected = wanted(target.numpy(), prediction.argmax(dim=1).numpy(), **options)
    for kind in ("classes", "ordinal"):
        assert measure(written, kind, prediction, target, weights) == pytest.approx(expected, rel=1e-6), kind


BY_SHARE: list[tuple[Any, Reference]] = [
    ("log_loss", lambda t, p, **k: reference.log_loss(t, p, **k)),
    ("brier", lambda t, p, sample_weight=None: np.average(((p - np.eye(CLASSES)[t]) ** 2).sum(1), weights=sample_weight)),
    ({"top_k_accuracy": 2}, lambda t, p, **k: reference.top_k_accuracy_score(t, p, k=2, **k)),
    ("auroc", lambda t, p, **k: np.mean([reference.roc_auc_score(t == c, p[:, c], **k) for c in range(CLASSES)])),
    ({"type": "auroc", "class": "dog"}, lambda t, p, **k: reference.roc_auc_score(t == 3, p[:, 3], **k)),
    ("average_precision", lambda t, p, **k: np.mean([reference.average_precision_score(t == c, p[:, c], **k) for c in range(CLASSES)])),
    ({"type": "precision", "class": "bee", "threshold": 0.3}, lambda t, p, **k: reference.precision_score(t == 1, p[:, 1] > 0.3, **k)),
]


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(("written", "wanted"), BY_SHARE, ids=lambda value: str(value) if not callable(value) else "")
def test_probabilities_of_classes_are_judged_as_by_scikit_learn(written: Any, wanted: Reference, weighted: bool) -> None:
    """Without ties in the probabilities: which of equally likely classes is in the first k differs between libraries."""
    prediction, target = torch.randn(ROWS, CLASSES).double().softmax(dim=1), torch.randint(0, CLASSES, (ROWS,))
    weights = row_weights() if weighted else None
    options = {"sample_weight": weights.numpy()} if weights is not None else {}
    expected = wanted(target.numpy(), prediction.numpy(), **options)
    assert measure(written, "classes", prediction, target, weights) == pytest.approx(expected, rel=1e-6)


BINARY: list[tuple[Any, Reference]] = [
    ("precision", lambda t, p, **k: reference.precision_score(t, p > 0.5, **k)),
    ("recall", lambda t, p, **k: reference.recall_score(t, p > 0.5, **k)),
    ("specificity", lambda t, p, **k: reference.recall_score(t == 0, p <= 0.5, **k)),
    ({"type": "recall", "threshold": 0.7}, lambda t, p, **k: reference.recall_score(t, p > 0.7, **k)),
    ({"type": "recall", "class": "ant", "threshold": 0.7}, lambda t, p, **k: reference.recall_score(t == 0, 1 - p > 0.7, **k)),
    ({"type": "precision", "class": "ant"}, lambda t, p, **k: reference.precision_score(t == 0, p <= 0.5, **k)),
    ({"type": "f1", "average": "macro"}, lambda t, p, **k: reference.f1_score(t, p > 0.5, average="macro", **k)),
    ("mcc", lambda t, p, **k: reference.matthews_corrcoef(t, p > 0.5, **k)),
    ("cohen_kappa", lambda t, p, **k: reference.cohen_kappa_score(t, p > 0.5, **k)),
    ("brier", lambda t, p, **k: reference.brier_score_loss(t, p, **k)),
    ("average_precision", lambda t, p, **k: reference.average_precision_score(t, p, **k)),
    ({"type": "auroc", "class": "ant"}, lambda t, p, **k: reference.roc_auc_score(t == 0, 1 - p, **k)),
]


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(("written", "wanted"), BINARY, ids=lambda value: str(value) if not callable(value) else "")
def test_two_classes_are_judged_as_by_scikit_learn(written: Any, wanted: Reference, weighted: bool) -> None:
    prediction, target = torch.rand(ROWS).double(), torch.randint(0, 2, (ROWS,)).float()
    weights = row_weights() if weighted else None
    options = {"sample_weight": weights.numpy()} if weights is not None else {}
    expected = wanted(target.numpy(), prediction.numpy(), **options)
    assert measure(written, "binary", prediction, target, weights) == pytest.approx(expected, rel=1e-6)
    both = torch.stack([1 - prediction, prediction], dim=1)
    state = Slot("metric", (METRICS,)).validate(written)
    assert isinstance(state, Metric)
    as_classes = state.build(MetricInfo("classes", 2, NAMES[:2]), torch.device("cpu"))
    as_classes.update(both, target.long(), weights)
    assert as_classes.compute() == pytest.approx(expected, rel=1e-6)


LABELS: list[tuple[Any, Reference]] = [
    ("accuracy", lambda t, p, **k: reference.accuracy_score(t, p > 0.5, **k)),
    ("hamming_loss", lambda t, p, **k: reference.hamming_loss(t, p > 0.5, **k)),
    *(
        ({"type": tag, "average": average}, lambda t, p, f=function, a=average, **k: f(t, p > 0.5, average=a, **k))
        for tag, function in (("precision", reference.precision_score), ("recall", reference.recall_score), ("f1", reference.f1_score))
        for average in ("macro", "micro", "weighted")
    ),
    ({"type": "f1", "class": "bee", "threshold": 0.3}, lambda t, p, **k: reference.f1_score(t[:, 1], p[:, 1] > 0.3, **k)),
    ("average_precision", lambda t, p, **k: reference.average_precision_score(t, p, **k)),
    (
        {"type": "average_precision", "average": "weighted"},
        lambda t, p, **k: reference.average_precision_score(t, p, average="weighted", **k),
    ),
    ("auroc", lambda t, p, **k: reference.roc_auc_score(t, p, **k)),
    ("log_loss", lambda t, p, **k: np.mean([reference.log_loss(t[:, c], p[:, c], **k) for c in range(CLASSES)])),
    ("brier", lambda t, p, **k: np.mean([reference.brier_score_loss(t[:, c], p[:, c], **k) for c in range(CLASSES)])),
]


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(("written", "wanted"), LABELS, ids=lambda value: str(value) if not callable(value) else "")
def test_several_labels_are_judged_as_by_scikit_learn(written: Any, wanted: Reference, weighted: bool) -> None:
    prediction, target = label_rows()
    prediction = prediction.clamp(max=0.99)
    weights = row_weights() if weighted else None
    options = {"sample_weight": weights.numpy()} if weights is not None else {}
    expected = wanted(target.int().numpy(), prediction.double().numpy(), **options)
    assert measure(written, "labels", prediction, target, weights) == pytest.approx(expected, rel=1e-5)


VALUES: list[tuple[Any, Reference]] = [
    ("mse", reference.mean_squared_error),
    ("mape", reference.mean_absolute_percentage_error),
    ("rmsle", reference.root_mean_squared_log_error),
    ("explained_variance", reference.explained_variance_score),
    ({"pinball": 0.9}, lambda t, p, **k: reference.mean_pinball_loss(t, p, alpha=0.9, **k)),
    ("bias", lambda t, p, sample_weight=None: np.average(p - t, weights=sample_weight)),
    ("smape", lambda t, p, sample_weight=None: np.average(2 * abs(p - t) / (abs(p) + abs(t)), weights=sample_weight)),
]


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(("written", "wanted"), VALUES, ids=lambda value: str(value) if not callable(value) else "")
def test_values_are_judged_as_by_scikit_learn(written: Any, wanted: Reference, weighted: bool) -> None:
    target = torch.rand(ROWS).double() * 10 + 1
    prediction = target + torch.rand(ROWS).double() - 0.3
    weights = row_weights() if weighted else None
    options = {"sample_weight": weights.numpy()} if weights is not None else {}
    expected = wanted(target.numpy(), prediction.numpy(), **options)
    assert measure(written, "values", prediction, target, weights) == pytest.approx(expected, rel=1e-9)


def test_medians_largest_errors_and_correlations_agree_with_their_references() -> None:
    """Which take no weights: that a row of weight 2 is the row twice is a contract of all metrics."""
    target = (torch.randn(ROWS).double() * 3).round()  # ties
    prediction = target + torch.randn(ROWS).double().round()
    truth, guess = target.numpy(), prediction.numpy()
    found = [measure(tag, "values", prediction, target) for tag in ("medae", "max_error", "pearson", "spearman")]
    assert found == pytest.approx(
        [
            reference.median_absolute_error(truth, guess),
            reference.max_error(truth, guess),
            stats.pearsonr(truth, guess).statistic,
            stats.spearmanr(truth, guess).statistic,
        ],
        rel=1e-9,
    )


def test_calibration_errors_agree_with_torchmetrics() -> None:
    torchmetrics: Any = pytest.importorskip("torchmetrics.functional.classification", reason="needs torchmetrics")
    prediction, target = class_rows()
    expected = float(torchmetrics.multiclass_calibration_error(prediction, target, CLASSES, n_bins=10))
    assert measure({"type": "ece", "bins": 10}, "classes", prediction, target) == pytest.approx(expected, rel=1e-5)


def test_two_classes_are_calibrated_by_the_likelier_one() -> None:
    prediction = torch.tensor([0.9, 0.1, 0.1, 0.9]).repeat(50)
    target = torch.tensor([1.0, 0.0, 0.0, 0.0]).repeat(50)
    assert measure("ece", "binary", prediction, target) == pytest.approx(0.15, rel=1e-5)


def test_classes_in_order_are_measured_in_classes() -> None:
    prediction, target = class_rows()
    apart = (prediction.argmax(dim=1) - target).double()
    assert measure("mae", "ordinal", prediction, target) == pytest.approx(float(apart.abs().mean()))
    assert measure("rmse", "ordinal", prediction, target) == pytest.approx(float(apart.square().mean().sqrt()))
