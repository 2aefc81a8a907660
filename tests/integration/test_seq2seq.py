"""A network that writes a text for each row: trained, measured, gone on with, and asked for new rows."""

from itertools import product

import polars as pl
import pytest

import nntrain

WORDS = ["".join(word) for size in (1, 2, 3) for word in product("abcd", repeat=size)]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("words")
    config = {
        "data": {
            "target": "back",
            "fields": {"word": {"type": "text", "tokenizer": "char"}, "back": {"type": "text", "like": "word"}},
            "split": {"validation": 0.15, "test": None},
        },
        "architecture": {"type": "encoder_decoder", "dim": 32, "num_layers": 1, "num_heads": 2, "dim_feedforward": 64},
        "task": {"type": "seq2seq", "max_length": 5},
        "optimizer": {"type": "adamw", "lr": 5e-3},
        "training": {"max_epochs": 24, "evaluate_every": {"epochs": 24}},
    }
    rows = pl.DataFrame({"word": WORDS * 3, "back": [word[::-1] for word in WORDS] * 3})
    return nntrain.fit(config, data=rows, runs=folder)


def test_words_are_written_backwards(run):
    assert run.summary["best"]["validation.exact_match"] > 0.9
    assert run.summary["baseline"]["validation.exact_match"] == 0


def test_new_words_are_written_backwards(run):
    found = nntrain.load(run).predict([{"word": word} for word in ("ab", "dca", "b", "")])
    assert found["back"].values[:3] == ("ba", "acd", "b")
    assert found.columns()["prediction"][0] == "ba"
