"""Which rows share a batch by their classes: functions of (seed, epoch) alone."""

from __future__ import annotations

from typing import cast

import pytest
import torch

from nntrain.errors import SpecError
from nntrain.training.class_orders import ClassOrder, balanced_order, pk_order, triplet_order

CLASSES = torch.tensor([0, 1, 2, 2, 0, 1, 1, 1, 3, 0, 2, 1])


def test_three_rows_at_a_time_are_two_of_a_class_and_one_of_another() -> None:
    for epoch in range(20):
        order = triplet_order(CLASSES, 11, seed=0, epoch=epoch)
        first, second, third = order.reshape(11, 3).T
        assert bool((CLASSES[first] == CLASSES[second]).all())
        assert bool((first != second).all())
        assert bool((CLASSES[first] != CLASSES[third]).all())
        assert sorted(cast("list[int]", first.tolist())) == [row for row in range(12) if row != 8]  # the class of row 8 has no other row
        assert torch.equal(order, triplet_order(CLASSES, 11, seed=0, epoch=epoch))
    orders = [triplet_order(CLASSES, 4000, seed=seed, epoch=0) for seed in (0, 1)]
    assert not torch.equal(*orders)
    third = orders[0].reshape(-1, 3)[:, 2][CLASSES[orders[0].reshape(-1, 3)[:, 0]] == 1]
    counts = third.bincount(minlength=12)[CLASSES != 1].float()
    assert counts.min() / counts.max() > 0.8  # all rows of other classes come alike


def test_the_rows_that_a_batch_has_of_a_class_differ_where_it_has_as_many() -> None:
    """Each row comes once before one of them again, too: after any number of groups no row is a turn ahead by more than one."""
    classes = torch.tensor([0] * 5 + [1] * 4 + [2] * 7 + [3] * 2)
    for epoch in range(10):
        groups = pk_order(classes, 4, 4, 160, seed=0, epoch=epoch).reshape(-1, 4)
        for group in groups:
            assert len({*cast("list[int]", group.tolist())}) == (2 if classes[group[0]] == 3 else 4)
        counts = groups.flatten().bincount(minlength=18)
        assert all(int(counts[classes == kind].max() - counts[classes == kind].min()) <= 1 for kind in range(4))


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_share_of_the_rows_is_yes(share: float) -> None:
    classes = (torch.arange(200) % 10 == 0).long()
    order = balanced_order(classes, (1 - share, share), seed=3, epoch=1)
    assert len(order) == 200
    assert int(classes[order].sum()) == round(200 * share)
    assert torch.equal(order, ClassOrder(classes, positive=share).positions(1, 200, seed=3, epoch=1))


@pytest.mark.parametrize(
    ("share", "yes", "told", "hint"),
    [
        (0.001, 50, "0.001 of 100 training rows are 0.1 rows that are yes", "positive_fraction: 0.01"),
        (0.999, 50, "0.999 of 100 training rows are 0.1 rows that are no", "positive_fraction: 0.99"),
        (0.3, 0, "none is yes", "leave sampler out"),
        (0.3, 100, "none is no", "leave sampler out"),
    ],
)
def test_a_share_needs_rows_of_both_classes_and_one_of_an_epoch(share: float, yes: int, told: str, hint: str) -> None:
    with pytest.raises(SpecError, match=told) as found:
        ClassOrder((torch.arange(100) < yes).long(), positive=share)
    assert hint in str(found.value.hint)
    for least in (0.01, 0.99):  # what the hints say is taken
        order = ClassOrder((torch.arange(100) < 50).long(), positive=least).positions(1, 100, seed=0, epoch=0)
        assert int((order < 50).sum()) == round(100 * least)


def test_triplets_need_two_rows_of_a_class_and_another_class() -> None:
    for classes in (torch.arange(4), torch.zeros(4, dtype=torch.int64)):
        with pytest.raises(SpecError, match="triplets takes two training rows"):
            ClassOrder(classes, in_triplets=True)
