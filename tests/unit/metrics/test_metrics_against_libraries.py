"""Metrics of texts, entities, music and forecasts with the values of torchmetrics, seqeval and scikit-learn."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
import test_metrics_against_references as of_rows
import torch
from torch import Tensor

from nntrain.metrics.metric import Metric, MetricInfo, MetricValue
from nntrain.metrics.settings import METRICS
from nntrain.schema import Slot

reference = of_rows.reference
ROWS = 60
TAGS = ("O", "B-per", "I-per", "B-loc", "I-loc")

COMPARED = {
    "top_k_accuracy": of_rows.BY_SHARE,
    **dict.fromkeys(("medae", "max_error", "pearson", "spearman"), "test_medians_largest_errors_and_correlations…"),
    "ece": "test_calibration_errors_agree_with_torchmetrics",
    **dict.fromkeys(("mae", "rmse", "r2"), "test_regression_metrics.py"),
    "confusion_matrix": "test_classification_metrics.py",
    **dict.fromkeys(("wer", "cer"), "test_transcripts.py: torchmetrics"),
    **dict.fromkeys(("recall_at", "map_at_r", "pair_auroc"), "test_neighbors.py: scikit-learn"),
    **dict.fromkeys(("mrr", "triplet_accuracy"), "test_ranks_of_pairs.py: scikit-learn, and by loops"),
    "hits_at": "test_hits.py: by hand, as no library that is installed has it",
}
"""Where a metric is compared that is in no list of rows below or of its neighbour."""


def value(written: Any, info: MetricInfo, prediction: Tensor, target: Tensor, weights: Tensor | None = None) -> MetricValue:
    metric = Slot("metric", (METRICS,)).validate(written)
    assert isinstance(metric, Metric)
    state = metric.build(info, torch.device("cpu"))
    for rows in (slice(0, 17), slice(17, None)):
        state.update(prediction[rows], target[rows], None if weights is None else weights[rows])
    return state.compute()


def close(wanted: Any) -> Any:
    return pytest.approx(float(wanted), rel=1e-5)


def test_every_metric_is_compared() -> None:
    lists = (of_rows.BY_LABEL, of_rows.BY_SHARE, of_rows.BINARY, of_rows.LABELS, of_rows.VALUES)
    written: list[Any] = [name for rows in lists for name, _ in rows]
    tags = {name if isinstance(name, str) else name.get("type", next(iter(name))) for name in written}
    assert set(METRICS) - tags - COMPARED.keys() == HERE, "compare a new metric with that of a library"


HERE = {
    "nll",
    "iou",
    "dice",
    "per_class",
    "perplexity",
    "bits_per_char",
    "exact_match",
    "entity_f1",
    "entity_precision",
    "entity_recall",
    "mse_scaled",
    "mae_scaled",
    "mase",
}
"""What this file compares."""


@pytest.mark.parametrize("weighted", [False, True])
def test_the_likelihood_of_all_labels_is_the_sum_of_their_log_losses(weighted: bool) -> None:
    prediction, target = torch.rand(ROWS, 4).double().clamp(0.01, 0.99), torch.randint(0, 2, (ROWS, 4)).float()
    weights = torch.rand(ROWS) * 3 if weighted else None
    shares = [reference.log_loss(target[:, k], prediction[:, k], sample_weight=weights, labels=[0, 1]) for k in range(4)]
    assert value("nll", MetricInfo("labels", 4, tuple("abcd")), prediction, target, weights) == close(sum(shares))


@pytest.mark.parametrize("weighted", [False, True])
def test_the_table_of_classes_is_that_of_scikit_learn(weighted: bool) -> None:
    names = ("ant", "bee", "cat")
    prediction, target = torch.rand(ROWS, 3), torch.randint(0, 3, (ROWS,))
    weights = torch.rand(ROWS) * 3 if weighted else None
    found = value("per_class", MetricInfo("classes", 3, names), prediction, target, weights)
    wanted = reference.precision_recall_fscore_support(target, prediction.argmax(dim=1), sample_weight=weights)
    assert isinstance(found, dict)
    for index, name in enumerate(names):
        row: Any = found[name]
        assert [row[key] for key in ("precision", "recall", "f1", "support")] == pytest.approx(
            [column[index] for column in wanted], rel=1e-5
        )


@pytest.mark.parametrize("count", [2, 4])
def test_overlaps_of_maps_of_classes_are_those_of_their_pixels_in_scikit_learn(count: int) -> None:
    """Pixels of -1 count nothing."""
    target, guess = torch.randint(-1, count, (ROWS, 3, 5)), torch.randint(0, count, (ROWS, 3, 5))
    info = MetricInfo("classes", count, tuple("abcd"[:count]))
    counted = target >= 0
    prediction = torch.eye(count)[guess]
    for tag, score in {"iou": reference.jaccard_score, "dice": reference.f1_score}.items():
        each = score(target[counted], guess[counted], average=None, labels=range(count))
        assert value(tag, info, prediction[counted], target[counted]) == close(each.mean())
        assert value({"type": tag, "class": "b"}, info, prediction[counted], target[counted]) == close(each[1])


def test_perplexity_and_bits_are_those_of_torchmetrics() -> None:
    oracles: Any = pytest.importorskip("torchmetrics.text", reason="needs torchmetrics")
    logits, target = torch.randn(ROWS, 9), torch.randint(2, 9, (ROWS,))
    info = MetricInfo("classes", 9, unit_axis="time", to_text=lambda tokens: "".join("__abcdefg"[token] for token in tokens))
    wanted = float(oracles.Perplexity()(logits[None], target[None]))
    assert value("perplexity", info, logits.softmax(dim=1), target) == close(wanted)
    assert value("bits_per_char", info, logits.softmax(dim=1), target) == close(np.log2(wanted))


def test_whole_texts_match_as_labels_of_scikit_learn_do() -> None:
    draw = random.Random(0)
    info = MetricInfo("sequence", 3, to_text=lambda tokens: "".join("abc"[token] for token in tokens))
    found, true = ([[draw.randrange(3) for _ in range(draw.randint(0, 2))] for _ in range(ROWS)] for _ in range(2))
    padded = [torch.tensor([row + [-1] * (3 - len(row)) for row in rows]) for rows in (found, true)]
    wanted = reference.accuracy_score([str(row) for row in true], [str(row) for row in found])
    assert 0 < wanted < 1
    assert value("exact_match", info, *padded) == close(wanted)


@pytest.mark.parametrize("tag", ["entity_f1", "entity_precision", "entity_recall"])
@pytest.mark.parametrize("kind", [None, "loc"])
def test_entities_are_judged_as_by_seqeval(tag: str, kind: str | None) -> None:
    seqeval: Any = pytest.importorskip("seqeval.metrics", reason="needs seqeval, the counterpart of another project")
    target = torch.randint(0, len(TAGS), (ROWS, 7))
    lengths = torch.randint(1, 8, (ROWS,))
    guess = torch.where(torch.rand(ROWS, 7) < 0.7, target, torch.randint(0, len(TAGS), (ROWS, 7)))
    sentences = [[[TAGS[tag] for tag in row[:length]] for row, length in zip(rows, lengths, strict=True)] for rows in (target, guess)]
    score = getattr(seqeval, f"{tag.removeprefix('entity_')}_score")
    wanted = score(*sentences) if kind is None else score(*sentences, average=None)[0]  # kinds in the order of their names: loc, per
    info = MetricInfo("classes", len(TAGS), TAGS, unit_axis="time")
    padded = torch.where(torch.arange(7) < lengths[:, None], target, -1)
    written = {"type": tag} if kind is None else {"type": tag, "class": kind}
    assert value(written, info, torch.eye(len(TAGS))[guess], padded) == close(wanted)


def test_scaled_errors_are_those_of_standardised_columns() -> None:
    """As the literature has them: scikit-learn's errors of columns that its StandardScaler, fitted on training rows, has divided."""
    preprocessing: Any = pytest.importorskip("sklearn.preprocessing", reason="needs scikit-learn")
    train = torch.randn(50, 3).double() * torch.tensor([1.0, 10.0, 300.0])
    target, prediction = (torch.randn(ROWS, 4, 3).double() * 20 for _ in range(2))
    scaler = preprocessing.StandardScaler().fit(train)
    one, other = (scaler.transform(values.reshape(-1, 3)) for values in (target, prediction))
    info = MetricInfo("values", scale=tuple(scaler.scale_))
    assert value("mse_scaled", info, prediction, target) == close(reference.mean_squared_error(one, other))
    assert value("mae_scaled", info, prediction, target) == close(reference.mean_absolute_error(one, other))


