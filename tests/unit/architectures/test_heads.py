"""Where targets hang: output layers per row, step and pixel, and auxiliary heads."""

from __future__ import annotations

import pytest
import torch
from compiled import CLASSES, ONE, PHOTO, SERIES, TABLE, compiled, lines, problems, told
from torch import nn

from nntrain.architectures.compiling import compile_program
from nntrain.architectures.mlp import MLP
from nntrain.layers.directions import CosineLinear
from nntrain.layers.layer import Layer
from nntrain.layers.program import Auxiliary
from nntrain.specs import IMAGE, RAGGED, SEQUENCE, VOLUME, Spec, Unknown

TAGS = Spec(SEQUENCE, (RAGGED, 5), "logits")
MASK = Spec(IMAGE, (4, 8, 8), "logits")
CONV = {"conv2d": {"out_channels": 6, "kernel_size": 3, "padding": "same"}}


class OfDirections(MLP):
    """An architecture with an output layer of its own."""

    def head(self, output: Spec) -> Layer:
        [size] = output.sizes
        assert isinstance(size, int)
        return CosineLinear(out_features=size)


def test_an_architecture_says_what_output_layer_each_target_gets():
    program = compile_program(OfDirections(hidden=(4,)), TABLE, {"kind": CLASSES, "price": ONE})
    assert lines(program)[-2:] == ["head.kind: cosine_linear 3 -> [3]", "head.price: cosine_linear 1 -> [1]"]


def test_a_target_of_each_step_gets_a_linear_layer_for_all_steps():
    program = compiled({"layers": [{"lstm": 7}]}, SERIES, {"y": TAGS})
    assert lines(program)[-1] == "head: linear 5 -> [*, 5]"
    network = program.build()
    out = network({"series": torch.randn(3, 6, 2), "series.lengths": torch.tensor([6, 1, 3])})[0]["y"]
    assert out.shape == (3, 6, 5)
    assert program.outputs["y"].spec == TAGS


def test_a_target_of_each_pixel_gets_a_convolution():
    program = compiled({"layers": [CONV, "relu"]}, PHOTO, {"y": MASK})
    assert lines(program)[-1] == "head: conv2d 4, kernel_size 1 -> [4, 8, 8]"
    network = program.build()
    assert isinstance(network.head, nn.Conv2d)
    assert network({"photo": torch.randn(2, 1, 8, 8)})[0]["y"].shape == (2, 4, 8, 8)
    assert program.num_parameters == sum(value.numel() for value in network.parameters())


def test_a_target_of_each_voxel_gets_a_convolution():
    scan = {"scan": Spec(VOLUME, (2, 4, 5, 6))}
    program = compiled({"layers": ["relu"]}, scan, {"y": Spec(VOLUME, (3, 4, 5, 6), "logits")})
    network = program.build()
    assert network({"scan": torch.randn(2, 2, 4, 5, 6)})[0]["y"].shape == (2, 3, 4, 5, 6)
    assert list(program.parameter_shapes.items()) == [(name, tuple(value.shape)) for name, value in network.named_parameters()]


def test_what_ends_in_a_convolution_is_the_output_of_each_pixel():
    program = compiled({"layers": [CONV, "relu", {"conv2d": {"out_channels": 4, "kernel_size": 1}}]}, PHOTO, {"y": MASK})
    assert lines(program)[-1] == "conv2d_2: conv2d 4, kernel_size 1 -> [4, 8, 8]"
    assert program.outputs["y"].spec.kind == "logits"


@pytest.mark.parametrize(
    ("layers", "inputs", "need", "message"),
    [
        (
            [{"lstm": 7}, {"pool": "last"}],
            SERIES,
            TAGS,
            "needs a row of numbers for each step and gets a row of numbers [7]",
        ),
        (
            [{"lstm": 7}, {"pool": "last"}],
            SERIES,
            TAGS,
            "end in a sequence [T, F], without pool or flatten",
        ),
        ([CONV, "flatten"], PHOTO, MASK, "end in maps [C, H, W], without flatten or global pooling"),
        ([CONV, {"max_pool2d": 2}], PHOTO, MASK, "gets an image [6, 4, 4] from max_pool2d (layers[1]), and the target has height 8"),
        (
            [{"conv2d": {"out_channels": 4, "kernel_size": 3}}],
            PHOTO,
            MASK,
            "y (the output layer) gets an image [4, 6, 6], and the target has height 8",
        ),
        ([CONV], PHOTO, MASK, "y needs 4 numbers and gets 6 from conv2d (layers[0]): what ends in a conv2d is its own output"),
        ([{"lstm": 7}], SERIES, CLASSES, "one row per example: put `pool: last` (or mean, max) after it"),
    ],
)
def test_a_network_that_ends_in_the_wrong_axes_is_told_how_to_end(layers: list[object], inputs: dict[str, Spec], need: Spec, message: str):
    [found] = told(problems({"layers": layers}, inputs, {"y": need}))
    assert message in found


