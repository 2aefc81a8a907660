"""How steps get into a program: names, places, lengths, and what layers with several outputs or a state leave."""

from __future__ import annotations

from typing import ClassVar, Literal

import pytest
import torch

from nntrain.architectures.compiling import compile_program
from nntrain.architectures.node_graph import NodeGraph
from nntrain.errors import ConfigError
from nntrain.layers.activation import ReLU
from nntrain.layers.elementwise import Add
from nntrain.layers.layer import Layer, Need
from nntrain.layers.linear import Linear
from nntrain.layers.program import Lengths, Program, Value
from nntrain.layers.scope import PROBE, Draft, Scope, UnplacedError, near_names
from nntrain.layers.settings import AnyLayer
from nntrain.schema import StrictModel
from nntrain.specs import IMAGE, RAGGED, SEQUENCE, TOKENS, VECTOR, Spec, Unknown

ROW = Spec(VECTOR, (6,))
SERIES = Spec(SEQUENCE, (RAGGED, 6))


class Written(StrictModel):
    layers: tuple[AnyLayer, ...]


class TwoOutputs(Layer):
    """Gives its input and one number more; keeps a state."""

    needs: ClassVar[frozenset[Need]] = frozenset({"state"})
    extras: ClassVar[tuple[str, ...]] = ("hidden",)

    type: Literal["two_outputs"] = "two_outputs"

    def out_spec(self, spec: Spec, *side: Spec) -> Spec:
        return spec

    def extra_specs(self, spec: Spec) -> dict[str, Spec]:
        return {"hidden": Spec(VECTOR, (1,))}


def read(*layers: object) -> tuple[Layer, ...]:
    return Written.parse({"layers": list(layers)}).layers


def start(spec: Spec = ROW, **options: str) -> tuple[Scope, Value]:
    scope = Scope(Draft(("architecture",), {"x": spec}), ("architecture",), **options)
    return scope, scope.input("x", spec)


def program(scope: Scope, value: Value) -> Program:
    return Program(scope.draft.fields, tuple(scope.draft.steps.values()), {"y": value})


def test_steps_know_their_names_places_and_inputs():
    scope, value = start(prefix="deep.")
    end = scope.sequence(read({"linear": 4}, "relu", {"sequential": [{"linear": 2, "name": "code"}]}), value, key="layers")
    steps = list(scope.draft.steps.values())
    assert [step.name for step in steps] == ["deep.linear_1", "deep.relu_1", "deep.code"]
    assert [step.path for step in steps] == [
        ("architecture", "layers", 0),
        ("architecture", "layers", 1),
        ("architecture", "layers", 2, "layers", 0),
    ]
    assert [step.inputs[0].step for step in steps] == [None, "deep.linear_1", "deep.relu_1"]
    assert end.key == ("deep.code", None)
    assert scope.draft.points == {"code": end}


def test_a_number_that_a_name_takes_is_passed_over():
    scope, value = start()
    scope.sequence(read({"relu": None, "name": "relu_1"}, "relu"), value)
    assert list(scope.draft.steps) == ["relu_1", "relu_2"]


def test_rows_tell_layer_shape_and_parameters():
    scope, value = start()
    layers = read({"linear": {"out_features": 4, "bias": False}}, {"leaky_relu": 0.2}, {"dropout": {}})
    rows = program(scope, scope.sequence(layers, value)).rows()
    assert [(row.layer, row.output, row.parameters) for row in rows] == [
        ("linear 4, bias false", "[4]", 24),
        ("leaky_relu 0.2", "[4]", 0),
        ("dropout", "[4]", 0),
    ]


def test_parameters_are_unknown_while_a_size_is():
    scope, value = start(Spec(VECTOR, (Unknown("classes of x"),)))
    made = program(scope, scope.sequence(read({"linear": 4}, {"linear": 3}), value))
    assert [row.parameters for row in made.rows()] == [None, 15]
    assert made.num_parameters is None
    assert made.parameter_shapes["linear_1.weight"] == (4, Unknown("classes of x"))


