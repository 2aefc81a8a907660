"""How fields reach the first layer."""

from __future__ import annotations

import torch
from compiled import LARGE, NUMBER, SERIES, SMALL, TABLE, compiled, lines, problems, told
from torch.testing import assert_close

from nntrain.specs import VECTOR, Spec

LINEAR = {"type": "mlp", "hidden": []}


def stage(program_lines: list[str]) -> list[str]:
    return [line.removeprefix("inputs.") for line in program_lines if line.startswith("inputs.")]


def test_ten_values_are_one_hot_and_eleven_an_embedding():
    fields = {"a": Spec((), (), "index", classes=11), "b": Spec((), (), "index", classes=12)}
    assert stage(lines(compiled(LINEAR, fields))) == [
        "one_hot_1: one_hot a -> [10]",
        "embedding_1: embedding b -> [6]",
        "concat_1: concat -> [16]",
    ]


def test_numbers_alone_need_no_step():
    assert stage(lines(compiled(LINEAR, {"a": NUMBER, "b": NUMBER}))) == []


def test_vectors_come_last():
    program = compiled(LINEAR, {"v": Spec(VECTOR, (5,)), "n": NUMBER, "c": SMALL})
    x = {"@number": torch.tensor([[7.0]]), "@category": torch.tensor([[2]]), "v": torch.arange(5.0)[None]}
    network = program.build()
    with torch.no_grad():
        network.get_parameter("head.weight").copy_(torch.eye(3, 9))
        network.get_parameter("head.bias").zero_()
    assert_close(network(x)[0]["y"], torch.tensor([[7.0, 0.0, 1.0]]))  # the number, then value 1 and value 2 of the category
    assert stage(lines(program))[-1] == "concat_1: concat -> [9]"


def test_single_series_passes_as_it_is():
    assert stage(lines(compiled({"layers": [{"pool": "mean"}]}, SERIES))) == []


def test_encodings_go_by_name_before_pattern():
    inputs = {"*": "embedding", "city": "one_hot", "sex": {"embedding": 3}}
    assert stage(lines(compiled({**LINEAR, "inputs": inputs}, TABLE))) == [
        "one_hot_1: one_hot city -> [20]",
        "embedding_1: embedding sex, dim 3 -> [3]",
        "concat_1: concat -> [25]",
    ]


def test_embeddings_of_one_length_share_a_step():
    fields = {name: Spec((), (), "index", classes=count) for name, count in {"a": 13, "b": 101, "c": 5, "d": 7}.items()}
    assert stage(lines(compiled({**LINEAR, "inputs": {"c": {"embedding": 4}, "d": {"embedding": 4}}}, fields))) == [
        "embedding_1: embedding a, b -> [56]",
        "embedding_2: embedding c, d, dim 4 -> [8]",
        "concat_1: concat -> [64]",
    ]


def test_single_category_without_encoding_stays_an_index():
    program = compiled({"layers": [{"embedding": 6}], "inputs": {"city": "none"}}, {"city": LARGE})
    assert lines(program) == [
        "inputs.columns_1: columns city -> index [] of 21",
        "embedding_1: embedding 6 -> [6]",
        "head: linear 3 -> [3]",
    ]
    assert program.build()({"@category": torch.tensor([[3], [0]])})[0]["y"].shape == (2, 3)


def test_encodings_that_fit_nothing_are_told():
    found = problems({**LINEAR, "inputs": {"age": "one_hot", "citi": "embedding", "city": "none"}}, TABLE)
    assert told(found) == [
        "architecture.inputs.age one_hot needs a category and gets one value [] (age). fix:  none",
        "architecture.inputs.citi no input field 'citi'. input fields: age, sex, income, city",
        "architecture can't join the index 'city' with other fields. encode it: one_hot or embedding",
    ]


def test_inputs_of_a_family_among_layers_are_told():
    found = problems({"layers": [{"mlp": {"hidden": [4], "inputs": {"*": "one_hot"}}}]}, TABLE)
    assert told(found) == ["architecture.layers[0].inputs belongs to the architecture or, as encode, to a node. fix:  architecture.inputs"]
