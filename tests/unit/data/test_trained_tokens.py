"""The tokenizer of a trained network: its indices, its special tokens, where texts are cut, and what is stored."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import hub_made
import polars as pl
import pytest
from hub_made import PIECES

from nntrain.data.fields.text import Text
from nntrain.data.tokenizing.encoder import TextEncoder
from nntrain.data.tokenizing.pretrained import PretrainedTokenizer
from nntrain.errors import CheckpointError, DataError

pytestmark = pytest.mark.extra("text")


def field(**options: object) -> Text:
    found = Text.parse({"tokenizer": {"pretrained": "hub"}, **options})
    return found.model_copy(update={"tokenizer": found.tokenizer.located(Path())})


def encoder(**options: object) -> TextEncoder:
    text = field(**options)
    return text.encoder(text.fit(pl.Series("t", ["nothing is learned of this"]), is_target=False))


def pieces(found: TextEncoder, text: str, max_length: int | None = None) -> list[str]:
    """The tokens of a text by their indices: 2 stand before the first piece, and 1 is the unknown."""
    return ["?" if index == 1 else PIECES[index - 2] for index in found.encode([text], max_length)[0].tolist()]


@pytest.mark.parametrize("is_list", [False, True])
def test_texts_become_the_pieces_of_the_folder_whole(is_list: bool):
    path = hub_made.folder(Path("hub"))
    if is_list:
        (path / "tokenizer.json").unlink()
        (path / "vocab.txt").write_text("\n".join(PIECES))
    found = encoder()
    assert found.size == len(PIECES) + 2
    assert field().tokenizer.known_size == found.size
    assert pieces(found, "The FILM was goodly! Café xyz") == [
        "[CLS]",
        "the",
        "film",
        "was",
        "good",
        "##ly",
        "!",
        "caf",
        "##e",
        "?",
        "[SEP]",
    ]
    assert pieces(found, "") == ["[CLS]", "[SEP]"]
    assert found.encode(["good", ""])[1].tolist() == [3, 2]
    assert found.decode(found.encode(["the good films"])[0].tolist()) == "the good films"
    assert found.tokenize("A goods")[1] == [(0, 0), (0, 1), (2, 6), (6, 7), (0, 0)]


def test_a_text_that_is_cut_keeps_its_last_special_token():
    hub_made.folder(Path("hub"))
    found = encoder()
    assert pieces(found, "the film was good", 4) == ["[CLS]", "the", "film", "[SEP]"]
    assert pieces(found, "the film was good", 6) == ["[CLS]", "the", "film", "was", "good", "[SEP]"]
    assert pieces(found, "the film was good", 1) == ["[SEP]"]


def test_unknown_pieces_are_counted():
    hub_made.folder(Path("hub"))
    found = encoder().unseen(["the film", "xyz film"])
    assert found.counts.tolist() == [0, 1]
    assert found.totals.tolist() == [4, 4]


def test_what_was_read_is_enough_without_the_folder():
    hub_made.folder(Path("hub"))
    text = field()
    state = json.loads(json.dumps(text.fit(pl.Series("t", ["a"]), is_target=False)))
    shutil.rmtree("hub")
    saved = Text.parse(text.dump())
    again = saved.model_copy(update={"tokenizer": saved.tokenizer.located(Path())})
    assert pieces(again.encoder(state), "good film") == ["[CLS]", "good", "film", "[SEP]"]
    with pytest.raises(DataError, match="tokenizer: there is no folder hub"):
        again.fit(pl.Series("t", ["a"]), is_target=False)
    with pytest.raises(CheckpointError, match="there is no folder hub"):
        field()


def test_another_file_than_the_config_was_filled_in_for_is_refused():
    path = hub_made.folder(Path("hub"))
    saved = field()
    changed = hub_made.tokenizer()
    changed["normalizer"]["lowercase"] = False
    (path / "tokenizer.json").write_text(json.dumps(changed))
    again = PretrainedTokenizer.parse(saved.tokenizer.dump()).located(Path())
    with pytest.raises(DataError, match=r"hub/tokenizer\.json is another one than it was"):
        saved.model_copy(update={"tokenizer": again}).fit(pl.Series("t", ["a"]), is_target=False)


def test_the_longest_text_is_what_tokenizer_and_network_allow():
    path = hub_made.folder(Path("hub"))
    assert field().tokenizer.limit == hub_made.PLACES
    (path / "tokenizer_config.json").write_text(json.dumps({"model_max_length": 1e30}))
    assert field().tokenizer.limit == hub_made.PLACES
    (path / "tokenizer_config.json").write_text(json.dumps({"model_max_length": 9}))
    assert field().tokenizer.limit == 9
    (path / "config.json").unlink()
    (path / "tokenizer_config.json").unlink()
    assert field().tokenizer.limit is None


@pytest.mark.parametrize("content", ["", "[]", '{"model": {}}', '{"model": {"vocab": 3}}', '{"model": {"type": "BPE", "vocab": {"a": 0}}}'])
def test_a_file_that_is_no_tokenizer_is_named(content: str):
    path = hub_made.folder(Path("hub"))
    (path / "tokenizer.json").write_text(content)
    with pytest.raises((DataError, CheckpointError), match=r"tokenizer\.json"):
        encoder()
