"""mlp and cnn: what they become."""

from __future__ import annotations

import pytest
from compiled import PHOTO, SERIES, TABLE, compiled, lines, problems, told

from nntrain.architectures.settings import default_architecture
from nntrain.specs import IMAGE, SEQUENCE, Spec, Unknown


def types(program_lines: list[str]) -> list[str]:
    return [line.split(": ")[1].split(" -> ")[0] for line in program_lines if not line.startswith("inputs.")]


def test_mlp_places_norm_before_and_dropout_after_each_activation():
    program = compiled(
        {"type": "mlp", "hidden": [8, 4], "activation": {"leaky_relu": 0.1}}, TABLE, None, {"norm": "layer", "dropout": 0.25}
    )
    hidden = ["layer_norm", "leaky_relu 0.1", "dropout 0.25"]
    assert types(lines(program)) == ["linear 8", *hidden, "linear 4", *hidden, "linear 3"]


def test_mlp_without_hidden_layers_is_a_linear_model():
    assert types(lines(compiled({"mlp": []}, TABLE))) == ["linear 3"]


def test_mlp_flattens_an_image():
    assert lines(compiled({"mlp": [4]}, PHOTO))[0] == "flatten_1: flatten -> [64]"


def test_mlp_refuses_rows_of_different_lengths():
    assert told(problems("mlp", SERIES)) == [
        "architecture flatten needs rows of one length and gets a sequence [*, 2] from the field 'series', where lengths differ by row. "
        "put `pool: mean` in its place"
    ]


def test_cnn_of_an_image():
    program = compiled({"type": "cnn", "channels": [4, 8]}, PHOTO, None, {"norm": "batch", "dropout": 0.1})
    assert types(lines(program)) == [
        "conv2d 4, kernel_size 3, padding same", "batch_norm", "relu", "max_pool2d 2",
        "conv2d 8, kernel_size 3, padding same", "batch_norm", "relu", "max_pool2d 2",
        "flatten", "dropout 0.1", "linear 3",
    ]  # fmt: skip


def test_cnn_of_a_series():
    program = compiled({"type": "cnn", "channels": [4], "convolutions": 2, "pool": "avg", "hidden": [5]}, {"x": Spec(SEQUENCE, (40, 1))})
    assert types(lines(program)) == [
        "conv1d 4, kernel_size 3, padding same", "relu", "conv1d 4, kernel_size 3, padding same", "relu", "avg_pool1d 2",
        "flatten", "linear 5", "relu", "linear 3",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("spec", "reduce", "last"),
    [
        (Spec(IMAGE, (3, 32, 32)), "auto", "flatten"),
        (Spec(IMAGE, (3, 224, 224)), "auto", "global_avg_pool"),
        (Spec(IMAGE, (3, 224, 224)), "flatten", "flatten"),
        (Spec(IMAGE, (3, 8, 8)), "mean", "global_avg_pool"),
        (Spec(IMAGE, (3, Unknown("height"), Unknown("width"))), "auto", "flatten"),
        (SERIES["series"], "auto", "global_avg_pool"),
    ],
)
def test_cnn_keeps_places_where_they_are_few(spec: Spec, reduce: str, last: str):
    assert types(lines(compiled({"type": "cnn", "reduce": reduce}, {"x": spec})))[-2] == last


def test_cnn_without_pools_keeps_the_size():
    assert lines(compiled({"type": "cnn", "channels": [4], "pool": None}, PHOTO))[-2] == "flatten_1: flatten -> [256]"


def test_cnn_refuses_a_table():
    assert told(problems("cnn", TABLE)) == [
        "architecture cnn needs an image or a series and gets a row of numbers [15] from the input fields. fix:  type: mlp"
    ]


def test_family_in_a_list_gives_features():
    program = compiled({"layers": [{"cnn": {"channels": [4]}}, {"linear": 8}, "relu"]}, PHOTO)
    assert [line.split(":")[0] for line in lines(program)] == [
        "conv2d_1",
        "relu_1",
        "max_pool2d_1",
        "flatten_1",
        "linear_1",
        "relu_2",
        "head",
    ]


def test_default_architecture_goes_by_what_comes_in():
    assert default_architecture(TABLE, ["y"]).type == "mlp"
    assert default_architecture(PHOTO, ["y"]).type == default_architecture(SERIES, ["y"]).type == "cnn"
    for axes, sizes in ((SEQUENCE, (3, 2)), (IMAGE, (1, 8, 3))):
        assert default_architecture({"x": Spec(axes, sizes)}, ["y"]).type == "mlp", "a cnn can't halve it twice"
        wider = tuple(size + (place > 0 or axes == SEQUENCE) for place, size in enumerate(sizes))
        assert default_architecture({"x": Spec(axes, wider)}, ["y"]).type == "cnn"
