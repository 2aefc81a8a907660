"""Scores of values, and how scores become losses of rows."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple, Protocol

import torch
from torch import Tensor
from torch.nn.functional import cosine_similarity, kl_div, log_softmax, softplus


class Score(Protocol):
    """A loss of single values, as torch's own."""

    def __call__(self, input: Tensor, target: Tensor, *, reduction: str) -> Tensor:
        """Score values; `reduction` is `sum` or `none`."""
        ...


class RowLoss(NamedTuple):
    """The two ways to score rows that a loss needs."""

    total: Callable[[Tensor, Tensor], Tensor]
    """`(output [B, …], target [B, …])` to the sum over all rows."""
    per_row: Callable[[Tensor, Tensor, Tensor | None], Tensor]
    """The same by row, `[B]`; the third says how much each value of the target counts, `None`: once."""


def scored(values: Callable[[Tensor, Tensor], Tensor]) -> Score:
    """A function that scores values one by one as torch's own losses are called."""

    def score(input: Tensor, target: Tensor, *, reduction: str) -> Tensor:
        scores = values(input, target)
        return scores.sum() if reduction == "sum" else scores

    return score


def row_loss(score: Score, *, reshapes: bool = False, by_row: bool = False, sums: bool = False) -> RowLoss:
    """Score rows: a row counts once, however many values it has, so its values are averaged.

    Args:
        score: Gives a score for each value of the target.
        reshapes: Whether output and target are of one shape, but for the axis of one that a network's last layer leaves: `[B, 1]` for a
            target `[B]`. Targets in whole numbers are scored as such then.
        by_row: Whether `score` gives one for each row instead.
        sums: Whether the values of a row are added up instead.
    """

    def fitted(output: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        if not reshapes:
            return output, target
        return output.reshape(target.shape), target if target.is_floating_point() else target.to(output.dtype)

    def total(output: Tensor, target: Tensor) -> Tensor:
        found = score(*fitted(output, target), reduction="sum")
        values = math.prod(target.shape[1:])
        return found if by_row or sums or values == 1 else found / values

    def per_row(output: Tensor, target: Tensor, by_value: Tensor | None) -> Tensor:
        scores = score(*fitted(output, target), reduction="none")
        scores = scores if by_value is None else scores * by_value
        if scores.ndim == 1:
            return scores
        return scores.flatten(1).sum(dim=1) if sums else scores.flatten(1).mean(dim=1)

    return RowLoss(total, per_row)


def log_cosh(output: Tensor, target: Tensor) -> Tensor:
    """log(cosh(output - target)) by value, without the overflow of cosh."""
    error = output - target
    return error + softplus(-2 * error) - math.log(2)


def pinball(output: Tensor, target: Tensor, *, levels: tuple[float, ...]) -> Tensor:
    """Mean over the quantiles of max(q e, (q - 1) e), by value."""
    error = target.unsqueeze(-1) - spread(output, target.shape, len(levels))
    quantiles = torch.tensor(levels, dtype=error.dtype, device=error.device)
    return torch.maximum(quantiles * error, (quantiles - 1) * error).mean(dim=-1)


def normal_nll(output: Tensor, target: Tensor) -> Tensor:
    """Negative log-likelihood of mean and log-variance, by value; without log(2 pi) / 2."""
    mean, log_variance = spread(output, target.shape, 2).unbind(-1)
    return (log_variance + (target - mean).square() * (-log_variance).exp()) / 2


def divergence(output: Tensor, target: Tensor) -> Tensor:
    """Kullback-Leibler divergence of shares from a softmax of logits, by row."""
    return kl_div(log_softmax(output, dim=1), target, reduction="none").flatten(1).sum(dim=1)


def angle(output: Tensor, target: Tensor) -> Tensor:
    """1 - cosine of the angle between output and target, by row."""
    return 1 - cosine_similarity(output.flatten(1), target.flatten(1), dim=1)


def spread(output: Tensor, shape: torch.Size, numbers: int) -> Tensor:
    """The numbers that stand for each value of a target, on a last axis of their own.

    Args:
        output: What the network gives: the numbers of a value side by side on the axis of values or channels, as `split_numbers` has
            them; `[B, Q]` for a target `[B]`.
        shape: Shape of the values.
        numbers: Q.
    """
    if len(shape) == 1 or numbers == 1:
        return output.reshape(*shape, numbers)
    return split_numbers(output, next(axis for axis, size in enumerate(shape) if output.shape[axis] != size), numbers)


def split_numbers(output: Tensor, axis: int, numbers: int) -> Tensor:
    """`[B, F * Q]` to `[B, F, Q]`, `[B, C * Q, H, W]` to `[B, C, H, W, Q]`, where `axis` is that of values or channels."""
    shape = output.shape
    return output.reshape(*shape[:axis], shape[axis] // numbers, numbers, *shape[axis + 1 :]).movedim(axis + 1, -1)
