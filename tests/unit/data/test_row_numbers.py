"""Numbers of rows as bits are what a tensor of them is."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch

from nntrain.data import fingerprint, row_numbers, scaling
from nntrain.data.blockwise.order import spans_of
from nntrain.data.fingerprint import fingerprint_rows
from nntrain.data.row_numbers import RowNumbers
from nntrain.data.scaling import take

TOTAL = 100
ROWS = {
    "some": np.flatnonzero(np.random.default_rng(0).random(TOTAL) < 0.3),
    "all": np.arange(TOTAL),
    "none": np.zeros(0, dtype=np.int64),
    "last": np.array([99]),
    "gaps": np.array([0, 15, 16, 17, 64]),
}


@pytest.fixture(autouse=True)
def small_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(row_numbers, "GROUP", 16)


@pytest.mark.parametrize("name", ROWS)
@pytest.mark.parametrize("kind", [np.int32, np.int64])
def test_they_are_what_a_tensor_of_them_is(name: str, kind: type[np.signedinteger]) -> None:
    rows = ROWS[name].astype(kind)
    found, told = RowNumbers.of(rows, TOTAL), torch.from_numpy(rows)
    assert len(found) == len(rows)
    assert torch.equal(found[:].long(), told.long())
    for start, end in [(0, 3), (1, 5), (2, 2), (4, 1000), (90, 95)]:
        assert torch.equal(found[start:end].long(), told[start:end].long())
    order = torch.randperm(len(rows), generator=torch.Generator().manual_seed(1))
    assert torch.equal(found.index_select(0, order), told.long()[order])
    for first, last in [(0, TOTAL), (3, 40), (16, 32), (17, 17), (95, 100), (40, 90)]:
        assert found.within(first, last).tolist() == [row for row in rows.tolist() if first <= row < last]
        assert found.before(first) == (rows < first).sum()
    assert found.before(TOTAL) == len(rows)


def test_rows_that_are_kept_and_those_of_them_that_have_a_mark() -> None:
    draws = np.random.default_rng(2)
    keep = draws.random(TOTAL) < 0.7
    rows = RowNumbers.where(keep)
    assert rows[:].tolist() == np.flatnonzero(keep).tolist()
    marks = draws.integers(0, 3, len(rows)).astype(np.uint8)
    for mark in range(3):
        assert rows.chosen(marks, mark)[:].tolist() == np.flatnonzero(keep)[marks == mark].tolist()


@pytest.mark.parametrize("name", ROWS)
def test_spans_of_blocks(name: str) -> None:
    starts = torch.tensor([0, 7, 16, 50, 99])
    rows = torch.from_numpy(ROWS[name])
    assert spans_of(RowNumbers.of(ROWS[name], TOTAL), starts) == spans_of(rows, starts)


@pytest.mark.parametrize("name", ["some", "all", "gaps"])
@pytest.mark.parametrize(
    "values", [np.arange(TOTAL) * 1.5, np.arange(3 * TOTAL).reshape(-1, 3), pl.Series([f"v{n}" for n in range(TOTAL)])]
)
def test_values_are_taken_of_them_a_portion_at_a_time(name: str, values: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scaling, "GATHERED", 7)
    found = take(values, RowNumbers.of(ROWS[name], TOTAL))
    assert found.to_list() == values[ROWS[name]].to_list() if isinstance(values, pl.Series) else np.array_equal(found, values[ROWS[name]])


@pytest.mark.parametrize("name", ROWS)
def test_they_have_the_fingerprint_of_a_tensor_of_them(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = hashlib.sha256(b"file" + ROWS[name].astype(np.int64).tobytes()).hexdigest()
    monkeypatch.setattr(fingerprint, "HASHED_ROWS", 7)
    assert fingerprint_rows("file", RowNumbers.of(ROWS[name], TOTAL)) == whole
    assert fingerprint_rows("file", torch.from_numpy(ROWS[name]).flip(0)) == whole
