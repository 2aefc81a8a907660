"""What a task says of itself to reports and model cards, so that these know no task by name."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from nntrain.data.exhibits import Words
from nntrain.losses.settings import LOSSES
from nntrain.schema import load_class
from nntrain.specs import VECTOR, Spec
from nntrain.tasks.classification import Classification
from nntrain.tasks.regression import Regression
from nntrain.tasks.task import Target

CLASSES = Target("y", "category", Spec((), (), "index", classes=2), ("no", "yes"))
LABELS = Target("y", "multi_label", Spec(VECTOR, (3,)), ("a", "b", "c"), separator="+")
TEXT = Target("y", "text", Spec(VECTOR, (3,), "index", classes=9), to_text=lambda tokens: " ".join(map(str, tokens)))


@pytest.mark.parametrize(
    ("target", "value", "shown"),
    [
        (CLASSES, torch.tensor(1), "yes"),
        (LABELS, torch.tensor([1.0, 0.0, 1.0]), "a+c"),
        (TEXT, torch.tensor([4, 2, -1]), Words("4 2", is_long=True)),
    ],
)
def test_what_is_true_is_shown_as_its_task_has_it(target: Target, value: torch.Tensor, shown: object) -> None:
    assert Classification().truth(value, target) == shown


def test_numbers_stay_numbers() -> None:
    values = torch.tensor([0.5, 2.0])
    assert Regression().truth(values, Target("y", "vector", Spec(VECTOR, (2,)))) is values


def test_a_task_names_what_its_answers_do_not_say() -> None:
    assert list(Classification().cautions("y")) == ["Probabilities of y were not calibrated."]
    found = list(Classification(calibrate="temperature").cautions("y"))
    assert found == ["Probabilities of y were calibrated on the validation rows (temperature)."]
    assert list(Regression().cautions("y")) == []


def test_losses_say_whether_they_are_an_entropy_and_weigh_classes() -> None:
    classes: dict[str, Any] = {tag: load_class(target) for tag, target in LOSSES.items()}
    assert {tag for tag, loss in classes.items() if loss.is_entropy} == {"cross_entropy", "bce"}
    assert classes["cross_entropy"].parse({"type": "cross_entropy", "class_weights": "balanced"}).weighs_classes
    assert not classes["cross_entropy"].parse({"type": "cross_entropy"}).weighs_classes
    assert not classes["mse"].parse({"type": "mse"}).weighs_classes
