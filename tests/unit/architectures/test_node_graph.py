"""Named nodes: order, sources, heads, and what is wrong with a graph."""

from __future__ import annotations

import pytest
import torch
from compiled import CLASSES, ONE, PHOTO, SERIES, TABLE, Written, compiled, lines, problems, told
from pydantic import ValidationError
from torch.nn.functional import cross_entropy

MIXED = {**PHOTO, **TABLE}
WIDE_AND_DEEP = {
    "both": {"concat": ["wide", "deep"]},
    "wide": {"from": "category", "encode": "one_hot", "linear": 4},
    "deep": {"from": ["age", "city"], "layers": [{"linear": 8}, "relu"]},
}


def graph(heads: object = None, **nodes: object) -> dict[str, object]:
    return {"nodes": nodes} if heads is None else {"nodes": nodes, "heads": heads}


def test_nodes_are_placed_after_what_they_read():
    assert lines(compiled({"nodes": WIDE_AND_DEEP}, TABLE)) == [
        "wide.inputs.one_hot_1: one_hot sex, city -> [23]",
        "wide.linear_1: linear 4 -> [4]",
        "deep.inputs.columns_1: columns age -> [1]",
        "deep.inputs.embedding_1: embedding city -> [10]",
        "deep.inputs.concat_1: concat -> [11]",
        "deep.linear_1: linear 8 -> [8]",
        "deep.relu_1: relu -> [8]",
        "both.concat_1: concat [wide, deep] -> [12]",
        "head: linear 3 -> [3]",
    ]


def test_graph_with_two_inputs_trains():
    nodes = {
        "seen": {"from": "photo", "cnn": {"channels": [8]}},
        "known": {"from": ["age", "sex", "income", "city"], "layers": [{"linear": 128}, "relu"]},
        "sum": {"add": ["seen", "known"]},
        "all": {"concat": ["seen", "sum"]},
    }
    torch.manual_seed(0)
    network = compiled({"nodes": nodes}, MIXED).build()
    y = torch.randint(0, 3, (48,))
    inputs = {
        "photo": torch.randn(48, 1, 8, 8),
        "@number": torch.randn(48, 2) + y[:, None],
        "@category": torch.stack([y + 1, torch.randint(0, 21, (48,))], 1),
    }
    optimizer = torch.optim.Adam(network.parameters(), 1e-2)
    for _ in range(40):
        loss = cross_entropy(network(inputs)[0]["y"], y)
        optimizer.zero_grad()
        loss.backward()
        assert all(parameter.grad is not None for parameter in network.parameters())
        optimizer.step()
    assert loss.item() < 0.1


def test_targets_hang_on_nodes():
    nodes = {"a": {"from": "inputs", "mlp": [4]}, "b": {"from": "a", "linear": 1}}
    program = compiled({"nodes": nodes, "heads": {"kind": "a", "value": "b"}}, TABLE, {"kind": CLASSES, "value": ONE})
    assert {name: value.step for name, value in program.outputs.items()} == {"kind": "head.kind", "value": "b.linear_1"}


def test_head_may_hang_on_a_named_point_and_bring_its_own_layers():
    nodes = {"a": {"from": "inputs", "layers": [{"linear": 4, "name": "code"}, "relu"]}}
    layers = [{"linear": 5}, "relu", {"linear": 3}]
    program = compiled(
        {"nodes": nodes, "heads": {"kind": {"from": "a", "layers": layers}, "value": "code"}}, TABLE, {"kind": CLASSES, "value": ONE}
    )
    assert [step.name for step in program.steps[-4:]] == ["head.kind.linear_1", "head.kind.relu_1", "head.kind.linear_2", "head.value"]
    assert program.steps[-1].inputs[0].step == "a.code"


def test_head_without_layers_adds_nothing():
    nodes = {"a": {"from": "inputs", "layers": [{"linear": 3}, "tanh"]}}
    assert compiled({"nodes": nodes, "heads": {"y": {"from": "a", "layers": []}}}, TABLE).outputs["y"].step == "a.tanh_1"


def test_node_with_nothing_but_a_source_is_the_encoded_field():
    nodes = {"a": {"from": ["sex", "city"]}, "b": {"from": ["a", "age"], "linear": 3}}
    assert lines(compiled({"nodes": nodes}, TABLE))[-3:] == [
        "b.inputs.columns_1: columns age -> [1]",
        "b.concat_1: concat -> [14]",
        "b.linear_1: linear 3 -> [3]",
    ]


