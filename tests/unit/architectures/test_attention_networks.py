"""Attention in lists and nodes: where the memory comes from, and what is refused."""

from __future__ import annotations

import pytest
import torch
from compiled import CLASSES, SERIES, Written, compiled, lines, problems, told
from pydantic import ValidationError
from torch.testing import assert_close

from nntrain.specs import IMAGE, RAGGED, SEQUENCE, Spec

TWO = {"question": Spec(SEQUENCE, (RAGGED, 4)), "context": Spec(SEQUENCE, (RAGGED, 4))}
END = {"pool": "mean"}


@pytest.mark.parametrize(
    "node",
    [
        {"from": {"query": "question", "memory": "context"}, "multihead_attention": 2},
        {"from": "question", "multihead_attention": {"num_heads": 2, "memory": "context"}},
        {"cross_attention": {"from": ["question", "context"], "num_heads": 2}},
    ],
    ids=["ports", "memory", "merge"],
)
def test_memory_of_another_length_is_masked(node: dict[str, object]):
    """One network, three ways to write it; padding of either field changes nothing."""
    torch.manual_seed(0)
    program = compiled({"nodes": {"looked": node, "end": {"from": "looked", **END}}}, TWO)
    net = program.build().eval()
    rows = {"question": torch.randn(2, 5, 4), "question.lengths": torch.tensor([5, 2])}
    rows |= {"context": torch.randn(2, 7, 4), "context.lengths": torch.tensor([3, 7])}
    out = net(rows)[0]["y"]
    for index in range(2):
        alone = {name: rows[name][index : index + 1, : rows[f"{name}.lengths"][index]] for name in TWO}
        alone |= {f"{name}.lengths": rows[f"{name}.lengths"][index : index + 1] for name in TWO}
        assert_close(net(alone)[0]["y"][0], out[index])


def test_ports_are_named_in_a_saved_config():
    node = {"from": {"query": "question", "memory": "context"}, "multihead_attention": 2}
    written = Written.parse({"architecture": {"nodes": {"looked": node, "end": {"from": "looked", **END}}}})
    assert Written.parse(written.model_dump(mode="json", by_alias=True)) == written


@pytest.mark.parametrize(
    ("node", "text"),
    [
        ({"from": {"query": "a", "key": "b"}, "multihead_attention": 2}, "names inputs query and key, and query, memory are the names"),
        ({"from": {"query": "a", "memory": "b"}, "linear": 2}, "names inputs query and memory, and its layers read one"),
    ],
)
def test_ports_that_a_layer_has_not_are_refused(node: dict[str, object], text: str):
    with pytest.raises(ValidationError, match=text):
        Written.parse({"architecture": {"nodes": {"looked": node}}})


def test_decoder_block_in_a_list_reads_a_named_point():
    block = {"residual": ["layer_norm", {"multihead_attention": {"num_heads": 2, "memory": "seen"}}]}
    layers = [{"linear": {"out_features": 4, "name": "seen"}}, "relu", block, END]
    assert lines(compiled({"layers": layers}, SERIES))[2:5] == [
        "layer_norm_1: layer_norm -> [*, 4]",
        "multihead_attention_1: multihead_attention 2, memory seen -> [*, 4]",
        "add_1: add -> [*, 4]",
    ]


@pytest.mark.parametrize(
    ("layers", "inputs", "text"),
    [
        ([{"multihead_attention": 3}, END], TWO["question"], "splits 4 numbers into 3 heads of one size, which doesn't work out"),
        (
            [{"multihead_attention": {"num_heads": 4, "rotary": True}}, END],
            TWO["question"],
            "turns pairs of numbers (rotary), and a head has 1",
        ),
        ([{"multihead_attention": 1}], Spec(IMAGE, (1, 8, 8)), "multihead_attention needs a sequence [T, F] and gets an image [1, 8, 8]"),
        ([{"multihead_attention": 2}], TWO["question"], "put `pool: last` (or mean, max) after it"),
        ([{"multihead_attention": {"num_heads": 2, "memory": "there"}}, END], TWO["question"], "there is no point 'there' before this one"),
    ],
)
def test_what_does_not_fit_is_told_at_its_place(layers: list[object], inputs: Spec, text: str):
    (problem,) = told(problems({"layers": layers}, {"x": inputs}))
    assert text in problem
    assert problem.startswith("architecture.layers[0]") or "pool" in problem


def test_memory_of_another_width_is_refused():
    nodes = {"looked": {"cross_attention": ["a", "b"]}, "end": {"from": "looked", **END}}
    (problem,) = told(problems({"nodes": nodes}, {"a": TWO["question"], "b": Spec(SEQUENCE, (RAGGED, 6))}, {"y": CLASSES}))
    assert "compares steps of one size" in problem
    assert "put  linear: 4  after the memory" in problem
