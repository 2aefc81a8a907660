"""What holds for all architectures: the input stage, the output layer, initializers, and programs with unknown sizes."""

from __future__ import annotations

import pytest
import torch
from compiled import CLASSES, NUMBER, ONE, PHOTO, SERIES, SMALL, TABLE, compiled, lines, problems, told

from nntrain.specs import VECTOR, Spec, Unknown

UNKNOWN = Spec(VECTOR, (Unknown("classes of y"),), "logits")


def test_program_of_a_table():
    program = compiled({"layers": [{"linear": 8}, "relu"]}, TABLE)
    assert lines(program) == [
        "inputs.one_hot_1: one_hot sex -> [3]",
        "inputs.embedding_1: embedding city -> [10]",
        "inputs.concat_1: concat -> [15]",
        "linear_1: linear 8 -> [8]",
        "relu_1: relu -> [8]",
        "head: linear 3 -> [3]",
    ]
    assert [row.stage for row in program.rows()] == ["inputs"] * 3 + ["body"] * 2 + ["head"]
    assert program.num_parameters == (1 + 20) * 10 + (15 * 8 + 8) + (8 * 3 + 3)


@pytest.mark.parametrize(
    ("architecture", "inputs"),
    [
        ("mlp", TABLE),
        ({"mlp": [16, 8]}, PHOTO),
        ({"type": "mlp", "hidden": [4], "inputs": {"*": "embedding", "sex": {"embedding": 7}}}, TABLE),
        ("cnn", PHOTO),
        ({"type": "cnn", "channels": [4, 6], "hidden": [5]}, PHOTO),
        ("cnn", SERIES),
        ({"layers": [{"lstm": {"hidden_size": 4, "bidirectional": True}}, {"pool": "attention"}, {"linear": 3}]}, SERIES),
        ({"layers": [{"conv2d": {"out_channels": 4, "kernel_size": 3}}, {"residual": [{"linear": 6}]}, "flatten"]}, {}),
    ],
)
def test_parameter_shapes_are_those_of_the_network(architecture: object, inputs: dict[str, Spec]):
    if not inputs:
        architecture, inputs = {"layers": [{"linear": 4}, {"residual": [{"linear": 6}, "batch_norm"]}, "relu"]}, TABLE
    program = compiled(architecture, inputs, regularization={"norm": "batch"} if architecture == "mlp" else None)
    network = program.build()
    assert {name: tuple(parameter.shape) for name, parameter in network.named_parameters()} == program.parameter_shapes
    assert program.num_parameters == sum(parameter.numel() for parameter in network.parameters())


def test_unknown_sizes_pass_through_and_are_found_again_with_numbers():
    architecture = {"layers": [{"linear": 3}]}
    table = {"age": NUMBER, "sex": Spec((), (), "index", classes=Unknown("classes of sex"))}
    first = compiled(architecture, table, {"y": UNKNOWN})
    assert first.num_parameters is None
    assert str(first.steps[0].spec) == "[<classes of sex>]"
    assert compiled(architecture, {"age": NUMBER, "sex": SMALL}, {"y": CLASSES}).num_parameters is not None
    wrong = problems(architecture, {"age": NUMBER, "sex": SMALL}, {"y": CLASSES.with_last(5, "logits")})
    assert told(wrong)[0].startswith("architecture.layers[0] y needs 5 numbers and gets 3 from linear (layers[0])")


def test_head_of_unknown_size_is_named():
    program = compiled("mlp", TABLE, {"y": UNKNOWN})
    assert lines(program)[-1] == "head: linear <classes of y> -> [<classes of y>]"
    assert program.rows()[-1].parameters is None


def test_each_target_has_a_head_of_its_own():
    program = compiled({"mlp": [4]}, TABLE, {"kind": CLASSES, "max. wv (m/s)": ONE})
    assert list(program.parameter_shapes)[-4:] == [
        "head.kind.weight",
        "head.kind.bias",
        "head.max__wv__m_s_.weight",
        "head.max__wv__m_s_.bias",
    ]
    outputs, _ = program.build()({"@number": torch.zeros(2, 2), "@category": torch.zeros(2, 2, dtype=torch.int64)})
    assert {name: tuple(output.shape) for name, output in outputs.items()} == {"kind": (2, 3), "max. wv (m/s)": (2, 1)}


def test_one_layer_is_not_the_output_of_two_targets():
    found = problems({"layers": [{"linear": 1}]}, TABLE, {"a": ONE, "b": ONE})
    assert told(found) == [
        "architecture.layers[0] is the output itself, and a and b both hang on it. "
        "fix:  put an activation (- relu) after it: then each target gets an output layer of its own"
    ]


