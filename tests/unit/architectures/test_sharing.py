"""Weights that are shared, tied or frozen."""

from __future__ import annotations

import pytest
import torch
from compiled import CLASSES, ONE, PHOTO, TABLE, compiled, lines, problems, told
from torch import nn
from torch.nn.functional import cross_entropy

from nntrain.optimizers.groups import parameter_groups
from nntrain.specs import IMAGE, RAGGED, TOKENS, VECTOR, Spec

PAIR = {"left": Spec(IMAGE, (1, 8, 8)), "right": Spec(IMAGE, (1, 8, 8))}
TOWER = [{"conv2d": {"out_channels": 4, "kernel_size": 3}}, "batch_norm", "relu", {"flatten": {}}, {"linear": 6, "name": "code"}]
SIAMESE = {
    "nodes": {"a": {"from": "left", "layers": TOWER}, "b": {"from": "right", "same_as": "a"}, "apart": {"distance": ["a", "b"]}},
    "heads": {"y": "apart"},
}
TEXT = {"text": Spec(TOKENS, (RAGGED,), "index", classes=12)}
WORDS = Spec(VECTOR, (12,), "logits")


def train(network: nn.Module, inputs: dict[str, torch.Tensor], classes: int, steps: int = 3) -> None:
    """A few steps of SGD on what is trainable."""
    groups = [parameter for group in parameter_groups(network) for _, parameter in group["params"]]
    optimizer = torch.optim.SGD(groups, 0.1, momentum=0.9)
    network.train()
    for _ in range(steps):
        optimizer.zero_grad()
        cross_entropy(network(inputs)[0]["y"], torch.arange(4) % classes).backward()
        optimizer.step()


def test_a_node_that_is_the_same_has_the_weights_of_the_other():
    program = compiled(SIAMESE, PAIR, {"y": ONE})
    network = program.build().eval()
    assert program.num_parameters == sum(value.numel() for value in network.parameters()) == 40 + 8 + 870 + 2
    assert [name for name in network.state_dict() if name.startswith("b.")] == []
    x = torch.randn(3, 1, 8, 8)
    assert network({"left": x, "right": x})[0]["y"].allclose(network.head(torch.full((3, 1), 1e-6)))


def test_shared_rows_say_whose_weights_they_have():
    rows = {row.name: row for row in compiled(SIAMESE, PAIR, {"y": ONE}).rows()}
    assert rows["b.code"].note == "weights of a.code"
    assert rows["b.code"].parameters == 0
    assert rows["b.relu_1"].note is None


def test_shared_weights_get_the_gradient_of_both_uses():
    network = compiled(SIAMESE, PAIR, {"y": ONE}).build()
    left, right = torch.randn(2, 5, 1, 8, 8)
    network({"left": left, "right": right})[0]["y"].sum().backward()
    batch_norm = next(module for module in network.modules() if isinstance(module, nn.BatchNorm2d))
    assert batch_norm.num_batches_tracked == 2, "both uses move the averages, as in torch"
    assert all(parameter.grad is not None for parameter in network.parameters())


def test_a_copied_network_shares_like_its_original():
    from copy import deepcopy

    network = deepcopy(compiled(SIAMESE, PAIR, {"y": ONE}).build()).eval()
    with torch.no_grad():
        network.a.code.weight.zero_()
        network.a.code.bias.zero_()
    out = network({"left": torch.randn(2, 1, 8, 8), "right": torch.randn(2, 1, 8, 8)})[0]["y"]
    assert torch.equal(out[0], out[1])


def test_names_inside_shared_layers_stand_for_what_is_made_this_time():
    nodes = {
        "a": {"from": "left", "layers": ["flatten", {"linear": 5, "name": "low"}, {"linear": 5}, {"add": "low"}]},
        "b": {"from": "right", "same_as": "a"},
        "both": {"subtract": ["a", "b"]},
    }
    network = compiled({"nodes": nodes}, PAIR, {"y": CLASSES}).build()
    x = torch.randn(2, 1, 8, 8)
    assert torch.equal(network({"left": x, "right": x})[0]["y"], network.head(torch.zeros(2, 5)))


LEFT = {"from": "left", "layers": ["flatten", {"linear": 5}]}
FLAT = {"from": "left", "flatten": {}}


@pytest.mark.parametrize(
    ("a", "b", "message"),
    [
        (LEFT, {"from": "wide", "same_as": "a"}, "flatten gets an image [1, 8, 9], and an image [1, 8, 8] where its weights are from"),
        (FLAT, {"from": "right", "same_as": "a"}, "a has no weights to share"),
        (FLAT, {"from": "right", "same_as": "aa"}, "no node 'aa'. nearest: a"),
        ({"from": "left", "same_as": "b"}, {"from": "right", "same_as": "a"}, "reads itself"),
    ],
)
def test_what_cannot_be_shared_is_told(a: object, b: object, message: str):
    nodes = {"a": a, "b": b, "c": {"concat": ["a", "b"]}}
    found = told(problems({"nodes": nodes}, {**PAIR, "wide": Spec(IMAGE, (1, 8, 9))}))
    assert any(message in text for text in found), found


