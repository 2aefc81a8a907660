"""Blocks, repeats, variables and arithmetic, written out: each rule, and each fault at its line and column."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from nntrain.config import expanding, loading, overrides
from nntrain.config.reading import Config, read_document
from nntrain.config.rendering import LocatedError
from nntrain.config.resolving import resolved_text
from nntrain.errors import ConfigError

DATA = "data: {source: a.csv, target: y}\n"


def read(text: str, *changes: str) -> Config:
    return read_document(loading.parse(f"{DATA}{text}", "a.yaml"), changes, Path())


def layers(text: str, *changes: str) -> list[Any]:
    """The layers of a config written out, as plain trees."""
    document, findings = expanding.expand(overrides.apply(loading.parse(f"{DATA}{text}", "a.yaml"), changes))
    assert not findings
    return document.tree["architecture"]["layers"]


def faults(text: str, *changes: str) -> list[tuple[int, int, str, str]]:
    """Line and column below `data`, path and message of everything that is wrong."""
    with pytest.raises(ConfigError) as caught:
        read(text, *changes)
    assert isinstance(caught.value, LocatedError)
    return [(found.mark.line - 1, found.mark.column, found.path, found.message) for found in caught.value.findings]


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("[repeat: {times: 2, layers: [relu]}]", ["relu", "relu"]),
        ("[repeat: {for: {c: [8, 4]}, layers: [linear: =c]}]", [{"linear": 8}, {"linear": 4}]),
        ("[repeat: {for: {c: [8, 4], d: [1, 3]}, layers: [linear: =c*d]}]", [{"linear": 8}, {"linear": 12}]),
        ("[repeat: {times: 2, layers: [{linear: =i, name: 'l{i}'}]}]", [{"linear": 1, "name": "l1"}, {"linear": 2, "name": "l2"}]),
        ("[repeat: {times: 2, layers: [repeat: {times: =i, layers: [linear: =i]}]}]", [{"linear": 1}, {"linear": 1}, {"linear": 2}]),
        ("[repeat: {times: =1-1, layers: [relu]}, tanh]", ["tanh"]),
        ("[[relu, [tanh]], gelu]", ["relu", "tanh", "gelu"]),
        ("[linear: =2*(3+4)-5//2]", [{"linear": 12}]),
        ("[linear: =in//16]", [{"linear": "=in//16"}]),
        (
            "[residual: [[relu, linear: =in], repeat: {times: 2, layers: [tanh]}]]",
            [{"residual": ["relu", {"linear": "=in"}, "tanh", "tanh"]}],
        ),
        ("[branches: [[repeat: {times: 2, layers: [relu]}], []]]", [{"branches": [["relu", "relu"], []]}]),
    ],
)
def test_lists_of_layers_are_written_out(written: str, expected: list[Any]) -> None:
    assert layers(f"architecture: {{layers: {written}}}") == expected


BLOCKS = """architecture:
  blocks:
    dense: {with: {c: null, act: relu}, layers: [linear: =c, =act]}
    two: {with: {c: 4}, layers: [dense: =c, dense: {c: =c*2, act: tanh}]}
    end: [flatten]
  layers: """


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("[dense: 8, two, end]", [{"linear": 8}, "relu", {"linear": 4}, "relu", {"linear": 8}, "tanh", "flatten"]),
        ("[dense: [8, gelu], two: 2, end]", [{"linear": 8}, "gelu", {"linear": 2}, "relu", {"linear": 4}, "tanh", "flatten"]),
        ("[two: =in//2, end]", [{"linear": "=in//2"}, "relu", {"linear": "=in//2*2"}, "tanh", "flatten"]),
        ("[{two: 1, name: code}, end]", [{"sequential": [{"linear": 1}, "relu", {"linear": 2}, "tanh"], "name": "code"}, "flatten"]),
        (
            "[{type: two, c: 1, name: code}, end]",
            [{"sequential": [{"linear": 1}, "relu", {"linear": 2}, "tanh"], "name": "code"}, "flatten"],
        ),
    ],
)
def test_blocks_are_written_out(written: str, expected: list[Any]) -> None:
    assert layers(BLOCKS + written) == expected


def test_a_block_stands_where_one_layer_does() -> None:
    text = """architecture:
  blocks: {dense: {with: {c: null}, layers: [linear: =c, relu]}}
  nodes:
    a: {from: inputs, dense: 8}
    b: {from: a, repeat: {times: 2, layers: [dense: =in*i]}}
  heads: {y: {from: b, layers: [dense: 2, linear: =out]}}
