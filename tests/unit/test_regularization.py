"""The `regularization` section, and where dropout and norm stand in a network."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from nntrain.layers.context import Context
from nntrain.layers.layer import Layer
from nntrain.layers.regularizing import check_placed, check_written, regularize
from nntrain.layers.scope import Draft, Scope
from nntrain.layers.settings import AnyLayer
from nntrain.regularization import AveragingSettings, Regularization
from nntrain.schema import StrictModel
from nntrain.specs import IMAGE, Spec

BOTH = Context(0.25, "batch")
CONV = {"conv2d": {"out_channels": 4, "kernel_size": 3, "padding": "same"}}


class Written(StrictModel):
    layers: tuple[AnyLayer, ...]


def read(*layers: object) -> tuple[Layer, ...]:
    return Written.parse({"layers": list(layers)}).layers


def placed(*layers: object, context: Context = BOTH) -> list[str]:
    draft = Draft((), {"x": Spec(IMAGE, (1, 8, 8))})
    scope = Scope(draft, ())
    scope.sequence(regularize(read(*layers), context), scope.input("x", draft.fields["x"]), key="layers")
    return [step.layer.describe() for step in draft.steps.values()]


def test_everything_is_off_by_default():
    assert set(Regularization().model_dump().values()) == {None}


def test_averaging_takes_a_number():
    assert Regularization.parse({"ema": 0.99}).ema == AveragingSettings(decay=0.99)
    assert Regularization.parse({"ema": {}}).ema == AveragingSettings(decay=0.999)
    saved = Regularization.parse({"ema": 0.99}).model_dump(mode="json")
    assert Regularization.parse(saved).ema == AveragingSettings(decay=0.99)


@pytest.mark.parametrize(
    "wrong",
    [
        {"dropout": 1.0},
        {"dropout": 0.0},
        {"norm": "spectral"},
        {"stochastic_depth": 1.0},
        {"clip_norm": 0.0},
        {"ema": 1.0},
        {"label_smoothing": 1},
    ],
)
def test_values_out_of_range_are_refused(wrong: dict[str, object]):
    with pytest.raises(ValidationError):
        Regularization.parse(wrong)


def test_norm_before_and_dropout_after_each_activation_that_follows_a_sized_layer():
    assert placed(CONV, "relu", {"max_pool2d": 2}, "tanh", "flatten", {"linear": 8}, "gelu") == [
        "conv2d 4, kernel_size 3, padding same", "batch_norm", "relu", "dropout 0.25", "max_pool2d 2", "tanh",
        "flatten", "linear 8", "batch_norm", "gelu", "dropout 0.25",
    ]  # fmt: skip


def test_lists_inside_a_list_are_regularized_too():
    assert placed({"residual": [CONV, "relu", CONV]}, "relu") == [
        "conv2d 4, kernel_size 3, padding same", "batch_norm", "relu", "dropout 0.25", "conv2d 4, kernel_size 3, padding same",
        "conv2d 4, kernel_size 1, stride [1, 1]", "add", "relu",
    ]  # fmt: skip


def test_written_norm_stays_in_front_of_a_global_dropout():
    assert placed("flatten", {"linear": 4}, "batch_norm", "relu", context=Context(0.25)) == [
        "flatten",
        "linear 4",
        "batch_norm",
        "relu",
        "dropout 0.25",
    ]


def test_softmax_is_no_place():
    assert placed("flatten", {"linear": 4}, "softmax") == ["flatten", "linear 4", "softmax"]


def test_items_keep_their_index():
    assert [layer.type for layer in regularize(read(CONV, "relu", "flatten"), BOTH)] == ["conv2d", "regularized_activation", "flatten"]


def test_written_and_global_together_are_told_with_the_line():
    layers = [(("layers", index), layer) for index, layer in enumerate(read(CONV, "batch_norm", "relu", {"dropout": 0.5}))]
    found = list(check_written(layers, BOTH))
    assert [(problem.path, problem.message) for problem in found] == [
        (("layers", 1), "batch_norm stands here and regularization.norm (batch) places another"),
        (("layers", 3), "dropout stands here and as regularization.dropout (0.25) too"),
    ]
    assert list(check_written(layers, Context())) == []


def test_setting_without_a_place_is_told():
    found = list(check_placed(read("flatten", {"linear": 3}), BOTH))
    assert [problem.path for problem in found] == [("regularization", "dropout"), ("regularization", "norm")]
    assert found[0].message.startswith("has no effect")
    assert list(check_placed(read("batch_norm", {"dropout": 0.25}), BOTH)) == []
