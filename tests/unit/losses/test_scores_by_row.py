"""A loss that says so scores a row, and gives it a slope, with the same bits wherever the row lies."""

from __future__ import annotations

import pytest
import torch

from nntrain.losses.classification import CrossEntropy
from nntrain.losses.loss import LossFunction


def sliding(function: LossFunction, logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    leaf = logits.clone().requires_grad_()
    function.total(leaf, target).div(len(target)).backward()
    assert leaf.grad is not None
    return leaf.grad


@pytest.mark.parametrize("classes", [2, 3, 10, 16, 33, 200])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_rows_of_several_have_the_bits_of_each(smoothing: float, classes: int) -> None:
    function = CrossEntropy().build(label_smoothing=smoothing)
    assert function.is_exact_by_row
    draws = torch.Generator().manual_seed(classes)
    for rows in (1, 2, 5, 13, 29, 31, 64, 77):
        logits = torch.randn(5, rows, classes, generator=draws) * 4
        target = torch.randint(classes, (5, rows), generator=draws)
        leaf = logits.flatten(0, 1).requires_grad_()
        scores = function.per_row(leaf, target.flatten(), None)
        (slopes,) = torch.autograd.grad((scores.view(5, rows).sum(1) / rows).sum(), leaf)
        for member in range(5):
            alone = function.per_row(logits[member], target[member], None)
            assert torch.equal(scores.view(5, rows)[member], alone)
            assert torch.equal(slopes.view(5, rows, classes)[member], sliding(function, logits[member], target[member]))