def test_pixels_of_unknown_number_are_taken_from_the_network():
    need = Spec(IMAGE, (Unknown("classes of y"), Unknown("height"), Unknown("width")), "logits")
    assert compiled({"layers": [CONV, "relu"]}, PHOTO, {"y": need}).outputs["y"].spec.sizes == (Unknown("classes of y"), 8, 8)


NODES = {"low": {"from": "photo", "layers": [CONV, "relu"]}, "end": {"from": "low", "layers": ["flatten", {"linear": 9}, "relu"]}}
HEADS = {"y": [{"from": "end"}, {"from": "seen", "weight": 0.3}, "low_row"]}
WITH_ROWS = {**NODES, "seen": {"from": "low", "global_avg_pool": {}}, "low_row": {"from": "low", "global_max_pool": {}}}


def test_auxiliary_heads_are_outputs_of_their_own():
    program = compiled({"nodes": WITH_ROWS, "heads": HEADS}, PHOTO)
    assert list(program.outputs) == ["y", "y.aux_1", "y.aux_2"]
    assert program.auxiliary == {"y.aux_1": Auxiliary("y", 0.3), "y.aux_2": Auxiliary("y", 1.0)}
    assert [line.partition(":")[0] for line in lines(program)[-3:]] == ["head", "head_aux_1", "head_aux_2"]
    outputs = program.build()({"photo": torch.randn(2, 1, 8, 8)})[0]
    assert {name: tuple(value.shape) for name, value in outputs.items()} == dict.fromkeys(["y", "y.aux_1", "y.aux_2"], (2, 3))


def test_auxiliary_heads_beside_another_target():
    program = compiled({"nodes": WITH_ROWS, "heads": {**HEADS, "z": "low_row"}}, PHOTO, {"y": CLASSES, "z": ONE})
    assert [row.name for row in program.rows() if row.stage == "head"] == ["head.y", "head.y_aux_1", "head.y_aux_2", "head.z"]


def test_layers_of_an_auxiliary_head():
    heads = {"y": ["end", {"from": "low", "layers": ["flatten", {"linear": 3}], "weight": 0.4}]}
    program = compiled({"nodes": NODES, "heads": heads}, PHOTO)
    assert lines(program)[-2:] == ["head_aux_1.linear_1: linear 3 -> [3]", "head: linear 3 -> [3]"]
    assert program.num_parameters == sum(value.numel() for value in program.build().parameters())
    assert program.auxiliary == {"y.aux_1": Auxiliary("y", 0.4)}
    assert program.build()({"photo": torch.randn(2, 1, 8, 8)})[0]["y.aux_1"].shape == (2, 3)


def test_the_first_head_has_no_weight():
    found = told(problems({"nodes": WITH_ROWS, "heads": {"y": [{"from": "end", "weight": 2}, "seen", "low_row"]}}, PHOTO))
    assert found == [
        "architecture.heads.y[0].weight has no effect: predictions come from the first head, which counts once. "
        "give the weight to a later one"
    ]


def test_a_target_hangs_on_a_named_point_inside_a_node():
    nodes = {"body": {"from": "photo", "layers": ["flatten", {"linear": 4, "name": "code"}, "relu", {"linear": 3}]}}
    program = compiled({"nodes": nodes, "heads": {"y": "body", "z": "code"}}, PHOTO, {"y": CLASSES, "z": ONE})
    assert program.outputs["z"].step == "head.z"
    assert program.outputs["y"].step == "body.linear_1"


def test_a_node_with_layers_may_have_a_second_name():
    nodes = {"body": {"from": "photo", "layers": ["flatten", {"linear": 4}, "relu"], "name": "code"}, "end": {"add": ["body", "code"]}}
    assert lines(compiled({"nodes": nodes}, PHOTO))[-2] == "end.add_1: add [body, code] -> [4]"
