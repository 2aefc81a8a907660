"""Depths of layers and hidden matrices, on networks as configs say them."""

from __future__ import annotations

from typing import Any

import pytest

from nntrain.architectures.compiling import compile_program
from nntrain.architectures.settings import ARCHITECTURES
from nntrain.config.reading import read_mapping
from nntrain.layers.depth import hidden_matrices, layer_depths
from nntrain.layers.program import Program
from nntrain.specs import IMAGE, VECTOR, Spec

assert ARCHITECTURES


def program(architecture: Any, fields: dict[str, Spec], output: Spec) -> Program:
    config = read_mapping({"data": {"source": "a.csv", "target": "y"}, "architecture": architecture})
    assert config.experiment.architecture is not None
    return compile_program(config.experiment.architecture, fields, {"y": output})


def convolutions() -> Program:
    layers = [
        {"conv2d": {"out_channels": 4, "kernel_size": 3, "padding": "same"}},
        "batch_norm",
        "relu",
        {"residual": [{"conv2d": {"out_channels": 4, "kernel_size": 3, "padding": "same"}}, "batch_norm", "relu"]},
        "batch_norm",
        "flatten",
        {"linear": 8},
        "relu",
        {"linear": 6},
        "relu",
    ]
    return program({"layers": layers}, {"image": Spec(IMAGE, (1, 6, 6))}, Spec(VECTOR, (3,), "logits"))


def test_norms_belong_to_the_layer_before_and_a_block_is_one_layer() -> None:
    assert layer_depths(convolutions()) == {
        "conv2d_1.weight": 4,
        "conv2d_1.bias": 4,
        "batch_norm_1.weight": 4,
        "batch_norm_1.bias": 4,
        "conv2d_2.weight": 3,
        "conv2d_2.bias": 3,
        "batch_norm_2.weight": 3,
        "batch_norm_2.bias": 3,
        "batch_norm_3.weight": 3,
        "batch_norm_3.bias": 3,
        "linear_1.weight": 2,
        "linear_1.bias": 2,
        "linear_2.weight": 1,
        "linear_2.bias": 1,
        "head.weight": 0,
        "head.bias": 0,
    }


def test_hidden_matrices_leave_out_convolutions_and_the_output_layer() -> None:
    assert hidden_matrices(convolutions()) == ("linear_1.weight", "linear_2.weight")


def test_a_list_that_ends_in_its_own_output_layer() -> None:
    own = program({"layers": [{"linear": 8}, "relu", {"linear": 3}]}, {"x": Spec(VECTOR, (5,))}, Spec(VECTOR, (3,), "logits"))
    assert layer_depths(own)["linear_2.weight"] == 0
    assert hidden_matrices(own) == ("linear_1.weight",)


@pytest.mark.parametrize("name", ["conv2d_1.weight", "head.bias"])
def test_names_are_those_of_the_network(name: str) -> None:
    made = convolutions()
    assert name in dict(made.build().named_parameters())
    assert layer_depths(made).keys() == dict(made.build().named_parameters()).keys()