"""
    tree = read(text).document.tree["architecture"]
    assert tree["nodes"]["a"] == {"from": "inputs", "sequential": [{"linear": 8}, "relu"]}
    assert tree["nodes"]["b"]["sequential"] == [{"linear": "=in*1"}, "relu", {"linear": "=in*2"}, "relu"]
    assert tree["heads"]["y"]["layers"] == [{"linear": 2}, "relu", {"linear": "=out"}]


def test_options_that_are_no_numbers_are_put_in_whole() -> None:
    text = """variables: {rates: [0.1, 0.2], width: 64, half: =width//2, act: gelu}
architecture: {layers: [repeat: {for: {p: =rates}, layers: [dropout: =p, {linear: =half, name: "{act}_{i}"}, =act]}]}
"""
    first = [{"dropout": 0.1}, {"linear": 32, "name": "gelu_1"}, "gelu"]
    assert layers(text) == [*first, {"dropout": 0.2}, {"linear": 32, "name": "gelu_2"}, "gelu"]


def test_variables_count_everywhere_and_braces_of_the_data_stay() -> None:
    text = """variables: {dim: 32, rate: 0.01}
optimizer: {type: adam, lr: =rate}
architecture: {type: mlp, hidden: [=dim, =dim*2]}
"""
    document = loading.parse(
        "data: {source: {type: csv, path: 'a{dim}.csv', missing: ['=NA']}, target: y, batch_size: =dim}\n" + text, "a.yaml"
    )
    tree = expanding.expand(document)[0].tree
    assert tree["data"]["source"]["path"] == "a{dim}.csv"
    assert tree["data"]["source"]["missing"] == ["=NA"]
    assert tree["data"]["batch_size"] == 32
    assert tree["optimizer"]["lr"] == 0.01
    assert tree["architecture"]["hidden"] == [32, 64]
    assert "variables" not in tree


def test_overrides_act_before_the_layers_are_written_out() -> None:
    text = """variables: {dim: 8}
architecture: {layers: [linear: =dim, [{linear: 4, name: code}, relu], repeat: {times: 3, layers: [tanh]}]}
"""
    assert layers(text, "variables.dim=64")[0] == {"linear": 64}
    assert layers(text, "architecture.layers.code.linear=16")[1] == {"linear": 16, "name": "code"}
    assert layers(text, "architecture.layers.2.repeat.times=1")[3:] == ["tanh"]
    assert layers(text, "architecture.layers.1.1=gelu")[2] == "gelu"
    assert layers(text, "architecture.layers.0.linear==dim//2")[0] == {"linear": 4}


def test_a_resolved_config_resolves_to_itself() -> None:
    config = read(BLOCKS + "[two: =in//2, repeat: {times: 2, layers: [dense: 3]}, end, linear: =out]")
    saved = resolved_text(config.experiment, config.document)
    again = read_document(loading.parse(saved, "resolved.yaml"), (), config.folder)
    assert again.experiment == config.experiment
    assert resolved_text(again.experiment, again.document) == saved
    assert "out_features: '=in//2*2'" in saved
    assert "blocks: null" in saved


@pytest.mark.parametrize(
    ("written", "at", "path", "message"),
    [
        ("[linear: =dim]", "=dim", "layers[0].linear", "=dim has the name dim, which stands for nothing here"),
        ("[linear: =in/2]", "=in/2", "layers[0].linear", "=in/2 divides by /"),
        ("[linear: =8//(2-2)]", "=8", "layers[0].linear", "=8//(2-2) divides by zero"),
        ("[linear: =(in*2]", "=(", "layers[0].linear", "=(in*2 has a ( without its )"),
        ("[linear: =in 2]", "=in", "layers[0].linear", "=in 2 has no sign before 2"),
        ("[linear: =2-3]", "=2-3", "layers[0].linear", "needs a whole number above 0, got -1"),
        ("[repeat: {times: 0, layers: [relu]}]", "0,", "layers[0].repeat.times", "times needs a whole number above 0, got 0"),
        ("[repeat: {times: =1-2, layers: [relu]}]", "=1", "layers[0].repeat.times", "times needs a whole number from 0 on, got -1"),
        ("[repeat: {times: =in, layers: [relu]}]", "=in", "layers[0].repeat.times", "times is =in, and in and out are known only"),
        ("[repeat: {times: 99999, layers: [relu]}]", "99999", "layers[0].repeat.times", "times is 99,999, and a config may have 10,000"),
        ("[repeat: {times: 2}]", "repeat", "layers[0]", "repeat needs a list of layers"),
        ("[repeat: {layers: [relu]}]", "repeat", "layers[0]", "repeat needs times or for, one of the two"),
        (
            "[repeat: {for: {c: [1, 2], d: [1]}, layers: [linear: =c*d]}]",
            "{c:",
            "layers[0].repeat.for",
            "the lists of for are of one length",
        ),
        ("[repeat: {for: {c: [1, 2]}, layers: [relu]}]", "c:", "layers[0].repeat.for.c", "c is used by nothing in this repeat"),
        ("[repeat: {for: {i: [1, 2]}, layers: [linear: =i]}]", "i:", "layers[0].repeat.for.i", "'i' can't name what a repeat counts"),
        ("[{linear: 2, name: 'd{i}'}]", "'d{i}'", "layers[0].name", "{i} stands for nothing here"),
        ("[{repeat: {times: 2, layers: [relu]}, tanh: null}]", "tanh", "layers[0].tanh", "tanh can't stand beside repeat"),
        ("[[relu, linaer: 3]]", "linaer", "layers[0][1].linaer", "no layer 'linaer'"),
    ],
)
def test_a_fault_of_a_list_is_told_where_it_is_written(written: str, at: str, path: str, message: str) -> None:
    line = f"architecture: {{layers: {written}}}"
    [found] = faults(line)
    assert found[:3] == (1, line.index(at, 22) + 1, f"architecture.{path}")
    assert found[3].startswith(message)


@pytest.mark.parametrize(
    ("blocks", "used", "at", "path", "message"),
    [
        ("b: [relu]", "tanh", "b: [", "blocks.b", "the block b is used by nothing"),
        ("b: {with: {c: 3}, layers: [relu]}", "b", "c: 3", "blocks.b.with.c", "the option c of b is used by nothing"),
        ("relu: [tanh]", "tanh", "relu", "blocks.relu", "'relu' can't name a block: it is the name of a layer"),
        ("mlp: [tanh]", "tanh", "mlp", "blocks.mlp", "'mlp' can't name a block: it is the name of a layer"),
        ("b: {with: {in: 3}, layers: [linear: =in]}", "b", "in: 3", "blocks.b.with.in", "'in' can't name an option"),
        ("b: {with: {c: null}, layers: [linear: =c]}", "b", "b]", "layers[0]", "b needs c, which is not given"),
        ("b: {with: {c: 1}, layers: [linear: =c]}", "b: {d: 1}", "d: 1", "layers[0].b.d", "b has no option 'd'"),
        ("b: {with: {c: 1}, layers: [linear: =c]}", "b: [1, 2]", "[1, 2]", "layers[0].b", "b takes 1 option and gets 2"),
        ("b: [relu]", "b: 3", "3]", "layers[0].b", "b takes no options and gets 1"),
        ("b: {layer: [relu]}", "b", "b: {", "blocks.b", "needs a list of layers"),
        ("a: [b], b: [relu, a]", "a", "a], b", "blocks.b[1]", "the block a uses itself: a <- b <- a"),
    ],
)
def test_a_fault_of_a_block_is_told_where_it_is_written(blocks: str, used: str, at: str, path: str, message: str) -> None:
    line = f"architecture: {{blocks: {{{blocks}}}, layers: [{used}]}}"
    found = faults(line)
    start = line.rindex(", layers: [") if path.startswith("layers") else 24
    column = line.index("a]}, layers") + 1 if "uses itself" in message else line.index(at, start) + 1
    assert [each[:3] for each in found] == [(1, column, f"architecture.{path}")]
    assert found[0][3].startswith(message)


@pytest.mark.parametrize(
    ("variables", "at", "path", "message"),
    [
        ("{dim: 8}", "dim", "variables.dim", "the variable dim is used by nothing"),
        ("{out: 8}", "out", "variables.out", "'out' can't name a variable"),
        ("{dim: {a: 1}}", "{a", "variables.dim", "needs a number, a text or a list, got {a: 1}"),
        ("{dim: =half}", "=half", "variables.dim", "=half has the name half, which stands for nothing here"),
        ("[8]", "[8]", "variables", "needs names with values"),
    ],
)
def test_a_fault_of_a_variable_is_told_where_it_is_written(variables: str, at: str, path: str, message: str) -> None:
    line = f"variables: {variables}"
    [found] = faults(f"{line}\narchitecture: {{layers: [relu]}}\n")
    assert found[:3] == (1, line.index(at) + 1, path)
    assert found[3].startswith(message)


def test_a_fault_inside_a_block_tells_its_line_the_use_and_the_values_once() -> None:
    text = """architecture:
  blocks:
    dense: {with: {c: null}, layers: [linear: =c-8, relu]}
  layers:
  - repeat: {for: {c: [16, 8]}, layers: [dense: =c, {tanh: {slope: 2}}]}
"""
    assert faults(text) == [
        (
            *(3, 47, "architecture.blocks.dense.layers[0].linear"),
            "needs a whole number above 0, got 0 (=c-8 with c = 8; dense of line 6, round 2 of the repeat in line 6)",
        ),
        (
            *(5, 61, "architecture.layers[0].repeat.layers[1].tanh.slope"),
            "not an option of tanh (round 1 of the repeat in line 6; and 1 more)",
        ),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "architecture: {layers: [repeat: {times: 1000, layers: [repeat: {times: 1000, layers: [relu]}]}]}",
        "architecture: {layers: [repeat: {times: 1000, layers: [repeat: {times: 1000, layers: [[]]}]}]}",
        "architecture: {blocks: {"
        + ", ".join(f"b{n}: [{', '.join([f'b{n - 1}'] * 9)}]" if n else "b0: [relu]" for n in range(9))
        + "}, layers: [b8]}",
    ],
)
def test_what_would_never_end_is_refused(text: str) -> None:
    [(_, _, _, message)] = faults(text)
    assert "more than 10,000 layers and rounds, with blocks and repeats written out" in message


def test_numbers_and_terms_stay_small() -> None:
    squares = ", ".join(f"v{n}: =v{n - 1}*v{n - 1}" if n else "v0: 99" for n in range(60))
    assert "becomes larger than" in faults(f"variables: {{{squares}}}\narchitecture: {{layers: [linear: =v59]}}")[0][3]
    blocks = ", ".join(f"b{n}: {{with: {{c: null}}, layers: [{f'b{n - 1}: =c*c' if n else 'linear: =c'}]}}" for n in range(15))
    assert "more than 100 names and numbers" in faults(f"architecture: {{blocks: {{{blocks}}}, layers: [b14: =in+1]}}")[0][3]


def test_a_star_without_quotes_says_what_to_do() -> None:
    with pytest.raises(ConfigError, match=r"""(?s)YAML reads \* as an alias.*a key or a text that starts with \* needs quotes: "\*\""""):
        read("architecture: {inputs: {*: one_hot}, layers: [relu]}")
