"""Names of metrics in reports, and options that don't fit a target."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from pydantic import ValidationError

from nntrain.errors import SpecError
from nntrain.metrics.metric import Metric, MetricInfo
from nntrain.metrics.settings import METRICS
from nntrain.schema import Slot

SEVERAL = MetricInfo("classes", 3, ("fraud", "gift", "sale"))
TWO = MetricInfo("binary", 2, ("false", "true"))


def made(written: Any) -> Metric:
    metric = Slot("metric", (METRICS,)).validate(written)
    assert isinstance(metric, Metric)
    return metric


@pytest.mark.parametrize(
    ("written", "label"),
    [
        ("accuracy", "accuracy"),
        ("top_k_accuracy", "top_k_accuracy_5"),
        ({"top_k_accuracy": 3}, "top_k_accuracy_3"),
        ({"f_beta": 2}, "f_beta_2"),
        ({"f_beta": 0.5}, "f_beta_0.5"),
        ({"pinball": 0.9}, "pinball_0.9"),
        ("cohen_kappa", "cohen_kappa"),
        ({"cohen_kappa": "quadratic"}, "cohen_kappa_quadratic"),
        ({"type": "precision", "class": "fraud"}, "precision.fraud"),
        ({"type": "precision", "class": "fraud", "threshold": 0.9}, "precision.fraud_at_0.9"),
        ({"type": "recall", "class": 3}, "recall.3"),
        ({"type": "f1", "average": "micro"}, "f1_micro"),
        ({"type": "auroc", "average": "weighted"}, "auroc_weighted"),
        ("ece", "ece"),
        ({"type": "ece", "bins": 20}, "ece_20"),
        ({"type": "precision", "class": "fraud", "name": "caught"}, "caught"),
    ],
)
def test_a_metric_is_named_by_its_type_and_what_was_chosen(written: Any, label: str) -> None:
    assert made(written).label == label


@pytest.mark.parametrize(
    ("written", "info", "message", "hint"),
    [
        (
            {"type": "precision", "class": "frad"},
            SEVERAL,
            "no class 'frad'. The classes are fraud, gift, sale",
            "fix:  class: fraud",
        ),
        ({"type": "auroc", "class": 7}, SEVERAL, "no class '7'. The classes are fraud, gift, sale", None),
        (
            {"type": "recall", "threshold": 0.9},
            SEVERAL,
            "threshold needs one class: of several the likeliest is taken",
            "fix:  class: fraud",
        ),
        ("top_k_accuracy", SEVERAL, "is always 1: there are 3 classes, and k is 5", "fix:  a smaller k, or accuracy"),
        ({"cohen_kappa": "linear"}, TWO, "weights have no effect with two classes", "fix:  cohen_kappa"),
    ],
)
def test_options_that_do_not_fit_the_target_are_told(written: Any, info: MetricInfo, message: str, hint: str | None) -> None:
    with pytest.raises(SpecError) as error:
        made(written).check(info)
    assert (str(error.value), error.value.hint) == (message, hint)


@pytest.mark.parametrize("written", [{"type": "recall", "class": True}, {"type": "recall", "threshold": 0.9}, "accuracy"])
def test_options_that_fit_pass(written: Any) -> None:
    made(written).check(TWO)


def test_nothing_is_known_of_the_classes_before_the_data_are_read() -> None:
    made({"type": "precision", "class": "fraud", "threshold": 0.9}).check(MetricInfo("classes"))
    made("top_k_accuracy").check(MetricInfo("classes"))


@pytest.mark.parametrize("tag", ["precision", "auroc"])
def test_one_class_has_no_average(tag: str) -> None:
    with pytest.raises(ValidationError, match="takes either class"):
        made({"type": tag, "class": "fraud", "average": "weighted"})


@pytest.mark.parametrize("name", ["two words", "3", "a.b", ""])
def test_a_name_is_one_word(name: str) -> None:
    with pytest.raises(ValidationError):
        made({"type": "accuracy", "name": name})


def test_the_threshold_of_the_task_decides() -> None:
    prediction, target = torch.tensor([0.2, 0.4, 0.6]), torch.tensor([0.0, 1.0, 1.0])
    for wanted, threshold in ((2 / 3, None), (1.0, 0.3)):
        state = made("accuracy").build(MetricInfo("binary", 2, ("no", "yes"), threshold), torch.device("cpu"))
        state.update(prediction, target)
        assert state.compute() == pytest.approx(wanted)


def test_a_class_that_occurs_and_is_never_predicted_has_no_precision_and_counts_as_0_in_a_mean() -> None:
    prediction, target = torch.eye(3)[[0, 0, 1]], torch.tensor([0, 2, 1])
    for written, wanted in (({"type": "precision", "class": "sale"}, None), ("precision", (0.5 + 1 + 0) / 3)):
        state = made(written).build(SEVERAL, torch.device("cpu"))
        state.update(prediction, target)
        assert state.compute() == (None if wanted is None else pytest.approx(wanted))


def test_values_that_are_0_have_no_percentage_error() -> None:
    state = made("mape").build(MetricInfo("values"), torch.device("cpu"))
    state.update(torch.tensor([1.0, 3.0]), torch.tensor([0.0, 2.0]))
    assert state.compute() == pytest.approx(0.5)


def test_no_target_below_0_has_a_logarithmic_error() -> None:
    for target, wanted in (([-0.5, 1.0], None), ([0.0, 1.0], 0.0)):
        state = made("rmsle").build(MetricInfo("values"), torch.device("cpu"))
        state.update(torch.tensor([-3.0, 1.0]), torch.tensor(target))
        assert state.compute() == wanted