def test_an_encoding_of_its_own_cannot_be_shared():
    nodes = {"a": {"from": "city", "linear": 3}, "b": {"from": "town", "same_as": "a"}, "c": {"concat": ["a", "b"]}}
    found = told(problems({"nodes": nodes}, {"city": TABLE["city"], "town": TABLE["city"]}))
    assert found == [
        "architecture.nodes.b.same_as shares the layers of a, and embedding town would be its own. "
        "let a begin with the embedding, and both nodes say  encode: none"
    ]


def test_tied_parameters_are_one_and_stay_one():
    layers = [{"embedding": 6}, {"lstm": 6}, {"pool": "last"}]
    program = compiled({"layers": layers, "tie": {"head.weight": "embedding_1.weight"}}, TEXT, {"y": WORDS})
    network = program.build()
    assert program.num_parameters == sum(value.numel() for value in network.parameters())
    assert list(program.parameter_shapes) == [name for name, _ in network.named_parameters()]
    before = network.embedding_1.weight.clone()
    train(network, {"text": torch.randint(1, 12, (4, 5)), "text.lengths": torch.tensor([5, 2, 3, 1])}, 12)
    assert network.head.weight is network.embedding_1.weight
    assert not torch.equal(before, network.embedding_1.weight)
    assert [row.note for row in program.rows() if row.name == "head"] == ["added for the task; weight of embedding_1.weight"]


@pytest.mark.parametrize(
    ("tie", "message"),
    [
        ({"head.weight": "lstm_1.weight"}, "architecture.tie.head.weight no parameter 'lstm_1.weight'. near names: "),
        ({"head.bias": "embedding_1.weight"}, "head.bias is [12], and embedding_1.weight is [12, 6]: tied parameters have one shape"),
        ({"head.weight": "head.weight"}, "head.weight and head.weight are one already"),
    ],
)
def test_what_cannot_be_tied_is_told(tie: dict[str, str], message: str):
    [found] = told(problems({"layers": [{"embedding": 6}, {"lstm": 6}, {"pool": "last"}], "tie": tie}, TEXT, {"y": WORDS}))
    assert message in found.replace('"', "")


BACKBONE = [{"conv2d": {"out_channels": 4, "kernel_size": 3}, "name": "stem"}, {"batch_norm": {}, "name": "norm"}, "relu", "flatten"]


@pytest.mark.parametrize("freeze", [["stem", "norm"], ["stem.*", "norm.weight", "*m.bias"], True])
def test_frozen_weights_and_averages_do_not_move(freeze: object):
    program = compiled({"layers": BACKBONE, "freeze": freeze}, PHOTO)
    network = program.build()
    assert program.num_trainable == 3 * 144 + 3
    before = {name: value.clone() for name, value in network.state_dict().items()}
    train(network, {"photo": torch.randn(4, 1, 8, 8)}, 3)
    moved = {name for name, value in network.state_dict().items() if not torch.equal(value, before[name])}
    assert moved == {"head.weight", "head.bias"}
    assert not network.norm.training
    assert network.training
    assert {name for group in parameter_groups(network) for name, _ in group["params"]} == {"head.weight", "head.bias"}


def test_an_item_and_a_node_are_frozen_where_they_stand():
    nodes = {
        "seen": {"from": "photo", "layers": ["flatten", {"linear": 4}, "batch_norm"], "freeze": True},
        "end": {"from": "seen", "layers": [{"linear": 4, "freeze": True}, "relu"]},
    }
    program = compiled({"nodes": nodes}, PHOTO)
    assert [(row.name, row.frozen) for row in program.rows() if row.parameters] == [
        ("seen.linear_1", ("weight", "bias")),
        ("seen.batch_norm_1", ("weight", "bias")),
        ("end.linear_1", ("weight", "bias")),
        ("head", ()),
    ]


def test_a_norm_with_one_frozen_parameter_still_averages():
    network = compiled({"layers": BACKBONE, "freeze": ["*.bias"]}, PHOTO).build().train()
    assert network.norm.training


@pytest.mark.parametrize(
    ("freeze", "message"),
    [
        (["stam"], "architecture.freeze[0] 'stam' matches no parameter. near names: stem"),
        (["*"], "architecture.freeze leaves no parameter that can be trained"),
    ],
)
def test_patterns_that_freeze_nothing_or_all_are_told(freeze: list[str], message: str):
    assert message in told(problems({"layers": BACKBONE, "freeze": freeze}, PHOTO))[0]


def test_freezing_a_layer_without_weights_is_told():
    found = told(problems({"layers": [*BACKBONE, {"relu": {}, "freeze": True}]}, PHOTO))
    assert found == ["architecture.layers[4].freeze has no effect: there are no weights in it. remove it"]


def test_patterns_belong_to_the_architecture():
    found = told(problems({"layers": [{"sequential": BACKBONE, "freeze": ["stem"]}]}, PHOTO))
    assert found[0].startswith("architecture.layers[0].freeze names parameters, which the architecture does")


def test_shared_rows_are_lines_of_show():
    assert "b.code: linear 6 -> [6]" in lines(compiled(SIAMESE, PAIR, {"y": ONE}))


def test_one_pattern_needs_no_list():
    program = compiled({"layers": BACKBONE, "freeze": "norm"}, PHOTO)
    assert program.frozen == {"norm.weight", "norm.bias"}
    assert told(problems({"layers": BACKBONE, "freeze": "norn"}, PHOTO)) == [
        "architecture.freeze 'norn' matches no parameter. near names: norm"
    ]
