"""Sentences in columns, and a tag for each of their tokens."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

import pytest

from nntrain.commands.beginning.check import Look, check
from nntrain.config.reading import read_mapping
from nntrain.data.alignment import inputs_beside
from nntrain.data.preparing import Prepared, prepare
from nntrain.data.settings import DataSettings
from nntrain.data.sources.conll import Conll
from nntrain.errors import ConfigError, DataError

TEXT = "Ada\tB-per\nLovelace\tI-per\nwrites\tO\n\t\nin\tO\nLondon\tB-loc\n\n\nshe\tO\n"
FIELDS: dict[str, Any] = {"tokens": {"type": "text", "tokenizer": "space"}, "tags": {"type": "tags", "of": "tokens", "role": "target"}}


def written(tmp_path: Path, text: str, name: str = "a.conll") -> Path:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


def read(tmp_path: Path, text: str, **options: Any) -> dict[str, list[str]]:
    source = Conll(path="a.conll", **options)
    path = written(tmp_path, text)
    table = source.read(path, "a.conll")
    header = source.peek(path, "a.conll")
    assert header.rows == table.rows
    assert header.names == tuple(table.columns)
    return {name: table.texts(name).to_list() for name in table.columns}


def prepared(tmp_path: Path, text: str, fields: dict[str, Any] | None = None) -> Prepared:
    written(tmp_path, text)
    source = {"type": "conll", "path": "a.conll"}
    settings = {"source": source, "fields": FIELDS if fields is None else fields, "split": {"validation": None, "test": None}}
    return prepare(DataSettings.parse(settings), tmp_path, seed=0)


def test_a_row_is_a_sentence(tmp_path: Path) -> None:
    assert read(tmp_path, TEXT) == {"tokens": ["Ada Lovelace writes", "in London", "she"], "tags": ["B-per I-per O", "O B-loc", "O"]}
    assert Conll(path="a.conll").read(tmp_path / "a.conll", "a.conll").places([1, 2]) == "lines 5, 9"


def test_columns_may_be_many_and_separated_by_blanks(tmp_path: Path) -> None:
    text = "-DOCSTART- -X- O O\n\nEU NNP B-NP B-ORG\nrejects VBZ B-VP O\n"
    found = read(tmp_path, text, columns=("tokens", "pos", None, "tags"), comment="-DOCSTART-")
    assert found == {"tokens": ["EU rejects"], "pos": ["NNP VBZ"], "tags": ["B-ORG O"]}


def test_a_file_that_is_not_utf_8(tmp_path: Path) -> None:
    path = tmp_path / "a.conll"
    path.write_bytes("Núñez\tB-per\nescribe\tO\n".encode("latin-1"))
    for reads in (Conll(path="a.conll").read, Conll(path="a.conll").peek):
        with pytest.raises(DataError, match=r"a\.conll: line 1 is not utf-8") as caught:
            reads(path, "a.conll")
        assert "data.source.encoding: latin-1" in str(caught.value.hint)
    found = Conll.parse({"path": "a.conll", "encoding": "latin-1"})
    assert isinstance(found, Conll)
    assert found.read(path, "a.conll").texts("tokens").to_list() == ["Núñez escribe"]
    assert found.peek(path, "a.conll").names == ("tokens", "tags")


def test_tokens_alone_are_read_for_predictions(tmp_path: Path) -> None:
    table = Conll(path="a.conll").read(written(tmp_path, "she\nwrites\n\nAda\n"), "a.conll")
    assert {name: table.texts(name).to_list() for name in table.columns} == {"tokens": ["she writes", "Ada"]}


def test_blanks_inside_a_token_are_told(tmp_path: Path) -> None:
    path = written(tmp_path, "New\u00a0York\tB-loc\nis\tO\n")
    table = Conll(path="a.conll").read(path, "a.conll")
    assert table.texts("tokens").to_list() == ["New_York is"]
    assert table.notes == ("a.conll: blanks inside 1 tokens became _",)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("", "a.conll is empty"),
        ("\n\n", "a.conll is empty"),
        ("a\tO\nb\n", "line 2 has one part, and the first has 2"),
        ("a\tX\tO\n", "line 1 has 3 parts, and data.source.columns names tokens, tags"),
        ("a\tO\n\tO\n", "line 2 lacks a part"),
    ],
)
def test_faults_name_their_line(text: str, wanted: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=wanted):
        Conll(path="a.conll").read(written(tmp_path, text), "a.conll")


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_line_ends_with_a_line_feed_alone(end: str, tmp_path: Path) -> None:
    path, source = tmp_path / "a.conll", Conll(path="a.conll")
    lines = ["New\u2028York\tB-loc", "is\x85\tO", "", "big\tO"]
    path.write_text(end.join([*lines, ""]), encoding="utf-8", newline="")
    table = source.read(path, "a.conll")
    assert table.texts("tokens").to_list() == ["New_York is", "big"]
    assert table.texts("tags").to_list() == ["B-loc O", "O"]
    assert table.places([1]) == "line 4"
    assert source.peek(path, "a.conll").rows == 2
    path.write_text(end.join([*lines, "\tO"]), encoding="utf-8", newline="")
    for reads in (source.read, source.peek):
        with pytest.raises(DataError, match=r"a\.conll: line 5 lacks a part: '\\tO'"):
            reads(path, "a.conll")


def test_tags_are_padded_with_what_counts_nothing(tmp_path: Path) -> None:
    found = prepared(tmp_path, TEXT)
    assert found.fields.targets["tags"].classes == ("B-loc", "B-per", "I-per", "O")
    batch = found.train.batch(0, 3)
    assert batch.targets["tags"].tolist() == [[1, 2, 3], [3, 0, -1], [3, -1, -1]]
    assert batch.inputs["tokens.lengths"].tolist() == [3, 2, 1]
    assert str(found.layout.targets[0].spec) == "index [*] of 4"


def test_tags_follow_tokens_that_are_cut(tmp_path: Path) -> None:
    tokens = {"type": "text", "tokenizer": "space", "max_length": 2}
    found = prepared(tmp_path, TEXT, {**FIELDS, "tokens": tokens}).train.batch(0, 3)
    assert found.targets["tags"].tolist() == [[1, 2], [3, 0], [3, -1]]


def test_uncounted_tags_and_named_ones(tmp_path: Path) -> None:
    tags = {"type": "tags", "of": "tokens", "role": "target", "uncounted": ["O"], "classes": ["B-per", "I-per", "B-loc"]}
    found = prepared(tmp_path, TEXT, {**FIELDS, "tags": tags})
    assert found.train.batch(0, 3).targets["tags"].tolist() == [[0, 1, -1], [-1, 2, -1], [-1, -1, -1]]
    with pytest.raises(DataError, match="the training rows show I-per, O, which classes does not name"):
        prepared(tmp_path, TEXT, {**FIELDS, "tags": {**tags, "uncounted": [], "classes": ["B-per", "B-loc"]}})


def test_another_number_of_tokens_names_the_row(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"line 5: tags has 2 values, and tokens 3 tokens") as error:
        prepared(tmp_path, TEXT.replace("London", "Lon-don"), {**FIELDS, "tokens": {"type": "text", "replace": {"-": " "}}})
    assert "tokenizer: space" in str(error.value)


def test_a_text_that_is_not_there_is_told_at_its_place(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as error:
        prepared(tmp_path, TEXT, {**FIELDS, "tags": {"type": "tags", "of": "token", "role": "target"}})
    (problem,) = error.value.problems
    assert problem.path == ("data", "fields", "tags", "of")
    assert problem.hint == "nearest: tokens"


SHAPES: dict[str, Any] = {"type": "text", "column": "tokens", "of": "tokens", "tokenizer": "space", "replace": {"[A-Z]": "X", "[a-z]": "x"}}


def test_the_shapes_of_words_are_as_many_as_these(tmp_path: Path) -> None:
    tokens = {"type": "text", "tokenizer": "space", "lowercase": True, "max_length": 2}
    found = prepared(tmp_path, TEXT, {**FIELDS, "tokens": tokens, "shape": SHAPES})
    batch = found.train.batch(0, 3)
    assert batch.inputs["shape.lengths"].tolist() == batch.inputs["tokens.lengths"].tolist() == [2, 2, 1]
    shape = next(field for field in found.fields.fields if field.name == "shape")
    to_text = shape.plan.field.to_text(shape.state)
    assert to_text is not None
    assert [to_text(cast("list[int]", row.tolist())) for row in batch.inputs["shape"]] == ["Xxx Xxxxxxxx", "xx Xxxxxx", "xxx"]
    assert inputs_beside(found.layout.fields) == {"shape": "tokens"}


@pytest.mark.parametrize(("replace", "counts"), [({"in": ""}, "1 tokens, and tokens 2"), ({"do": " "}, "3 tokens, and tokens 2")])
def test_a_replacement_that_changes_the_number_of_tokens_names_the_row(replace: dict[str, str], counts: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=f"line 5.*: shape has {counts} tokens") as error:
        prepared(tmp_path, TEXT, {**FIELDS, "shape": {**SHAPES, "replace": replace}})
    assert "one for each token of tokens" in str(error.value)


@pytest.mark.parametrize(
    ("fields", "place", "message", "hint"),
    [
        ({"shape": {**SHAPES, "of": "shape"}}, ("shape", "of"), "is beside itself", "one of: tokens"),
        ({"a": SHAPES, "b": {**SHAPES, "of": "a"}}, ("b", "of"), "is beside a, which is beside tokens", "fix:  of: tokens"),
        ({"shape": {**SHAPES, "of": "token"}}, ("shape", "of"), "no input 'token' that has steps", "nearest: tokens"),
        ({"shape": {**SHAPES, "max_length": 3}}, ("shape", "max_length"), "has no effect: it is cut where tokens is", None),
    ],
)
def test_what_is_beside_nothing_is_told_at_its_place(
    fields: dict[str, Any], place: tuple[str, ...], message: str, hint: str | None, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError) as error:
        prepared(tmp_path, TEXT, {**FIELDS, **fields})
    (problem,) = error.value.problems
    assert problem.path == ("data", "fields", *place)
    assert problem.message == message
    assert hint is None or problem.hint == hint


def test_lists_of_tokens_are_read_as_such(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [
        {"tokens": ["Ada", "writes"], "tags": ["B-per", "O"]},
        {"tokens": ["in", "London", "."], "tags": ["O", "B-loc", "O"]},
        {"tokens": ["she"], "tags": None},
    ]
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, rows)))
    settings = {"source": "a.jsonl", "fields": FIELDS, "split": {"validation": None, "test": None}}
    found = prepare(DataSettings.parse(settings), tmp_path, seed=0)
    assert found.train.batch(0, 2).targets["tags"].tolist() == [[1, 2, -1], [2, 0, 2]]
    rows[1]["tokens"][1] = "New York"
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, rows)))
    with pytest.raises(DataError, match="row 1: tokens: 'New York' is no token"):
        prepare(DataSettings.parse(settings), tmp_path, seed=0)


def test_a_source_of_sentences_knows_its_fields() -> None:
    Path("a.conll").write_text("John\tB-per\nlives\tO\n\nin\tO\nParis\tB-loc\n\n" * 6, encoding="utf-8")
    config = read_mapping({"data": {"source": "a.conll"}, "architecture": {"layers": [{"embedding": 2}, {"gru": 2}]}})
    blueprint = check(config, Look.HEADER)
    assert blueprint is not None
    assert blueprint.targets["tags"].task.type == "tagging"
    assert [plan.field.type for plan in blueprint.layout.fields] == ["text", "tags"]