def test_output_kind_is_what_the_task_reads():
    assert compiled({"layers": [{"linear": 3}]}, TABLE).outputs["y"].spec.kind == "logits"
    assert compiled({"layers": [{"linear": 3}, "softmax"]}, TABLE).outputs["y"].spec.kind == "probability"
    assert compiled({"layers": [{"linear": 3}, "log_softmax"]}, TABLE).outputs["y"].spec.kind == "log_prob"


def test_sigmoid_of_one_number_is_a_probability_and_of_many_a_hidden_layer():
    program = compiled({"layers": [{"linear": 1}, "sigmoid"]}, TABLE, {"y": ONE})
    assert program.steps[-2].spec.kind == "probability"
    assert compiled({"layers": [{"linear": 9}, "sigmoid"]}, TABLE, {"y": ONE}).steps[-2].spec.kind == "float"


@pytest.mark.parametrize(
    ("architecture", "inputs", "message"),
    [
        (
            {"layers": [{"lstm": 4}]},
            SERIES,
            "architecture.layers[0] linear (the output layer) needs one row of numbers per example and gets a sequence [*, 4] "
            "from lstm (layers[0]). one row per example: put `pool: last` (or mean, max) after it",
        ),
        (
            {"layers": [{"lstm": 4}, {"linear": 3}]},
            SERIES,
            "architecture.layers[1] y needs one row of numbers per example and gets a sequence [*, 3] from linear (layers[1]), "
            "the output of this network. one row per example: put `pool: last` (or mean, max) after it",
        ),
        (
            {"layers": [{"conv2d": {"out_channels": 4, "kernel_size": 3}}, "relu"]},
            PHOTO,
            "architecture.layers[1] linear (the output layer) needs one row of numbers per example and gets an image [4, 6, 6] "
            "from relu (layers[1]). put flatten or global_avg_pool after it",
        ),
        (
            "mlp",
            {**PHOTO, **TABLE},
            "architecture gets an image [1, 8, 8] (photo) among several fields, which make no single tensor. "
            "fix:  nodes: {a: {from: photo, layers: […]}, b: {from: …}, both: {concat: [a, b]}}",
        ),
    ],
)
def test_what_does_not_reach_the_output_is_told(architecture: object, inputs: dict[str, Spec], message: str):
    assert told(problems(architecture, inputs)) == [message]


def test_initializers_act_on_what_they_match():
    rules = {"linear_1": {"constant": 0.5}, "linear": "zeros", "*.bias": {"constant": 2.0}, "embedding": {"normal": 1e-3}}
    network = compiled({"type": "mlp", "hidden": [4, 4], "initializer": rules}, TABLE).build()
    weights = dict(network.named_parameters())
    assert weights["linear_1.weight"].unique().tolist() == [0.5]
    assert weights["linear_2.weight"].unique().tolist() == weights["head.weight"].unique().tolist() == [0.0]
    assert {weights[f"{name}.bias"].unique().item() for name in ("linear_1", "linear_2", "head")} == {2.0}
    assert 0 < weights["inputs.embedding_1.weight"].abs().max() < 1e-2
    assert weights["inputs.embedding_1.weight"][0].abs().max() == 0.0


def test_a_layers_own_initializer_comes_before_that_of_the_architecture():
    layers = [{"linear": 4, "initializer": "ones"}, "relu", {"linear": {"out_features": 3, "initializer": {"bias": {"constant": 3.0}}}}]
    network = compiled({"layers": layers, "initializer": {"linear": "zeros", "*.bias": "zeros"}}, TABLE).build()
    weights = dict(network.named_parameters())
    assert weights["linear_1.weight"].unique().tolist() == [1.0]
    assert weights["linear_1.bias"].unique().tolist() == weights["linear_2.weight"].unique().tolist() == [0.0]
    assert weights["linear_2.bias"].unique().tolist() == [3.0]


def test_initializers_without_effect_or_meaning_are_told():
    rules = {"liner_1": "he_normal", "*.bias": "orthogonal"}
    assert told(problems({"type": "mlp", "hidden": [4], "initializer": rules}, TABLE)) == [
        'architecture.initializer."*.bias" orthogonal counts inputs and outputs, which linear_1.bias has not. zeros or normal',
        "architecture.initializer.liner_1 'liner_1' matches no parameter. there are: linear_1, linear_1.bias, linear_1.weight",
    ]


def test_initializer_of_a_layer_without_weights_is_told():
    found = problems({"layers": [{"relu": None, "initializer": "zeros"}]}, TABLE)
    assert found[0].path == ("architecture", "layers", 0, "initializer")


def test_same_seed_gives_the_same_weights():
    program = compiled({"type": "mlp", "hidden": [8], "initializer": {"linear": "he_normal"}}, TABLE)
    states = []
    for _ in range(2):
        torch.manual_seed(3)
        states.append(program.build().state_dict())
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])
