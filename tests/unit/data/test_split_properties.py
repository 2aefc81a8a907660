"""Splits, folds and orders of any rows: nothing lost, nothing twice, nothing that the seed does not decide."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from nntrain.data.batches import TensorData, num_batches, ordered_batches
from nntrain.data.orders import epoch_order, turns_of
from nntrain.data.split import Parts, folds, split_by_time, split_groups, split_rows
from nntrain.errors import DataError
from nntrain.training.class_orders import balanced_order

SEEDS = st.integers(0, 2**32 - 1)
SHARES = st.floats(0.02, 0.4)


def ints(values: Any) -> list[int]:
    """A tensor or an array of whole numbers as a list."""
    return cast("list[int]", values.tolist())


def whole(parts: Parts) -> list[int]:
    return sorted([*ints(parts.train), *ints(parts.validation), *ints(parts.test)])


def same(one: Parts, other: Parts) -> bool:
    pairs = ((one.train, other.train), (one.validation, other.validation), (one.test, other.test))
    return all(np.array_equal(left, right) for left, right in pairs)


@given(st.lists(st.integers(0, 3), min_size=12, max_size=200), SHARES, SHARES, SEEDS)
def test_stratified_parts_have_the_shares_of_the_classes(codes: list[int], validation: float, test: float, seed: int) -> None:
    classes, rows = np.array([f"c{code}" for code in codes]), np.arange(len(codes)) * 2
    sizes = {"validation": validation, "test": test}
    try:
        parts = split_rows(rows, sizes, seed=seed, classes=classes)
    except DataError:
        parts = None
    if parts is None:
        held = sum(max(1, round(size * len(codes))) for size in sizes.values())
        assert held > len(codes) - len(set(codes))
        return
    assert whole(parts) == rows.tolist()
    assert same(parts, split_rows(rows, sizes, seed=seed, classes=classes))
    held_out = len(parts.validation) + len(parts.test)
    counts = {name: int((classes == name).sum()) for name in np.unique(classes)}
    limited = any(count * held_out / len(codes) > count - 1 for count in counts.values())
    for name, count in counts.items():
        of = [int((classes[part // 2] == name).sum()) for part in (parts.train, parts.validation, parts.test)]
        assert of[0] >= 1
        if not limited:  # a class that must keep its only row leaves its part to the others
            assert abs(of[1] + of[2] - count * held_out / len(codes)) < 1


@given(st.lists(st.integers(0, 12), min_size=8, max_size=80), SHARES, SEEDS)
def test_groups_are_whole_in_splits_and_folds(codes: list[int], share: float, seed: int) -> None:
    groups, rows = np.array([f"g{code}" for code in codes]), np.arange(len(codes))
    if len(set(codes)) < 4:
        return
    parts = split_groups(rows, groups, {"validation": share, "test": share}, seed=seed)
    assert whole(parts) == rows.tolist()
    assert same(parts, split_groups(rows, groups, {"validation": share, "test": share}, seed=seed))
    of = [set(groups[part]) for part in (parts.train, parts.validation, parts.test)]
    assert not of[0] & of[1] | of[0] & of[2] | of[1] & of[2]
    found = folds(rows, 3, by="group", seed=seed, values=groups)
    assert sorted(ints(np.concatenate([fold.validation for fold in found]))) == rows.tolist()
    for fold in found:
        assert not set(groups[fold.train]) & set(groups[fold.validation])


@given(st.lists(st.integers(0, 9), min_size=6, max_size=60), SHARES, SHARES)
def test_time_never_runs_backwards(times: list[int], validation: float, test: float) -> None:
    rows, when = np.arange(len(times)), np.array(times, dtype=float)
    try:
        parts = split_by_time(rows, when, {"validation": validation, "test": test})
    except DataError:
        return
    assert whole(parts) == rows.tolist()
    assert when[parts.train].max() <= when[parts.validation].min() <= when[parts.validation].max() <= when[parts.test].min()


@given(st.lists(st.integers(0, 2), min_size=12, max_size=90), st.integers(2, 4), SEEDS)
def test_stratified_folds_deal_each_class_out(codes: list[int], count: int, seed: int) -> None:
    classes, rows = np.array(codes).astype(str), np.arange(len(codes))
    try:
        found = folds(rows, count, by="stratified", seed=seed, values=classes)
    except DataError:
        return
    assert sorted(ints(np.concatenate([fold.validation for fold in found]))) == rows.tolist()
    for name in set(classes):
        shares = [int((classes[fold.validation] == name).sum()) for fold in found]
        assert max(shares) - min(shares) <= 1


@given(st.integers(1, 300), SEEDS, st.integers(0, 50))
def test_an_order_has_each_row_once_and_is_of_seed_and_epoch(rows: int, seed: int, epoch: int) -> None:
    order = epoch_order(rows, seed=seed, epoch=epoch)
    assert sorted(ints(order)) == list(range(rows))
    torch.manual_seed(rows)  # the global generator plays no part
    torch.rand(3)
    assert torch.equal(order, epoch_order(rows, seed=seed, epoch=epoch))


@given(st.lists(st.integers(0, 4), min_size=2, max_size=80), SEEDS, st.integers(0, 9), st.integers(1, 9), st.data())
def test_a_balanced_order_is_balanced_and_can_be_entered_anywhere(
    codes: list[int], seed: int, epoch: int, size: int, data: st.DataObject
) -> None:
    classes = torch.tensor(codes)
    order = balanced_order(classes, seed=seed, epoch=epoch)
    assert len(order) == len(codes)
    counts = classes[order].bincount()[classes.unique()]
    assert int(counts.max() - counts.min()) <= 1
    turns = turns_of(order)
    for code in set(codes):
        rows = order[classes[order] == code]
        times = torch.bincount(rows)[rows.unique()]
        assert int(times.max() - times.min()) <= 1  # in turn: none comes again before all others came
    places = list(zip(ints(order), ints(turns), strict=True))
    assert len(set(places)) == len(places)
    rows = TensorData({"@number": classes.float()[:, None]}, {"y": classes}, None, torch.arange(len(codes)))
    start = data.draw(st.integers(0, num_batches(len(order), size)))
    found = [[ints(batch.rows) for batch in ordered_batches(rows, size, order, start=first)] for first in (0, start)]
    assert [row for batch in found[0] for row in batch] == ints(order)
    assert found[1] == found[0][start:]
