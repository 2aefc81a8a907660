"""Scores of classes, by value of the target. A target in whole numbers holds class indices; one in fractions 0 or 1 for each output."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy, one_hot


def binary_cross_entropy(
    input: Tensor, target: Tensor, *, reduction: str, label_smoothing: float = 0.0, pos_weight: float | None = None
) -> Tensor:
    """Cross-entropy of logits and targets in [0, 1]; smoothing draws targets towards 1/2 (torch: cross_entropy of two classes)."""
    smoothed = target * (1 - label_smoothing) + label_smoothing / 2 if label_smoothing else target
    weight = None if pos_weight is None else input.new_tensor(pos_weight)
    return binary_cross_entropy_with_logits(input, smoothed, reduction=reduction, pos_weight=weight)


def focal(output: Tensor, target: Tensor, *, gamma: float, alpha: float | None) -> Tensor:
    """-(1 - p)^gamma log p of the chance p that a logit or a row of logits gives to the truth."""
    if not target.is_floating_point():
        surprise = cross_entropy(output, target, reduction="none")
        return (1 - (-surprise).exp()) ** gamma * surprise
    surprise = binary_cross_entropy_with_logits(output.reshape(target.shape), target, reduction="none")
    scores = (1 - (-surprise).exp()) ** gamma * surprise
    return scores if alpha is None else scores * (alpha * target + (1 - alpha) * (1 - target))


def hinge(output: Tensor, target: Tensor, *, margin: float, squared: bool) -> Tensor:
    """max(0, margin - distance), or its square."""
    short = (margin - _distance(output, target)).clamp(min=0)
    return short.square() if squared else short


def perceptron(output: Tensor, target: Tensor) -> Tensor:
    """max(0, -distance), with the slope of the wrong side on the border, where torch's relu has none and nothing would ever move."""
    distance = _distance(output, target)
    return torch.where(distance <= 0, -distance, 0.0)


def margin(output: Tensor, target: Tensor, *, m_plus: float, m_minus: float, down: float) -> Tensor:
    """Sum over the classes of how far lengths are inside the margins, squared (Sabour et al. 2017, equation 4): `[B, K]` to `[B]`."""
    truth = target if target.is_floating_point() else one_hot(target, output.shape[1]).to(output.dtype)
    there = (m_plus - output).clamp(min=0).square()
    other = (output - m_minus).clamp(min=0).square()
    return (truth * there + down * (1 - truth) * other).sum(dim=1)


def _distance(output: Tensor, target: Tensor) -> Tensor:
    """To the border, above 0 on the right side: y s of yes and no; of classes, the score of the class over the best other one."""
    if target.is_floating_point():
        return (2 * target - 1) * output.reshape(target.shape)
    index = target.unsqueeze(1)
    others = output.scatter(1, index, float("-inf")).max(dim=1).values
    return output.gather(1, index).squeeze(1) - others


def cumulative(output: Tensor, target: Tensor) -> Tensor:
    """Sum of the cross-entropies of the questions whether a class index is above 0, above 1, … : logits `[B, K - 1]` to `[B]`."""
    levels = torch.arange(output.shape[1], device=target.device)
    above = (target.unsqueeze(1) > levels).to(output.dtype)
    return binary_cross_entropy_with_logits(output, above, reduction="none").sum(dim=1)


def tversky(output: Tensor, target: Tensor, *, alpha: float, beta: float, smooth: float) -> Tensor:
    """1 - (TP + s) / (TP + alpha FP + beta FN + s) by row, of labels, or averaged over the classes of a row's pixels; of -1 none counts.

    s is half of `smooth`: with alpha = beta = 1/2 this is 1 - (2 TP + smooth) / (|A| + |B| + smooth).
    """
    if target.is_floating_point():
        shares, truth = output.sigmoid().unsqueeze(1), target.unsqueeze(1)
        both, given, there = (shares * truth).sum(dim=-1), shares.sum(dim=-1), truth.sum(dim=-1)
    else:
        index = target.reshape(len(target), 1, -1)
        shares = output.softmax(dim=1).reshape(len(output), output.shape[1], -1).masked_fill(index < 0, 0)
        is_class = index == torch.arange(output.shape[1], device=target.device).reshape(1, -1, 1)
        both, given, there = shares.masked_fill(~is_class, 0).sum(dim=-1), shares.sum(dim=-1), is_class.sum(dim=-1)
    overlap = (both + smooth / 2) / (both + alpha * (given - both) + beta * (there - both) + smooth / 2)
    counts = 1.0 if target.is_floating_point() else (target >= 0).reshape(len(target), -1).any(dim=1)
    return (1 - overlap).mean(dim=1) * counts
