"""Text fields: tokens, vocabularies, offsets, and what a table with a text becomes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from nntrain.config.reading import read_mapping
from nntrain.data.fields.text import Text
from nntrain.data.preparing import Prepared, prepare
from nntrain.data.tokenizing.encoder import TextEncoder
from nntrain.errors import ConfigError, DataError

SENTENCES = ["The cat sat.", "Don't sit, Cät!", "the  dog\nsat", "a\tdog 2024"]


def encoder(texts: list[str], **options: Any) -> TextEncoder:
    field = Text.parse(options)
    return field.encoder(field.fit(pl.Series("t", texts), is_target=False))


def one(found: TextEncoder, text: str) -> list[int]:
    return found.encode([text])[0].tolist()


@pytest.mark.parametrize(
    ("options", "text", "tokens"),
    [
        ({}, "Don't sit, Cät_1!", ["Don't", "sit", ",", "Cät_1", "!"]),
        ({"tokenizer": "space"}, "Don't sit,  Cät !", ["Don't", "sit,", "Cät", "!"]),
        ({"tokenizer": "char"}, "a b\n", ["a", " ", "b", "\n"]),
        ({"tokenizer": "byte"}, "aé", ["a", "<C3>", "<A9>"]),
        ({"lowercase": True, "strip_accents": True}, "Cät Éa", ["cat", "ea"]),
        ({"replace": {r"\d+": "0", "(c)at": r"\1ar"}}, "2024 cat", ["0", "car"]),
    ],
)
def test_what_a_token_is(options: dict[str, Any], text: str, tokens: list[str]) -> None:
    assert encoder([text], **options).tokenize(text)[0] == tokens


OPTIONS = st.fixed_dictionaries(
    {
        "tokenizer": st.sampled_from(["word", "space", "char", "byte"]),
        "lowercase": st.booleans(),
        "strip_accents": st.booleans(),
        "replace": st.sampled_from([{}, {"[0-9]+": "#"}, {"a": "bb", "x*": ""}, {"b": ""}]),
    }
)


@given(options=OPTIONS, text=st.text(st.sampled_from("aAbé0 9,İΣ한\u0301😀x'"), max_size=12))
def test_offsets_are_in_the_text_as_it_is_written(options: dict[str, Any], text: str) -> None:
    found = encoder(["a", text], **options)
    tokens, offsets = found.tokenize(text)
    assert len(tokens) == len(offsets) == len(one(found, text))
    assert all(0 <= start <= end <= len(text) for start, end in offsets)
    assert offsets == sorted(offsets)
    if not options["replace"] and options["tokenizer"] != "byte":
        assert [found.normalize(text[start:end]).casefold() for start, end in offsets] == [token.casefold() for token in tokens]


@given(text=st.text(max_size=30), tokenizer=st.sampled_from(["char", "byte"]))
def test_characters_and_bytes_come_back(text: str, tokenizer: str) -> None:
    found = encoder([text, "abc"], tokenizer=tokenizer)
    assert found.decode(one(found, text)) == text


def test_pieces_come_back_and_have_places() -> None:
    pytest.importorskip("tokenizers", reason="needs pip install 'nntrain[text]'")
    found = encoder([*SENTENCES, *["the cat sat on the mat"] * 9], tokenizer={"type": "bpe", "size": 270})
    for text in [*SENTENCES, "never seen: ⟂ \u4e2d\u6587 \x00", ""]:
        assert found.decode(one(found, text)) == text
    tokens, offsets = found.tokenize("the cat")
    assert "".join(tokens) == "the cat"
    assert len(tokens) < 7
    assert ["the cat"[start:end] for start, end in offsets] == tokens
    assert found.size <= 272
    again = encoder([*SENTENCES, *["the cat sat on the mat"] * 9], tokenizer={"type": "bpe", "size": 270})
    assert one(again, "the cat sat") == one(found, "the cat sat")


def test_a_missing_library_is_named_with_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    with pytest.raises(DataError, match="nntrain\\[text\\]"):
        encoder(SENTENCES, tokenizer="bpe")


def test_the_commonest_tokens_come_first_and_others_are_unknown() -> None:
    found = encoder(["b b a a c", "a d"], max_vocab=2)
    assert found.size == 4
    assert one(found, "a b c e") == [2, 3, 1, 1]
    assert found.decode([2, 3, 1, 0, 0]) == "a b �"
    assert found.usual == 2 / 7
    assert one(encoder(["b b a a c", "a d"], min_count=3), "a b") == [2, 1]


def test_no_token_left_is_an_error() -> None:
    with pytest.raises(DataError, match="none of 2 tokens occurs 3 times"):
        encoder(["a b"], min_count=3)
    with pytest.raises(DataError, match="no text"):
        encoder([""])


def test_long_texts_are_cut() -> None:
    field = Text.parse({"max_length": 2})
    state = field.fit(pl.Series("t", SENTENCES), is_target=False)
    encoded = field.encode(pl.Series("t", ["the cat sat", None, "dog"]), state, is_target=False)
    assert encoded.lengths is not None
    assert encoded.lengths.tolist() == [2, 0, 1]


def write(folder: Path, rows: list[tuple[str, ...]], names: str = "text,label") -> Path:
    lines = [",".join(f'"{cell}"' for cell in row) for row in rows]
    path = folder / "rows.csv"
    path.write_text("\n".join([names, *lines]) + "\n", encoding="utf-8")
    return path


def reviews(count: int = 60) -> list[tuple[str, ...]]:
    return [(f"a {'good' if row % 2 else 'bad'} film of {row} people", "pos" if row % 2 else "neg") for row in range(count)]


def prepared(folder: Path, **data: Any) -> Prepared:
    config = read_mapping({"name": "t", "data": {"source": "rows.csv", "target": "label", **data}}, (), folder)
    return prepare(config.experiment.data, folder, seed=0)


def test_a_column_of_sentences_is_a_text_and_is_padded_batch_by_batch(tmp_path: Path) -> None:
    write(tmp_path, [*reviews(), ("good", "pos")])
    found = prepared(tmp_path)
    field = found.layout.fields[0]
    assert field.field.type == "text"
    assert str(field.spec) == f"index [*] of {field.spec.classes}"
    rows = found.train.take(torch.tensor([row for row in range(len(found.train)) if row < 3]))
    batch = rows.batch(0, len(rows))
    assert batch.inputs["text"].dtype == torch.int64
    assert batch.inputs["text"].shape == (len(rows), int(batch.inputs["text.lengths"].max()))
    for row, length in zip(batch.inputs["text"], batch.inputs["text.lengths"], strict=True):
        assert (row[:length] > 0).all()
        assert (row[length:] == 0).all()


def test_a_text_that_nobody_named_is_left_out_beside_other_inputs(tmp_path: Path) -> None:
    write(tmp_path, [(text, str(row % 7 + 0.5), label) for row, (text, label) in enumerate(reviews())], "text,age,label")
    found = prepared(tmp_path)
    assert [name for name, _ in found.layout.left_out] == ["text"]
    assert "to read it: fields: {text: text}" in found.layout.left_out[0][1]
    named = prepared(tmp_path, fields={"text": "text"})
    assert [plan.field.type for plan in named.layout.fields] == ["text", "number", "boolean"]


def test_vocabularies_are_learned_from_training_rows_alone_and_shared_by_like(tmp_path: Path) -> None:
    rows = [(f"one two w{row}", f"three four v{row}", "ab"[row % 2]) for row in range(30)]
    write(tmp_path, rows, "a,b,label")
    split = {"by": "time", "validation": None, "test": 10}
    fields = {"a": {"type": "text", "max_vocab": 40}, "b": {"type": "text", "like": "a"}}
    found = prepared(tmp_path, fields=fields, split=split)
    one_field, other = found.fields.fields[:2]
    assert one_field.state == other.state
    assert set(one_field.state["learned"]["tokens"][:4]) == {"one", "two", "three", "four"}
    assert not {"w25", "v25"} & set(one_field.state["learned"]["tokens"])
    assert one_field.plan.spec == other.plan.spec
    restored = type(found.fields).restore(read_settings(tmp_path), found.fields.state())
    assert restored.inputs == found.fields.inputs


def read_settings(folder: Path) -> Any:
    return read_mapping({"name": "t", "data": {"source": "rows.csv", "target": "label"}}, (), folder).experiment.data


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"a": "text", "b": {"type": "text", "like": "c"}}, "no other text field 'c'"),
        ({"a": "category", "b": {"type": "text", "like": "a"}}, "shares the tokens of a, which is a category"),
        ({"a": "text", "b": {"type": "text", "like": "a", "tokenizer": "char"}}, "which has another tokenizer"),
        ({"a": {"type": "text", "tokenizer": "byte", "max_vocab": 9}}, "has no effect: it keeps no list of tokens"),
        ({"a": {"type": "text", "tokenizer": {"bpe": 300}, "min_count": 2}}, "has no effect: bpe has a size of its own"),
        ({"a": {"type": "text", "replace": {"(": "x"}}}, "no regular expression"),
        ({"a": {"type": "text", "tokenizer": "words"}}, "no tokenizer 'words'"),
    ],
)
def test_options_that_do_not_go_together(fields: dict[str, Any], message: str, tmp_path: Path) -> None:
    write(tmp_path, [(f"x y {row}", f"z {row}", "ab"[row % 2]) for row in range(30)], "a,b,label")
    with pytest.raises(ConfigError, match=message.replace("(", "\\(")):
        prepared(tmp_path, fields=fields)


def test_unknown_tokens_of_new_rows_are_counted(tmp_path: Path) -> None:
    write(tmp_path, reviews())
    found = prepared(tmp_path)
    table = found.fields
    config = read_settings(tmp_path)
    new = tmp_path / "new.csv"
    new.write_text("text\na good zebra film\na bad film\n")
    rows = table.encode_new(config.source.read(new, "new.csv"), with_targets=False)
    assert rows.departures.notes == ("unknown tokens (text: zebra)", "")
    assert rows.departures.lines == ("unknown tokens   text 50 % (14 % of the tokens: 'zebra'; training 0 %)",)


def test_a_text_goes_through_fit_eval_and_predict(tmp_path: Path) -> None:
    write(tmp_path, reviews())
    (tmp_path / "t.yaml").write_text(
        "name: t\ndata: {source: rows.csv, target: label, batch_size: 8}\n"
        "architecture: {layers: [{embedding: 8}, {pool: mean}]}\n"
        "optimizer: {adamw: {lr: 0.05}}\ntraining: {max_epochs: 8, device: cpu}\n"
    )
    (tmp_path / "new.csv").write_text("text\na good film of 3 people\na bad bad film\n")
    run(tmp_path, "fit", "t.yaml")
    run(tmp_path, "predict", "runs/t", "new.csv", "-o", "out.csv")
    assert pl.read_csv(tmp_path / "out.csv")["prediction"].to_list() == ["pos", "neg"]


def run(folder: Path, *arguments: str) -> None:
    from nntrain.cli import main

    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert main(list(arguments)) == 0


def test_settings_of_texts_need_no_torch() -> None:
    code = "import sys, nntrain.data.fields.text; assert not {'torch', 'numpy', 'polars', 'tokenizers'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[3])


def test_lengths_and_indices_are_whole_numbers() -> None:
    indices, lengths = encoder(SENTENCES).encode(SENTENCES)
    assert indices.dtype == lengths.dtype == np.int64
    assert int(lengths.sum()) == len(indices)


@pytest.mark.parametrize(
    ("data", "family"),
    [
        ({"source": "rows.csv", "target": "label"}, "textcnn"),
        ({"source": {"type": "text", "path": "rows.csv"}, "window": 8}, "gru"),
    ],
)
def test_texts_get_a_network_that_reads_them(data: dict[str, Any], family: str, tmp_path: Path) -> None:
    from nntrain.commands.preparing.from_config import prepare_job

    write(tmp_path, reviews())
    job = prepare_job(read_mapping({"name": "t", "data": data}, (), tmp_path))
    assert job.blueprint.experiment.architecture is not None
    assert job.blueprint.experiment.architecture.type == family
