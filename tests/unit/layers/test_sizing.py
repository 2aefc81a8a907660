"""Sizes that are known only where a layer stands: `in` and `out`, with known and unknown sizes, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from pydantic import ValidationError

from nntrain.architectures.architecture import Architecture
from nntrain.architectures.compiling import compile_program
from nntrain.architectures.settings import ARCHITECTURES
from nntrain.errors import ConfigError
from nntrain.layers.linear import Linear
from nntrain.layers.program import Program
from nntrain.schema import load_class
from nntrain.specs import IMAGE, RAGGED, VECTOR, Spec, Unknown

PHOTO = {"photo": Spec(IMAGE, (3, 8, 8))}
TABLE = {"size": Spec((), ()), "age": Spec((), ())}
CLASSES = Spec(VECTOR, (Unknown("classes of y"),), "logits")


def architecture(tree: Mapping[str, Any]) -> Architecture:
    made = load_class(ARCHITECTURES["layers" if "layers" in tree else "nodes"]).parse(tree)
    assert isinstance(made, Architecture)
    return made


def compiled(tree: Mapping[str, Any] | list[Any], inputs: Mapping[str, Spec] = TABLE, needs: Mapping[str, Spec] | None = None) -> Program:
    return compile_program(architecture({"layers": tree} if isinstance(tree, list) else tree), inputs, needs or {"y": Spec(VECTOR, (3,))})


def lines(program: Program) -> list[str]:
    return [f"{row.layer} -> {row.output}" for row in program.rows() if row.layer != "columns size, age"]


def told(tree: Mapping[str, Any] | list[Any], inputs: Mapping[str, Spec] = TABLE, **needs: Spec) -> tuple[Any, ...]:
    with pytest.raises(ConfigError) as caught:
        compiled(tree, inputs, needs)
    [problem] = caught.value.problems
    return (problem.path, problem.message)


def test_in_is_the_size_of_the_features_or_channels_that_come_in() -> None:
    assert lines(compiled([{"linear": 16}, {"linear": "=in//4"}, {"linear": "=(in+1)*2"}, "relu"])) == [
        "linear 16 -> [16]",
        "linear 4 -> [4]",
        "linear 10 -> [10]",
        "relu -> [10]",
        "linear 3 -> [3]",
    ]
    convolution = {"conv2d": {"out_channels": "=in*2", "kernel_size": ["=in", 1], "groups": "=in"}}
    layer, shape = lines(compiled([convolution, "global_avg_pool"], PHOTO))[0].split(" -> ")
    assert all(part in layer for part in ("conv2d 6", "groups 3", "kernel_size [3, 1]"))
    assert shape == "[6, 6, 8]"


def test_out_is_what_the_task_needs_and_makes_the_output_layer() -> None:
    assert lines(compiled([{"linear": 8}, "relu", {"linear": "=out"}]))[-1] == "linear 3 -> [3]"
    program = compiled([{"linear": "=out*2"}, {"linear": "=out"}], needs={"y": CLASSES})
    assert lines(program) == ["linear <=out*2> -> [<=out*2>]", "linear <classes of y> -> [<classes of y>]"]
    assert program.num_parameters is None
    assert program.steps[-1].stage == "body"


def test_out_in_a_node_is_what_its_own_target_needs() -> None:
    nodes = {
        "body": {"from": "inputs", "linear": 8},
        "first": {"from": "body", "linear": "=out"},
        "second": {"from": "body", "layers": ["relu", {"linear": "=out"}]},
    }
    needs = {"a": Spec(VECTOR, (5,)), "b": Spec(VECTOR, (2,))}
    program = compiled({"nodes": nodes, "heads": {"a": "first", "b": "second"}}, needs=needs)
    assert {name: str(value.spec) for name, value in program.outputs.items()} == {"a": "[5]", "b": "[2]"}
    heads = {"a": {"from": "body", "layers": [{"linear": "=out"}]}, "b": {"from": "body", "layers": ["relu", {"linear": "=out"}]}}
    program = compiled({"nodes": {"body": nodes["body"]}, "heads": heads}, needs=needs)
    assert {name: str(value.spec) for name, value in program.outputs.items()} == {"a": "[5]", "b": "[2]"}


def test_families_and_layers_inside_layers_have_sizes_too() -> None:
    tree = [{"linear": 8}, {"mlp": {"hidden": ["=in*2", "=in"]}}, {"residual": [{"linear": "=in"}, "relu"]}]
    shown = [line for line in lines(compiled(tree)) if line.startswith("linear")]
    assert shown == ["linear 8 -> [8]", "linear 16 -> [16]", "linear 8 -> [8]", "linear 8 -> [8]", "linear 3 -> [3]"]


def test_a_layer_with_such_a_size_is_saved_as_it_is_written_and_read_again() -> None:
    tree = {"layers": [{"linear": {"out_features": "=in//2", "bias": False}, "name": "half"}, {"residual": [{"linear": "=in"}]}]}
    first = architecture(tree)
    saved = first.dump()
    assert saved["layers"][0]["out_features"] == "=in//2"
    assert saved["layers"][0]["bias"] is False
    assert saved["layers"][1]["layers"][0]["out_features"] == "=in"
    assert architecture(saved) == first
    assert Linear(out_features=4).deferred is None


@pytest.mark.parametrize(
    ("tree", "inputs", "path", "message"),
    [
        ([{"linear": 8}, {"linear": "=in//16"}], TABLE, (1, "out_features"), "needs a whole number above 0, and =in//16 is 0 with in = 8"),
        ([{"linear": "=in-9"}], TABLE, (0, "out_features"), "needs a whole number above 0, and =in-9 is -7 with in = 2"),
        ([{"linear": "=8//(in-2)"}], TABLE, (0, "out_features"), "=8//(in-2) divides by zero with in = 2"),
        (
            [{"embedding": "=in"}],
            {"t": Spec(("time",), (RAGGED,), "index", 9)},
            (0, "dim"),
            "=in is of the channels or features that come in",
        ),
    ],
)
def test_a_size_that_can_not_be_is_told_at_its_option(
    tree: list[Any], inputs: Mapping[str, Spec], path: tuple[Any, ...], message: str
) -> None:
    where, what = told(tree, inputs, y=Spec(VECTOR, (3,)))
    assert where == ("architecture", "layers", *path)
    assert what.startswith(message)


def test_out_of_targets_that_need_different_sizes_is_told() -> None:
    where, what = told([{"linear": "=out"}], a=Spec(VECTOR, (5,)), b=Spec(VECTOR, (2,)))
    assert where == ("architecture", "layers", 0, "out_features")
    assert what == "=out is what a target needs: 5 for a, 2 for b"


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        ({"conv2d": {"out_channels": "=in", "kernel_size": 0}}, "kernel_size"),
        ({"linear": "=in/2"}, "divides by /"),
        ({"linear": "=dim"}, "has the name dim"),
        ({"pool": "=in"}, "how"),
    ],
)
def test_everything_else_about_the_layer_is_checked_when_it_is_read(layer: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError) as caught:
        architecture({"layers": [layer]})
    assert all("out_channels" not in error["loc"] for error in caught.value.errors())
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("option", "layer"),
    [
        ("kernel_size", {"conv2d": {"out_channels": 2, "kernel_size": "=out"}}),
        ("kernel_size", {"conv_transpose2d": {"out_channels": 2, "kernel_size": [3, "=out"]}}),
        ("stride", {"max_pool2d": {"kernel_size": 2, "stride": "=out"}}),
        ("dilation", {"depthwise_conv2d": {"kernel_size": 3, "dilation": "=out"}}),
    ],
)
def test_a_window_whose_size_only_the_data_tells_is_told(option: str, layer: dict[str, Any]) -> None:
    path, message = told([layer, "relu"], PHOTO, y=CLASSES)
    assert path == ("architecture", "layers", 0)
    assert message.endswith(f"needs a number for {option}, and gets <classes of y>, which only the data tells")


def test_an_arrangement_whose_sizes_only_the_data_tells_is_known_later() -> None:
    tree = [{"linear": 12}, {"unflatten": [4, "=out"]}, {"pool": "mean"}]
    assert lines(compiled(tree, needs={"y": CLASSES}))[1] == "unflatten [4, <classes of y>] -> [4, <classes of y>]"
    assert lines(compiled(tree))[1] == "unflatten [4, 3] -> [4, 3]"
