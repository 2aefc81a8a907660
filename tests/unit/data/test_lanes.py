"""Rows that go on where others end, walked side by side."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from nntrain.data.batches import TensorData
from nntrain.data.lanes import lane_batches, lane_order, num_lane_batches, places, read_batches, shown_once
from nntrain.data.token_windows import TokenWindows, cut_text
from nntrain.data.windows import Windows

TOKENS = torch.arange(100)


def windows(origins: list[int], steps: int = 3, step: int = 1, lanes: int | None = 2) -> TensorData:
    """Windows over the rows 0, 1, 2, …"""
    stored = Windows(torch.arange(40.0)[:, None], torch.tensor(origins), steps, step)
    return TensorData({}, {"y": torch.tensor(origins) + 1.0}, None, torch.tensor(origins), {"window": stored}, lanes=lanes)


def rows_of(data: TensorData, lanes: int, start: int = 0) -> list[list[int]]:
    """The numbers of the rows of each batch."""
    return [batch.rows.tolist() for batch in lane_batches(data, lanes, start=start)]


@pytest.mark.parametrize(
    ("rows", "lanes", "order"),
    [
        (6, 2, [0, 3, 1, 4, 2, 5]),
        (7, 2, [0, 4, 1, 5, 2, 6, 3]),
        (8, 3, [0, 3, 6, 1, 4, 7, 2, 5]),
        (3, 5, [0, 1, 2]),
        (3, 1, [0, 1, 2]),
    ],
)
def test_lanes_are_stretches_in_a_row(rows: int, lanes: int, order: list[int]) -> None:
    assert lane_order(rows, lanes).tolist() == order


def test_each_batch_has_the_next_row_of_every_lane() -> None:
    data = windows([2, 5, 8, 11, 14, 17, 20])
    found = list(lane_batches(data, 2))
    assert [batch.rows.tolist() for batch in found] == [[2, 14], [5, 17], [8, 20], [11]]
    assert [batch.goes_on.tolist() for batch in found if batch.goes_on is not None] == [[False] * 2, [True] * 2, [True] * 2, [True]]
    assert len(found) == num_lane_batches(len(data), 2)
    assert rows_of(data, 2, start=2) == [[8, 20], [11]]
    assert [batch.goes_on.tolist() for batch in lane_batches(data, 2, start=3) if batch.goes_on is not None] == [[True]]


def test_a_row_behind_a_gap_begins_anew() -> None:
    found = list(lane_batches(windows([2, 5, 9, 12]), 1))
    assert [bool(batch.goes_on) for batch in found] == [False, True, False, True]


def test_windows_that_read_every_second_row_follow_over_as_many() -> None:
    stored = Windows(torch.arange(40.0)[:, None], torch.tensor([4, 10, 16, 20]), steps=3, step=2)
    assert stored.follows().tolist() == [False, True, True, False]
    first, second = stored.gather()[:2, :, 0].tolist()
    assert second[0] - first[-1] == 2


def test_parts_of_a_batch_know_their_lanes() -> None:
    batch = list(lane_batches(windows([2, 5, 8, 11, 14, 17, 20, 23]), 4))[1]
    parts = batch.split(2)
    assert [(part.lane, part.rows.tolist()) for part in parts] == [(0, [5, 11]), (2, [17, 23])]
    assert all(part.goes_on is not None and part.goes_on.all() for part in parts)


@pytest.mark.parametrize("stride", [1, 2, 4])
def test_an_epoch_of_overlapping_windows_is_walked_without_overlap(stride: int) -> None:
    data = cut_text(TOKENS, 4, "text", 100, first=0, stride=stride)
    for epoch in range(3):
        shown = shown_once(data, seed=0, epoch=epoch)
        assert len(shown) == data.shown
        [stored] = shown.stored.values()
        assert isinstance(stored, TokenWindows)
        assert stored.follows().tolist() == [False] + [True] * (len(shown) - 1)
    starts = {int(shown_once(data, seed=0, epoch=epoch).rows[0]) for epoch in range(20)}
    assert (len(starts) > 1) == (stride < 4)


def test_what_is_read_in_lanes_is_put_back_in_order() -> None:
    data = windows([2, 5, 8, 11, 14])
    read = torch.cat([batch.rows for batch in read_batches(data, 1)])
    where = places(data)
    assert isinstance(where, Tensor)
    assert read.tolist() == [2, 11, 5, 14, 8]
    assert read[where].tolist() == data.rows.tolist()
    assert places(windows([2, 5], lanes=None)) is None


def test_series_that_take_turns_in_the_rows_are_walked_one_after_another():
    """Rows of two series as they come in time: a b a b; windows of 2 rows, sorted by their row."""
    values, origins, runs = torch.arange(16.0)[:, None], [1, 9, 3, 11, 5, 13, 7, 15], [0, 1, 0, 1, 0, 1, 0, 1]
    stored = Windows(values, torch.tensor(origins), 2, 1, torch.tensor(runs))
    data = TensorData({}, {}, None, torch.arange(8), stored={"window": stored}, lanes=1)
    batches = list(lane_batches(data, 1))
    assert [int(batch.rows[0]) for batch in batches] == [0, 2, 4, 6, 1, 3, 5, 7]
    assert [bool(batch.goes_on) for batch in batches] == [
        False,
        True,
        True,
        True,
        False,
        True,
        True,
        True,
    ]
    where = places(data)
    assert where is not None
    assert torch.cat([batch.rows for batch in batches])[where].tolist() == list(range(8))
