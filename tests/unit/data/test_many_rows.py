"""What is done to many rows a portion at a time is what it would be at once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

from nntrain.data import preparing, scaling, words
from nntrain.data.blockwise.deciding import BlockLines
from nntrain.data.fields.category import Category
from nntrain.data.orders import drawn
from nntrain.data.preparing import prepare
from nntrain.data.scaling import take
from nntrain.data.settings import DataSettings
from nntrain.data.sorting import Sorting, named_fields
from nntrain.data.table import Table
from nntrain.data.values import are_usable, usable_rows
from nntrain.errors import DataError


@pytest.fixture(autouse=True)
def small_portions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scaling, "GATHERED", 7)
    monkeypatch.setattr(preparing, "BLOCK_ROWS", 7)
    monkeypatch.setattr(words, "COUNTED", 7)


WORDS = pl.Series("word", [None if row % 11 == 4 else "abcd"[row * row % 4] for row in range(60)], dtype=pl.String)


@pytest.mark.parametrize("rows", [[], [3], range(60), range(7, 29), [5, 1, 9, 9, 30, 2, 8, 41, 40], [*range(20), 19, 21], range(0, 60, 3)])
def test_some_rows_of_a_column(rows: list[int]) -> None:
    index = np.array(rows, dtype=np.int32)
    assert take(WORDS, index).to_list() == [WORDS[row] for row in rows]
    assert take(WORDS, index).n_chunks() == 1
    assert take(np.arange(60.0), index).tolist() == list(rows)


def test_classes_of_a_target() -> None:
    state = Category(min_count=5).fit(WORDS, is_target=False)
    counts = {word: WORDS.to_list().count(word) for word in "abcd"}
    assert state["classes"] == [word for word, count in counts.items() if count >= 5]


def test_numbers_of_rows_that_can_be_used() -> None:
    settings = DataSettings.parse({"source": "t.csv", "target": "word", "fields": {"word": "category", "x": "number"}})
    table = Table.of_cells({"word": WORDS.to_list(), "x": list(range(60))}, frozenset({""}), settings.source.numerals)
    sorting = Sorting(settings, {"train": table}, named_fields(settings, {"train": table}))
    plans = sorting.layout(np.arange(60)).fields
    read = {"word": table.words("word")}
    few, many = usable_rows(plans, table, read, None), are_usable(plans, table, read, None)
    assert few[0].tolist() == np.flatnonzero(many[0]).tolist() == np.flatnonzero(WORDS.is_not_null().to_numpy()).tolist()
    assert few[1] == many[1]


def test_drawn_positions() -> None:
    expected = torch.randperm(100_003, generator=torch.Generator().manual_seed(4))[:50].sort().values
    assert torch.equal(drawn(100_003, 50, seed=4), expected)


@pytest.mark.parametrize("last", ["a", "b"])
def test_a_target_that_changes_only_in_the_end(tmp_path: Path, last: str) -> None:
    (tmp_path / "t.csv").write_text("x,word\n" + "".join(f"{row},{'a' if row < 59 else last}\n" for row in range(60)))
    settings = DataSettings.parse({"source": "t.csv", "target": "word", "fields": {"word": "category"}, "split": {"by": "given"}})
    settings = settings.model_copy(update={"split": settings.split.model_copy(update={"validation": None, "test": None})})
    if last == "b":
        assert len(prepare(settings, tmp_path, seed=0).train) == 60
        return
    with pytest.raises(DataError, match="word is always 'a' in the 60 training rows"):
        prepare(settings, tmp_path, seed=0)


def test_a_part_without_rows_does_not_keep_the_numbers_of_all(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("x,word\n" + "".join(f"{row},{'ab'[row % 2]}\n" for row in range(60)))
    settings = DataSettings.parse({"source": "t.csv", "target": "word", "split": {"validation": 0.2, "test": None}})
    table = settings.source.read(tmp_path / "t.csv", "t.csv")
    parts = Sorting(settings, {"train": table}, named_fields(settings, {"train": table})).split(0)
    assert [len(part) for part in (parts.train, parts.validation, parts.test)] == [48, 12, 0]
    assert all(part.base is None for part in (parts.train, parts.validation, parts.test))


def test_lines_of_rows_in_blocks() -> None:
    """A block whose rows follow one another keeps the number of its first line alone."""
    lines = BlockLines((0, 3, 5, 9), (2, np.array([5, 9]), 10))
    assert [lines[row] for row in range(9)] == [2, 3, 4, 5, 9, 10, 11, 12, 13]