def test_errors_by_those_of_the_last_season() -> None:
    """Hyndman and Koehler 2006, from scikit-learn's mean absolute errors of the forecast and of repeating the season before."""
    season, train = 4, torch.randn(40, 2).double().cumsum(dim=0)
    target, prediction = (torch.randn(ROWS, 3, 2).double() for _ in range(2))
    naive = [reference.mean_absolute_error(train[season:, k], train[:-season, k]) for k in range(2)]
    shares = [reference.mean_absolute_error(target[..., k], prediction[..., k]) / naive[k] for k in range(2)]
    assert value("mase", MetricInfo("values", naive=tuple(naive), forecasts=True), prediction, target) == close(np.mean(shares))


@pytest.mark.parametrize("tag", ["smape", "bias"])
def test_errors_of_values_by_torchmetrics(tag: str) -> None:
    """Which has no bias: there it is the difference of its two means."""
    functional: Any = pytest.importorskip("torchmetrics.functional.regression", reason="needs torchmetrics")
    aggregation: Any = pytest.importorskip("torchmetrics.aggregation", reason="needs torchmetrics")
    target, prediction = torch.rand(ROWS) + 1, torch.rand(ROWS) + 1
    wanted = {
        "smape": functional.symmetric_mean_absolute_percentage_error(prediction, target),
        "bias": aggregation.MeanMetric()(prediction) - aggregation.MeanMetric()(target),
    }[tag]
    assert value(tag, MetricInfo("values"), prediction, target) == close(wanted)
