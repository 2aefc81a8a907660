import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from nntrain.data import batches
from nntrain.data.batches import TensorData, epoch_batches, num_batches, plain_batches
from nntrain.data.packed import PackedSteps


def make(n):
    rows = torch.arange(n)
    return TensorData({"@number": rows.float()[:, None] * 2}, {"y": rows % 3}, rows.float() + 1, rows)


def order(found):
    return [batch.rows.tolist() for batch in found]


@given(n=st.integers(1, 70), rows=st.integers(1, 20), seed=st.integers(0, 5), epoch=st.integers(0, 5))
def test_an_epoch_shows_each_row_once_in_an_order_of_seed_and_epoch(n, rows, seed, epoch):
    data = make(n)
    found = order(epoch_batches(data, rows, seed=seed, epoch=epoch))
    assert sorted(row for batch in found for row in batch) == list(range(n))
    assert len(found) == num_batches(n, rows)
    assert found == order(epoch_batches(data, rows, seed=seed, epoch=epoch))
    if rows > 1 and len(found) > 1:
        assert min(map(len, found)) > 1


@given(n=st.integers(2, 70), rows=st.integers(1, 9), start=st.integers(0, 80), per_chunk=st.integers(1, 5))
def test_an_epoch_can_be_entered_at_any_batch(n, rows, start, per_chunk):
    data = make(n)
    whole = order(epoch_batches(data, rows, seed=1, epoch=2))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(batches, "CHUNK_BYTES", per_chunk * rows * 20)
        assert order(epoch_batches(data, rows, seed=1, epoch=2, start=start)) == whole[start:]


def test_orders_differ_by_epoch_and_seed():
    data = make(64)
    orders = {str(order(epoch_batches(data, 8, seed=seed, epoch=epoch))) for seed in range(3) for epoch in range(3)}
    assert len(orders) == 9


def test_a_row_stays_whole():
    for batch in epoch_batches(make(33), 8, seed=0, epoch=0):
        assert torch.equal(batch.inputs["@number"][:, 0], batch.rows.float() * 2)
        assert torch.equal(batch.targets["y"], batch.rows % 3)
        assert torch.equal(batch.weights, batch.rows.float() + 1)


@pytest.mark.parametrize(
    ("n", "rows", "sizes"), [(9, 4, [4, 5]), (8, 4, [4, 4]), (10, 4, [4, 4, 2]), (1, 4, [1]), (3, 1, [1, 1, 1]), (4, 100, [4])]
)
def test_a_last_batch_of_one_row_joins_the_one_before(n, rows, sizes):
    assert [len(batch) for batch in epoch_batches(make(n), rows, seed=0, epoch=0)] == sizes
    batch = next(epoch_batches(make(n), n, seed=0, epoch=0))
    parts = batch.split(rows)
    assert [len(part) for part in parts] == sizes
    assert torch.cat([part.rows for part in parts]).tolist() == batch.rows.tolist()


def test_evaluation_keeps_the_order_and_every_row():
    assert order(plain_batches(make(5), 2)) == [[0, 1], [2, 3], [4]]


def test_rows_by_position():
    data = make(5)
    assert data.take(torch.tensor([4, 0])).rows.tolist() == [4, 0]
    assert data.head(2).rows.tolist() == [0, 1]
    assert len(data.head(9)) == 5
    assert data.to("cpu").weights.tolist() == data.weights.tolist()


def ragged(lengths):
    """Rows of the given lengths; step t of row i is [100 i + t + 1, -1]."""
    values = [[100.0 * row + step + 1, -1.0] for row, length in enumerate(lengths) for step in range(length)]
    rows = torch.arange(len(lengths))
    packed = PackedSteps.of(torch.tensor(values).reshape(-1, 2), torch.tensor(lengths))
    return TensorData({}, {"y": rows % 2}, None, rows, {"x": packed})


def check_steps(batch, lengths):
    found = [lengths[row] for row in batch.rows.tolist()]
    assert batch.inputs["x.lengths"].tolist() == found
    assert batch.inputs["x"].shape == (len(batch), max([*found, 1]), 2)
    for row, length, steps in zip(batch.rows.tolist(), found, batch.inputs["x"], strict=True):
        assert steps[:length, 0].tolist() == [100.0 * row + step + 1 for step in range(length)]
        assert (steps[:length, 1] == -1).all()
        assert (steps[length:] == 0).all()


@given(lengths=st.lists(st.integers(0, 6), min_size=2, max_size=30), rows=st.integers(2, 7), start=st.integers(0, 5))
def test_rows_of_different_lengths_are_padded_to_the_longest_of_their_batch(lengths, rows, start):
    data = ragged(lengths)
    whole = list(epoch_batches(data, rows, seed=3, epoch=1))
    assert sorted(row for batch in whole for row in batch.rows.tolist()) == list(range(len(lengths)))
    for batch in (*whole, *plain_batches(data, rows)):
        check_steps(batch, lengths)
    for batch in whole:
        for part in batch.split(2):
            check_steps(part, lengths)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(batches, "CHUNK_BYTES", 100)
        entered = list(epoch_batches(data, rows, seed=3, epoch=1, start=start))
    for one, two in zip(entered, whole[start:], strict=True):
        assert torch.equal(one.inputs["x"], two.inputs["x"])


def test_rows_of_different_lengths_by_position():
    lengths = [3, 0, 1, 50]
    data = ragged(lengths)
    assert data.values_per_row == 100
    assert len(data.head(2).stored["x"].values) == 3
    part = data.take(torch.tensor([2, 0])).to("cpu")
    assert len(part.stored["x"].values) == 4
    check_steps(next(plain_batches(part, 2)), lengths)
    check_steps(next(plain_batches(data.take(torch.tensor([1])), 1)), lengths)
