"""Scores of single values, and how they become scores of rows."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple, Protocol

from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits


class Score(Protocol):
    """A loss of single values, as torch's own: output and target of one shape."""

    def __call__(self, input: Tensor, target: Tensor, *, reduction: str) -> Tensor:
        """Score values; `reduction` is `sum` or `none`."""
        ...


class RowLoss(NamedTuple):
    """The two ways to score rows that a loss needs."""

    total: Callable[[Tensor, Tensor], Tensor]
    """`(output [B, …], target [B, …])` to the sum over all rows."""
    per_row: Callable[[Tensor, Tensor], Tensor]
    """The same by row: `[B]`."""


def row_loss(score: Score) -> RowLoss:
    """Score rows: a row counts once, however many values it has, so its values are averaged.

    The output may have the axis of one that a network's last layer leaves: `[B, 1]` for a target `[B]`.
    """

    def total(output: Tensor, target: Tensor) -> Tensor:
        return score(output.reshape(target.shape), target, reduction="sum") / math.prod(target.shape[1:])

    def per_row(output: Tensor, target: Tensor) -> Tensor:
        scores = score(output.reshape(target.shape), target, reduction="none")
        return scores if scores.ndim == 1 else scores.flatten(1).mean(dim=1)

    return RowLoss(total, per_row)


def binary_cross_entropy(input: Tensor, target: Tensor, *, reduction: str, label_smoothing: float = 0.0) -> Tensor:
    """Cross-entropy of logits and targets in [0, 1]; smoothing draws targets towards 1/2 (torch: cross_entropy of two classes)."""
    smoothed = target * (1 - label_smoothing) + label_smoothing / 2 if label_smoothing else target
    return binary_cross_entropy_with_logits(input, smoothed, reduction=reduction)