@pytest.mark.parametrize(
    ("architecture", "messages"),
    [
        (
            graph(a={"from": "b", "linear": 8}, b={"from": "c", "linear": 8}, c={"concat": ["a", "age"]}),
            ["architecture.nodes.a reads itself: a <- b <- c <- a. nodes go from inputs to targets, never in a circle"],
        ),
        (
            graph(a={"from": "agee", "linear": 8}, b={"from": ["y", "a"], "linear": 3}),
            [
                "architecture.nodes.a.from no node, named point or input field 'agee'. nearest: age",
                "architecture.nodes.b.from y is a target, which the network must not see. input fields: age, sex, income, city",
            ],
        ),
        (
            graph(a={"from": "age", "linear": 8}, b={"from": "sex", "linear": 3}),
            ["architecture does not say which node y hangs on (ends: a, b). fix:  heads: {y: NODE}"],
        ),
        (
            graph({"y": "b"}, a={"from": "age", "linear": 8}, b={"from": "sex", "linear": 3}),
            ["architecture.nodes.a the node 'a' is read by nothing. remove it, or let a node or a head read it"],
        ),
        (
            graph({"y": "bb", "z": "b"}, b={"from": "inputs", "linear": 3}),
            [
                "architecture.heads.z no target 'z'. targets: y",
                "architecture.nodes.b the node 'b' is read by nothing. remove it, or let a node or a head read it",
                "architecture.heads.y no node or named point 'bb'. nearest: b",
            ],
        ),
        (
            graph(age={"from": "inputs", "linear": 3}),
            ["architecture.nodes.age the name 'age' is taken by a field. nodes and fields share one namespace; call the node otherwise"],
        ),
        (
            {"nodes": {"1st": {"from": "inputs", "linear": 3}}},
            ["architecture.nodes.1st '1st' can't be the name of a node. letters, digits and _, no digit first"],
        ),
        (
            graph(a={"from": "inputs", "linear": 8}),
            [
                "architecture.nodes.a.layer y needs 3 numbers and gets 8 from linear (nodes.a): what ends in a linear is its own output. "
                "fix:  give it 3, or put an activation (- relu) after it: then the output layer is added"
            ],
        ),
        (
            graph(
                a={"from": "age", "layers": ["relu", {"lstm": 3}]},
                b={"from": "sex", "conv1d": {"out_channels": 3, "kernel_size": 1}},
                c={"concat": ["a", "b"]},
            ),
            [
                "architecture.nodes.a.layers[1] lstm needs a sequence [T, F] and gets a row of numbers [1] from relu (nodes.a.layers[0])",
                "architecture.nodes.b.layer conv1d needs a sequence [T, F] and gets a row of numbers [3] from the input fields",
            ],
        ),
    ],
)  # fmt: skip
def test_faults_of_a_graph_are_told_together(architecture: object, messages: list[str]):
    assert told(problems(architecture, TABLE)) == messages


def test_series_among_other_fields_names_nodes():
    nodes = {"a": {"from": "inputs", "linear": 3}}
    assert "gets a sequence [*, 2] (series) among several fields" in told(problems({"nodes": nodes}, {**SERIES, **TABLE}))[0]


@pytest.mark.parametrize(
    ("node", "message"),
    [
        ({"from": "a", "layers": ["relu"], "linear": 3}, "a node has either layers or one layer"),
        ({"linear": 3}, "needs to say what it reads"),
        ({"from": ["a", "b"], "add": None}, r"a merge of nodes names them itself: \{add: \[a, b\]\}"),
    ],
)
def test_nodes_of_a_wrong_form_are_refused(node: object, message: str):
    with pytest.raises(ValidationError, match=message):
        Written.parse({"architecture": {"nodes": {"x": node}}})


def test_saved_form_means_the_same():
    written = Written.parse({"architecture": {"nodes": WIDE_AND_DEEP, "heads": {"y": "both"}}})
    assert Written.parse(written.model_dump(mode="json", by_alias=True)) == written


def test_a_merge_of_nothing_is_told():
    found = problems({"nodes": {"a": {"from": "age", "linear": 4}, "sum": {"add": []}}}, TABLE)
    assert any("add joins two tensors or more and gets none" in line for line in told(found))
