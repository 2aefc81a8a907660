"""Layers written one by one: names, merges, composites, and where a fault is told."""

from __future__ import annotations

import pytest
from compiled import PHOTO, SERIES, TABLE, Written, compiled, lines, problems, told

from nntrain.layers.program import Program

CONV = {"conv2d": {"out_channels": 4, "kernel_size": 3, "padding": "same"}}


def names(program: Program) -> list[str]:
    return [step.name for step in program.steps if step.stage == "body"]


def test_list_that_ends_in_a_sized_layer_is_its_own_output():
    assert lines(compiled({"layers": [{"linear": 3}]}, TABLE))[-1] == "linear_1: linear 3 -> [3]"
    assert lines(compiled({"layers": [{"linear": 8}, {"sequential": ["relu", {"linear": 3}]}]}, TABLE))[-1] == "linear_2: linear 3 -> [3]"


@pytest.mark.parametrize("last", ["relu", {"dropout": 0.1}, {"residual": [{"linear": 8}]}, {"mlp": [3]}])
def test_any_other_ending_gets_the_output_layer_of_the_task(last: object):
    assert lines(compiled({"layers": [{"linear": 8}, last]}, TABLE))[-1] == "head: linear 3 -> [3]"


def test_misfit_of_the_own_output_gives_both_fixes():
    assert told(problems({"layers": [{"linear": 128}]}, TABLE)) == [
        "architecture.layers[0] y needs 3 numbers and gets 128 from linear (layers[0]): what ends in a linear is its own output. "
        "fix:  give it 3, or put an activation (- relu) after it: then the output layer is added"
    ]


def test_misfit_names_what_was_needed_and_where_it_comes_from():
    layers = [{"conv2d": {"out_channels": 64, "kernel_size": 2}}, "relu", {"linear": 10}]
    assert told(problems({"layers": layers}, PHOTO)) == [
        "architecture.layers[2] linear needs one row of numbers per example and gets an image [64, 7, 7] from relu (layers[1]). "
        "put flatten before it"
    ]


def test_misfit_inside_a_residual_is_told_at_its_place():
    found = problems({"layers": ["flatten", {"residual": [{"linear": 8}, "global_avg_pool"]}]}, PHOTO)
    assert found[0].path == ("architecture", "layers", 1, "layers", 1)
    assert "from linear (layers[1].layers[0])" in found[0].message


def test_names_count_by_type_and_can_be_given():
    layers = [
        {"linear": 4, "name": "code"},
        "relu",
        {"residual": [{"linear": 4}, "relu"], "name": "block"},
        {"relu": {"name": "relu_3"}},
        "relu",
    ]
    assert names(compiled({"layers": layers}, TABLE)) == ["code", "relu_1", "linear_1", "relu_2", "block", "relu_3", "relu_4"]


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ([{"linear": 4, "name": "a"}, {"linear": 4, "name": "a"}], "[1] the name 'a' is used twice. every name is used once; in a repeat"),
        ([{"linear": 4, "name": "age"}], "[0] the name 'age' is taken by an input field. every name is used once"),
        ([{"linear": 4, "name": "head"}], "[0] the name 'head' is reserved. call it otherwise"),
        ([{"linear": 4, "name": "code"}, {"add": "cod"}], "[1] there is no point 'cod' before this one. named points: code"),
        ([{"linear": 4}, "add"], "[1] add joins two tensors or more and gets one. name what it joins: - add: NAME"),
        (
            [{"linear": 4, "name": "a"}, {"linear": 5}, {"add": "a"}],
            "[2] add joins tensors whose feature sizes agree, and gets [5] from linear (layers[1]) and [4]",
        ),
    ],
)
def test_names_and_merges_that_do_not_fit_are_told(layers: list[object], message: str):
    assert told(problems({"layers": layers}, TABLE))[0].startswith(f"architecture.layers{message}")


