"""Metrics that compare rows with each other, by R weightings of the rows at once. Each sorts the rows once, not once a weighting.

A row of weight 2 counts as the row twice, a row of weight 0 as if it were not there.
"""

from __future__ import annotations

import math
from typing import Final, cast

import numpy as np
import torch
from torch import Tensor

MOST_AT_ONCE: Final = 2**22
"""Weights of rows that are sorted by several scores at once."""


def area_under_curve(score: Tensor, positive: Tensor, weights: Tensor) -> Tensor:
    """Chance that a positive row scores higher than a negative one, ties counted half: the area under the ROC curve.

    By ranks (Mann and Whitney 1947): no curve is drawn. A pair counts with the product of its rows' weights.

    Args:
        score: `[N]`.
        positive: Bool `[N]`.
        weights: Float64 `[R, N]`.

    Returns:
        `[R]`; NaN where one of the two kinds of rows is missing.
    """
    return areas_under_curves(score.unsqueeze(0), positive.unsqueeze(0), weights)[:, 0]


def areas_under_curves(scores: Tensor, positive: Tensor, weights: Tensor) -> Tensor:
    """The same of several scores of the same rows, `[K, N]` each; `[R, K]`. All are sorted in one call, as each has its own order."""
    many = max(1, MOST_AT_ONCE // max(1, weights.numel()))
    parts = zip(cast("tuple[Tensor, ...]", scores.split(many)), cast("tuple[Tensor, ...]", positive.split(many)), strict=True)
    return torch.cat([_areas(*part, weights) for part in parts], dim=1)


def plain_areas(scores: Tensor, positive: Tensor) -> Tensor:
    """The same of rows that all count once, each score of rows of its own, `[K, N]` each; `[K]`.

    Pairs are counted in whole numbers, so that it has the bits of the sums of `areas_under_curves`, which are exact too.
    """
    order = _order(scores)
    rising, won = scores.gather(1, order), positive.gather(1, order).double()
    own = won.sum(1)
    pairs = (won * _places(rising)).sum(1) - own * (own - 1) / 2  # rows below each, without those of its own kind
    return pairs / (own * (scores.shape[1] - own))


def _areas(scores: Tensor, positive: Tensor, weights: Tensor) -> Tensor:
    order = _order(scores)
    scores, positive, own = scores.gather(1, order), positive.gather(1, order), weights[:, order]
    won, lost = own * positive, own * ~positive
    below = lost.cumsum(2)
    if bool((scores[:, 1:] == scores[:, :-1]).any()):
        below = _below(scores, below)
    return (won * below).sum(2) / (won.sum(2) * lost.sum(2))


def _order(scores: Tensor) -> Tensor:
    """Rows of each of some scores `[K, N]` from the lowest up, int64 `[K, N]`."""
    known = scores if scores.itemsize >= 4 else scores.float()  # numpy has no bfloat16
    return torch.from_numpy(np.argsort(known.numpy(), axis=1))  # a fifth of the time of torch's


def _places(scores: Tensor) -> Tensor:
    """The place of each of some rising scores `[K, N]`, from 0; equal ones share the middle of theirs: float64 `[N]` or `[K, N]`."""
    rows, count = scores.shape
    begins = torch.ones_like(scores, dtype=torch.bool)
    begins[:, 1:] = scores[:, 1:] != scores[:, :-1]
    first = np.flatnonzero(begins.numpy())
    if len(first) == rows * count:
        return torch.arange(count, dtype=torch.float64)
    equal = np.diff(first, append=rows * count)
    return torch.from_numpy(np.repeat(first % count + (equal - 1) / 2, equal)).view(rows, count)


def _below(scores: Tensor, upto: Tensor) -> Tensor:
    """Weight below each of some rising scores `[K, N]`, ties counted half, of that up to each, `[R, K, N]`."""
    places = torch.arange(scores.shape[1], device=scores.device).expand_as(scores)
    begins = torch.ones_like(scores, dtype=torch.bool)
    begins[:, 1:] = scores[:, 1:] != scores[:, :-1]
    first = torch.where(begins, places, 0).cummax(1).values  # of the equal scores that each belongs to
    ends = begins.roll(-1, 1)
    ends[:, -1:] = True
    last = torch.where(ends, places, scores.shape[1]).flip(1).cummin(1).values.flip(1)
    before = torch.nn.functional.pad(upto, (1, 0))
    below, upto = (before.gather(2, place.expand_as(upto)) for place in (first, last + 1))
    return (below + upto) / 2


def average_precision(score: Tensor, positive: Tensor, weights: Tensor) -> Tensor:
    """Mean of the precision at each threshold, weighted by the recall that it adds: the area under the precision-recall curve in steps.

    Arguments and result as of `area_under_curve`; NaN where no row is positive.
    """
    won, lost = _by_value(score, positive, weights)
    won, lost = won.flip(1), lost.flip(1)  # from the highest score down
    found, taken = won.cumsum(1), (won + lost).cumsum(1)
    precision = torch.where(taken > 0, found / taken, 0.0)
    return (precision * won).sum(1) / found[:, -1]


def rank_correlation(first: Tensor, second: Tensor, weights: Tensor) -> Tensor:
    """Spearman's: the correlation of the ranks of two values `[N]`, equal values sharing the middle of their ranks; `[R]`."""
    ranks = [_ranks(values, weights) for values in (first, second)]
    share = weights / weights.sum(1, keepdim=True)
    one, two = (rank - (share * rank).sum(1, keepdim=True) for rank in ranks)
    spread = (share * one.square()).sum(1) * (share * two.square()).sum(1)
    return torch.where(spread > 1e-20, (share * one * two).sum(1) / spread.sqrt(), math.nan)


def median(values: Tensor, weights: Tensor) -> Tensor:
    """Value with half of the weight on each side, `[R]`; the middle of two where the halves meet between them."""
    order = values.argsort()
    values, weights = values[order].double(), weights[:, order]
    reached = weights.cumsum(1)
    half = reached[:, -1:] / 2
    rounding = 1e-12 * half
    lower = (reached < half - rounding).sum(1).clamp(max=len(values) - 1)
    upper = (reached <= half + rounding).sum(1).clamp(max=len(values) - 1)
    return torch.where(half[:, 0] > 0, (values[lower] + values[upper]) / 2, math.nan)


def largest(values: Tensor, weights: Tensor) -> Tensor:
    """The largest value of a row that counts, `[R]`; NaN where none does."""
    order = values.argsort(descending=True)
    counts = weights[:, order] > 0
    return torch.where(counts.any(1), values[order].double()[counts.int().argmax(1)], math.nan)


def _by_value(score: Tensor, positive: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    """Weights of the positive and of the negative rows by distinct score, in rising order, `[R, V]` each."""
    values, group = cast("tuple[Tensor, Tensor]", score.unique(return_inverse=True))
    empty = weights.new_zeros(len(weights), len(values))
    return empty.index_add(1, group, weights * positive), empty.index_add(1, group, weights * ~positive)


def _ranks(values: Tensor, weights: Tensor) -> Tensor:
    """Rank of each row, as a share of all weight, `[R, N]`."""
    found, group = cast("tuple[Tensor, Tensor]", values.unique(return_inverse=True))
    mass = weights.new_zeros(len(weights), len(found)).index_add(1, group, weights)
    return ((mass.cumsum(1) - mass / 2) / mass.sum(1, keepdim=True))[:, group]


def hits_at(score: Tensor, positive: Tensor, weights: Tensor, k: int) -> Tensor:
    """Share of the positive rows that score higher than the k-th highest negative one.

    Arguments and result as of `area_under_curve`; NaN where no row is positive, or fewer than k are negative.
    """
    negatives, order = score[~positive].sort(descending=True, stable=True)
    if not len(negatives):
        return weights.new_full((len(weights),), math.nan)
    counted = weights[:, ~positive][:, order].cumsum(1)
    place = (counted < k).sum(1)  # of the k-th one, as each counts by its weight
    threshold = negatives[place.clamp(max=len(negatives) - 1)]
    own = weights[:, positive]
    hits = (own * (score[positive] > threshold.unsqueeze(1))).sum(1) / own.sum(1)
    return torch.where(place < len(negatives), hits, math.nan)
