"""Which step of a network lets later steps reach the outputs of earlier ones."""

from __future__ import annotations

import pytest

from nntrain.architectures.compiling import compile_program
from nntrain.architectures.layer_list import LayerList
from nntrain.architectures.node_graph import NodeGraph
from nntrain.layers.causality import non_causal_step
from nntrain.layers.program import Program
from nntrain.specs import RAGGED, SEQUENCE, VECTOR, Spec

SERIES = Spec(SEQUENCE, (RAGGED, 6))
CAUSAL = {"conv1d": {"out_channels": 6, "kernel_size": 3, "padding": "causal"}}
PER_STEP, PER_ROW = Spec(SEQUENCE, (RAGGED, 2), kind="logits"), Spec(VECTOR, (2,), kind="logits")


def compiled(*layers: object, need: Spec = PER_STEP) -> Program:
    """The program of a list of layers for a target `y`."""
    return compile_program(LayerList.parse({"type": "layers", "layers": list(layers)}), {"x": SERIES}, {"y": need})


@pytest.mark.parametrize(
    "layers",
    [
        ["layer_norm", {"lstm": 4}, "relu", {"gru": {"hidden_size": 3, "num_layers": 2}}],
        [CAUSAL, "rms_norm", {"max_pool1d": {"kernel_size": 1}}, {"linear": 3}, "relu"],
        [{"residual": [CAUSAL, "relu"]}, {"position_embedding": "sinusoidal"}, {"rnn": 3}],
        [{"branches": {"merge": "multiply", "of": [[], [{"pool": "first"}, "sigmoid"]]}}],
    ],
)
def test_causal_network(layers: list[object]):
    assert non_causal_step(compiled(*layers), "y") is None


@pytest.mark.parametrize(
    ("layers", "name"),
    [
        ([{"lstm": 4}, "relu", {"gru": {"hidden_size": 3, "bidirectional": True}}], "gru_1"),
        ([{"conv1d": {"out_channels": 6, "kernel_size": 3, "padding": "same"}}, "relu", {"lstm": 3}], "conv1d_1"),
        ([{"lstm": 4}, "batch_norm"], "batch_norm_1"),
        ([{"linear": 4}, "relu", {"squeeze_excite": 2}], "squeeze_excite_1"),
        ([{"avg_pool1d": 3}], "avg_pool1d_1"),
        ([{"branches": {"merge": "multiply", "of": [[], [{"pool": "mean"}, "sigmoid"]]}}], "pool_1"),
    ],
)
def test_first_step_that_sees_later_ones(layers: list[object], name: str):
    step = non_causal_step(compiled(*layers), "y")
    assert step is not None
    assert step.name == name
    assert step.path[:2] == ("architecture", "layers")


def test_output_without_time_sees_the_whole_past():
    assert non_causal_step(compiled({"lstm": {"hidden_size": 3, "bidirectional": True}}, {"pool": "last"}, need=PER_ROW), "y") is None


def test_a_side_branch_that_the_target_does_not_hang_on():
    nodes = {
        "ahead": {"from": "x", "lstm": 4},
        "both": {"from": "x", "layers": [{"lstm": {"hidden_size": 3, "bidirectional": True}}, {"pool": "last"}]},
    }
    graph = NodeGraph.parse({"type": "nodes", "nodes": nodes, "heads": {"y": "ahead", "z": "both"}})
    program = compile_program(graph, {"x": SERIES}, {"y": PER_STEP, "z": PER_ROW})
    assert non_causal_step(program, "y") is None
    assert non_causal_step(program, "z") is None


def test_another_input_may_be_read_as_a_whole():
    nodes = {
        "read": {"from": "x", "layers": [{"lstm": {"hidden_size": 3, "bidirectional": True}}, {"pool": "last"}]},
        "write": {"from": "w", "lstm": 4},
        "joined": {"concat": ["write", "read"]},
    }
    graph = NodeGraph.parse({"type": "nodes", "nodes": nodes, "heads": {"y": "joined"}})
    program = compile_program(graph, {"x": SERIES, "w": SERIES}, {"y": PER_STEP})
    assert non_causal_step(program, "y", "w") is None
    found = non_causal_step(program, "y")
    assert found is not None
    assert found.name == "read.lstm_1"