def test_merges_join_the_stream_with_named_points():
    layers = [{"linear": 4, "name": "s1"}, "relu", {"linear": 4, "name": "s2"}, {"concat": ["s1", "age"]}, {"add": {"from": "s*"}}]
    program = compiled({"layers": layers}, TABLE)
    assert [str(step.spec) for step in program.steps if step.layer.type in {"concat", "add"}] == ["[15]", "[9]", "[4]"]
    assert [value.step for value in program.steps[-2].inputs] == ["s1", "s2"]


def test_rows_of_numbers_are_repeated_over_an_image():
    layers = [CONV, {"relu": None, "name": "seen"}, "global_avg_pool", {"concat": {"from": ["seen", "squeezed"]}}, "global_avg_pool"]
    layers[2] = {"global_avg_pool": None, "name": "squeezed"}
    assert "concat_1: concat, from [seen, squeezed] -> [8, 8, 8]" in lines(compiled({"layers": layers}, PHOTO))


def test_residual_keeps_its_input_where_the_shape_fits():
    program = compiled({"layers": [CONV, {"residual": [CONV, "relu"]}, "flatten"]}, PHOTO)
    assert [value.step for value in program.steps[3].inputs] == ["relu_1", "conv2d_1"]


@pytest.mark.parametrize(
    ("first", "inner", "shortcut"),
    [
        (
            CONV,
            [{"conv2d": {"out_channels": 6, "kernel_size": 3, "stride": 2, "padding": "same"}}],
            ["conv2d 6, kernel_size 1, stride [2, 2]"],
        ),
        (
            CONV,
            [{"conv2d": {"out_channels": 6, "kernel_size": 3, "padding": "same"}}, "batch_norm"],
            ["conv2d 6, bias false, kernel_size 1, stride [1, 1]", "batch_norm"],
        ),
        ("flatten", [{"linear": 5}], ["linear 5"]),
    ],
)
def test_residual_mends_the_shape_of_its_input(first: object, inner: list[object], shortcut: list[str]):
    program = compiled(
        {"layers": [first, {"residual": inner}, "flatten"]} if first is CONV else {"layers": [first, {"residual": inner}]}, PHOTO
    )
    written = [row.layer for row in program.rows() if row.note == "shortcut"]
    assert [set(text.split(", ")) for text in written] == [set(text.split(", ")) for text in shortcut]


def test_residual_over_ragged_rows_strides_like_its_layers():
    layers = [{"residual": [{"conv1d": {"out_channels": 3, "kernel_size": 3, "stride": 2, "padding": "same"}}]}, {"pool": "mean"}]
    assert [row.layer for row in compiled({"layers": layers}, SERIES).rows() if row.note == "shortcut"] == [
        "conv1d 3, kernel_size 1, stride 2"
    ]


def test_written_shortcut_is_always_applied():
    program = compiled({"layers": [{"linear": 4}, {"residual": {"layers": [{"linear": 4}], "shortcut": [{"linear": 4}, "tanh"]}}]}, TABLE)
    assert [value.step for value in program.steps[-2].inputs] == ["linear_2", "tanh_1"]


def test_residual_that_nothing_can_mend_says_what_to_write():
    found = problems({"layers": [{"residual": ["flatten"]}]}, PHOTO)
    assert told(found)[0].startswith(
        "architecture.layers[0] residual adds a row of numbers [64] to an image [1, 8, 8] from the field 'photo'"
    )


def test_unflatten_gives_back_what_flatten_took():
    assert (
        lines(compiled({"layers": ["flatten", {"unflatten": [4, 4, 4]}, "flatten"]}, PHOTO))[1]
        == "unflatten_1: unflatten [4, 4, 4] -> [4, 4, 4]"
    )
    assert (
        "needs 4 x 4 x 5 = 80 numbers and gets a row of numbers [64] from flatten"
        in told(problems({"layers": ["flatten", {"unflatten": [4, 4, 5]}]}, PHOTO))[0]
    )


def test_saved_form_means_the_same():
    architecture = Written.parse(
        {
            "architecture": {
                "layers": [{"residual": [{"linear": 4, "initializer": {"bias": "zeros"}}]}, {"add": {"from": ["a", "b"]}}],
                "inputs": {"*": "one_hot"},
            }
        }
    )
    assert Written.parse(architecture.model_dump(mode="json", by_alias=True)) == architecture
