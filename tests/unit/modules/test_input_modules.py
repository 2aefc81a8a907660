"""Modules of the input stage against one column at a time."""

from __future__ import annotations

import torch
from torch.nn.functional import one_hot
from torch.testing import assert_close

from nntrain.modules.inputs import ColumnEmbedding, OneHot, SelectColumns, SingleColumn

BLOCK = torch.tensor([[1, 0, 3], [0, 2, 1], [2, 4, 0]])


def test_one_hot_of_all_columns_is_that_of_each():
    expected = torch.cat([one_hot(BLOCK[:, 2], 4)[:, 1:], one_hot(BLOCK[:, 0], 3)[:, 1:]], 1).float()
    assert torch.equal(OneHot((2, 0), (4, 3))(BLOCK), expected)


def test_embedding_of_all_columns_looks_up_each_columns_own_vectors():
    module = ColumnEmbedding((0, 1), (3, 5), (2, 3))
    assert module.weight.shape == (1 + 2 + 4, 3)
    tables = [module.weight[1:3, :2], module.weight[3:]]
    out = module(BLOCK)
    for row, (first, second, _) in enumerate(BLOCK.tolist()):
        for column, value, part in ((0, first, out[row, :2]), (1, second, out[row, 2:])):
            assert_close(part, tables[column][value - 1] if value else torch.zeros_like(part))


def test_unseen_values_are_zero_and_not_trained():
    module = ColumnEmbedding((0,), (3,), (2,))
    module(torch.tensor([[0], [1]])).sum().backward()
    assert module.weight.grad is not None
    assert module.weight.grad.tolist() == [[0.0, 0.0], [1.0, 1.0], [0.0, 0.0]]


def test_columns_are_selected_in_order():
    assert SelectColumns((2, 0))(BLOCK.float()).tolist() == [[3.0, 1.0], [1.0, 0.0], [0.0, 2.0]]
    assert SingleColumn(1)(BLOCK).tolist() == [0, 2, 4]
