"""The rows of a step are shared out: each is computed once, whatever the number of processes."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from nntrain.data.batches import TensorData, ordered_batches
from nntrain.data.shares import Share, shared_batches


@given(st.integers(1, 70), st.integers(2, 9), st.integers(1, 2))
def test_each_row_is_one_process_s(rows: int, size: int, least: int) -> None:
    parts = [Share(rank, size, least).part(rows) for rank in range(size)]
    assert [row for start, end in parts for row in range(start, end)] == list(range(rows))
    lengths = [end - start for start, end in parts if end > start]
    assert max(lengths) - min(lengths) <= 1
    assert min(lengths) >= min(least, rows)
    for rank in range(size):  # nobody is idle: a step is one of all
        start, end = Share(rank, size, least).shown(rows)
        assert end - start >= min(least, rows)


@pytest.mark.parametrize("start", [0, 2])
def test_shares_of_an_epoch(start: int) -> None:
    rows = 11
    data = TensorData({"x": torch.arange(rows).float()[:, None]}, {"y": torch.arange(rows)}, None, torch.arange(rows))
    order = torch.randperm(rows, generator=torch.Generator().manual_seed(0))
    whole = list(ordered_batches(data, 4, order, start=start))
    shares = [list(shared_batches(data, 4, order, Share(rank, 3), start=start)) for rank in range(3)]
    for step, batch in enumerate(whole):
        counted = [share[step].rows for share in shares if share[step].weights is None]
        assert torch.equal(torch.cat(counted), batch.rows)
        for share in shares:
            assert len(share[step])
            weights = share[step].weights
            assert weights is None or not weights.any()


def test_a_step_made_as_a_whole_is_cut_alike() -> None:
    data = TensorData({"x": torch.arange(7.0)[:, None]}, {"y": torch.arange(7)}, None, torch.arange(7))
    batch = data.batch(0, 7)
    parts = [Share(rank, 3).of_batch(batch).rows for rank in range(3)]
    assert torch.equal(torch.cat(parts), batch.rows)
    assert torch.equal(Share(1, 2, least=2).of_batch(data.batch(0, 3)).rows, torch.tensor([0, 1]))
