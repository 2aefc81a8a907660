import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nntrain.data import split
from nntrain.data.noise import derive_seed, row_keys
from nntrain.data.row_numbers import RowNumbers
from nntrain.data.split import split_by_words, split_rows
from nntrain.errors import DataError

SIZES = st.one_of(st.none(), st.floats(0.01, 0.45), st.integers(2, 8))


def parts_of(parts):
    return [set(part.tolist()) for part in (parts.train, parts.validation, parts.test)]


@given(n=st.integers(25, 300), validation=SIZES, test=SIZES, seed=st.integers(0, 2**32 - 1))
def test_every_row_is_in_one_part_and_sizes_are_as_asked(n, validation, test, seed):
    rows = np.arange(0, 2 * n, 2)
    parts = split_rows(rows, {"validation": validation, "test": test}, seed=seed)
    train, validated, tested = parts_of(parts)
    assert train | validated | tested == set(rows.tolist())
    assert len(train) + len(validated) + len(tested) == n
    for size, found in ((validation, validated), (test, tested)):
        assert len(found) == (0 if size is None else size if isinstance(size, int) else max(1, round(size * n)))
    again = split_rows(rows, {"validation": validation, "test": test}, seed=seed)
    assert parts_of(again) == [train, validated, tested]


@given(
    counts=st.lists(st.integers(2, 60), min_size=1, max_size=6),
    validation=st.floats(0.05, 0.3),
    test=st.floats(0.05, 0.3),
    seed=st.integers(0, 1000),
)
def test_a_stratified_split_keeps_the_shares_and_a_training_row_of_each_class(counts, validation, test, seed):
    classes = np.repeat([f"class {index}" for index in range(len(counts))], counts)
    n = len(classes)
    held_out = max(1, round(validation * n)) + max(1, round(test * n))
    if held_out > n - len(counts):
        return
    parts = split_rows(np.arange(n), {"validation": validation, "test": test}, seed=seed, classes=classes)
    for index, count in enumerate(counts):
        names = classes == f"class {index}"
        kept = int(names[parts.train].sum())
        assert kept >= 1
        assert abs((count - kept) - count * held_out / n) < len(counts) + 1
    assert len(parts.validation) == max(1, round(validation * n))
    assert len(parts.test) == max(1, round(test * n))


def test_shares_are_within_one_row_where_classes_are_large():
    classes = np.repeat(["a", "b", "c"], [500, 300, 200])
    parts = split_rows(np.arange(1000), {"validation": 0.1, "test": 0.1}, seed=3, classes=classes)
    for part in (parts.validation, parts.test):
        assert [int((classes[part] == name).sum()) for name in "abc"] == [50, 30, 20]


def test_rows_sorted_by_class_do_not_decide_the_parts():
    parts = split_rows(np.arange(1000), {"validation": 0.2, "test": None}, seed=0)
    assert 300 < parts.validation.mean() < 700
    assert not len(parts.test)


def test_a_row_keeps_its_random_number_when_others_are_dropped():
    rows = np.arange(50)
    assert (row_keys(7, rows)[10:] == row_keys(7, rows[10:])).all()
    assert len(np.unique(row_keys(7, np.arange(10_000)))) == 10_000


def test_seeds_differ_by_purpose_and_are_fixed():
    seeds = [
        derive_seed(0, "split"),
        derive_seed(0, "order", 0),
        derive_seed(0, "order", 1),
        derive_seed(1, "split"),
        derive_seed(0, "order", "0"),
    ]
    assert len(set(seeds)) == len(seeds)
    assert derive_seed(0, "split") == 7661888751278840995
    assert all(0 <= seed < 2**63 for seed in seeds)


def test_too_few_rows_are_told():
    with pytest.raises(DataError, match="10 rows cannot give 5 for validation and 5 for test"):
        split_rows(np.arange(10), {"validation": 5, "test": 5}, seed=0)
    with pytest.raises(DataError, match=r"stratified split: 20 rows of 20 classes, 20 of them with one row"):
        split_rows(np.arange(20), {"validation": 0.1, "test": 0.1}, seed=0, classes=np.arange(20).astype(str))


def test_a_column_decides():
    words = ["train", "Val", None, "test", "dev", "holdout"]
    parts, unknown = split_by_words(np.arange(6), words, "fold")
    assert parts_of(parts) == [{0, 2}, {1, 4}, {3}]
    assert unknown.tolist() == [5]
    with pytest.raises(DataError, match="no row of column 'fold' says train"):
        split_by_words(np.arange(1), ["test"], "fold")


@pytest.mark.parametrize("classes", [None, [0.7, 0.2, 0.0999, 0.0001]])
def test_rows_are_chosen_a_portion_at_a_time(monkeypatch: pytest.MonkeyPatch, classes: list[float] | None) -> None:
    """Of more rows than a portion has, whole or in int32, the same are chosen as of all at once."""
    rows = np.arange(20_000) * 2
    of_class = None if classes is None else np.random.default_rng(0).choice(4, len(rows), p=classes)
    at_once = split_rows(rows, {"validation": 0.1, "test": 0.05}, seed=1, classes=of_class)
    monkeypatch.setattr(split, "PORTION", 512)
    small = None if of_class is None else of_class.astype(np.uint8)
    found = split_rows(rows.astype(np.int32), {"validation": 0.1, "test": 0.05}, seed=1, classes=small)
    for one, other in zip((at_once.train, at_once.validation, at_once.test), (found.train, found.validation, found.test), strict=True):
        assert np.array_equal(one, other)
        assert other.dtype == np.int32
    order = np.argsort(row_keys(1, rows), kind="stable")
    assert classes is not None or np.array_equal(at_once.validation, np.sort(rows[order[:2000]]))


@pytest.mark.parametrize("portion", [64, 2**16])
@pytest.mark.parametrize("count", [1, 3, 700])
def test_the_lowest_keys_of_each_class_are_held_back(monkeypatch: pytest.MonkeyPatch, portion: int, count: int) -> None:
    """However keys are counted, those are chosen that sorting all of them would choose."""
    monkeypatch.setattr(split, "PORTION", portion)
    draws = np.random.default_rng(count)
    rows = np.flatnonzero(draws.random(4000) < 0.7)
    codes = draws.integers(0, count, len(rows))
    totals = np.bincount(codes, minlength=count)
    held = draws.integers(0, totals + 1)
    first = draws.integers(0, held + 1)
    expected = np.zeros(len(rows), dtype=np.uint8)
    for code in range(count):
        own = np.flatnonzero(codes == code)
        order = own[np.argsort(row_keys(9, rows[own]))]
        expected[order[: held[code]]] = 1
        expected[order[: first[code]]] = 2
    for numbers in (rows, RowNumbers.of(rows, 4000)):
        assert np.array_equal(split._marked(9, numbers, codes, (held, first)), expected)
