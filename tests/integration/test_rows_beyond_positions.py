"""Rows with more steps than a network has positions for are told before it trains."""

from __future__ import annotations

import polars as pl
import pytest

import nntrain
from nntrain.errors import DataError


def test_the_longest_row_is_named(tmp_path):
    rows = pl.DataFrame({"text": ["a b c", "c b a d", "b a"] * 20 + ["a b c d a b"], "y": ["p", "q", "p"] * 20 + ["q"]})
    layers = [{"embedding": 4}, {"position_embedding": {"kind": "learned", "max_length": 5}}, {"pool": "mean"}]
    config = {
        "data": {"target": "y", "fields": {"text": {"type": "text", "tokenizer": "space"}}},
        "architecture": {"layers": layers},
        "training": {"max_epochs": 1},
    }
    with pytest.raises(
        DataError, match=r"a \w+ row has 6 steps, and position_embedding \(architecture.layers\[1\]\) has vectors for 5"
    ) as caught:
        nntrain.fit(config, data=rows, runs=tmp_path)
    assert "data.fields.text.max_length: 5" in (caught.value.hint or "")
    nntrain.fit(config, "data.fields.text.max_length=5", data=rows, runs=tmp_path)


def test_an_empty_cell_of_a_table_with_one_column_is_a_row(tmp_path):
    table = tmp_path / "one.csv"
    table.write_text('text\na b\n""\n\nc\n', encoding="utf-8")
    from nntrain.data.sources.csv import Csv

    assert Csv(path="one.csv").read(table, "one.csv").rows == 3