def test_lengths_follow_layers_that_shorten_time():
    scope, value = start(SERIES)
    assert value.lengths == Lengths("x", PROBE)
    end = scope.sequence(read({"conv1d": {"out_channels": 4, "kernel_size": 3, "padding": "same", "stride": 2}}, "relu"), value)
    assert end.lengths == Lengths("x", tuple((length + 1) // 2 for length in PROBE))
    assert scope.sequence(read({"pool": "mean"}), end).lengths is None


def test_equal_shortening_in_two_branches_gives_equal_lengths():
    scope, value = start(SERIES)
    convolution = {"conv1d": {"out_channels": 6, "kernel_size": 3, "stride": 2, "padding": "same"}}
    first, second = (scope.sequence(read(layer), value) for layer in (convolution, {"max_pool1d": {"kernel_size": 2, "padding": "same"}}))
    assert first.lengths == second.lengths
    assert Add().join(scope, [first, second]).lengths == first.lengths


def test_sequences_shortened_differently_are_not_joined():
    scope, value = start(SERIES)
    layers = read({"relu": None, "name": "whole"}, {"max_pool1d": 2}, {"add": "whole"})
    with pytest.raises(UnplacedError):
        scope.sequence(layers, value, key="layers")
    assert scope.draft.problems[0].message == (
        "add joins sequences of equal lengths, and these come from different fields or were shortened differently"
    )


def test_a_text_beside_another_is_joined_with_it_and_others_are_not():
    texts = {name: Spec(TOKENS, (RAGGED,), "index", classes=9) for name in ("words", "shapes", "others")}
    nodes = {f"of_{name}": {"from": name, "embedding": 2} for name in texts}
    need = {"y": Spec(SEQUENCE, (RAGGED, 3), "logits")}

    def compiled(*names: str) -> Program:
        used = {name: nodes[name] for name in map("of_{}".format, names)}
        graph = NodeGraph.parse({"nodes": {**used, "both": {"from": list(used), "relu": None}}, "heads": {"y": "both"}})
        return compile_program(graph, texts, need, beside={"shapes": "words"})

    made = compiled("words", "shapes")
    assert made.outputs["y"].lengths == Lengths("words", PROBE)
    batch = {name: torch.ones(2, 3, dtype=torch.long) for name in texts}
    lengths = {f"{name}.lengths": torch.tensor([3, 2]) for name in ("words", "others")}  # of the shapes none are needed
    outputs, _ = made.build()({**batch, **lengths})
    assert outputs["y"].shape == (2, 3, 3)
    assert outputs["y.lengths"].tolist() == [3, 2]
    with pytest.raises(ConfigError) as error:
        compiled("words", "others")
    (problem,) = error.value.problems
    assert problem.path == ("architecture", "nodes", "both", "from")
    assert "come from different fields" in problem.message
    assert problem.hint == "of texts with as many tokens:  data.fields.others.of: words"


def test_further_outputs_are_read_by_their_name():
    scope, value = start()
    scope.place(TwoOutputs(name="node"), value)
    (hidden,) = scope.read(["node.hidden"])
    assert (hidden.key, hidden.spec) == (("node", "hidden"), Spec(VECTOR, (1,)))
    assert program(scope, hidden).state_steps == ("node",)


def test_a_fault_is_noted_at_its_place_and_ends_the_sequence():
    scope, value = start(Spec(IMAGE, (64, 7, 7)))
    with pytest.raises(UnplacedError):
        scope.sequence(read({"max_pool2d": 7}, {"linear": 10}, "relu"), value, key="layers")
    (problem,) = scope.draft.problems
    assert problem.path == ("architecture", "layers", 1)
    assert problem.message == ("linear needs one row of numbers per example and gets an image [64, 1, 1] from max_pool2d (layers[0])")
    assert problem.hint == "put flatten before it"
    assert list(scope.draft.steps) == ["max_pool2d_1"]


def test_index_is_refused_with_the_fix():
    scope, value = start(Spec(("time",), (RAGGED,), "index", classes=9))
    with pytest.raises(UnplacedError):
        scope.sequence(read({"linear": 3}), value)
    assert scope.draft.problems[0].message == "linear needs numbers and gets a sequence of tokens index [*] of 9 from the field 'x'"
    assert scope.draft.problems[0].hint == "put embedding before it"


def test_origin_of_a_familys_layer_is_its_type():
    scope, value = start()
    end = scope.sequence([Linear(out_features=3), ReLU()], value)
    assert scope.origin(end) == "relu"
    assert scope.origin(value) == "the field 'x'"


def test_near_names_are_the_likest_else_the_first():
    assert near_names("convv_1", ["relu_1", "conv_1", "conv_2"]) == "conv_1, conv_2"
    assert near_names("zzz", ["a", "b"]) == "a, b"
