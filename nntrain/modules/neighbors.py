"""Nearest rows by euclidean distance, exactly: all distances are computed, some rows at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

import torch
from torch import Tensor

STEPS: Final = 4096
"""Equal steps of the distance by which pairs are counted."""

_VALUES: Final = 2**24
"""Distances that are held at once."""


def recall_at(vectors: Tensor, target: Tensor, weights: Tensor, k: int) -> Tensor:
    """Share of the rows with one of their class among the k nearest others.

    Args:
        vectors: Embeddings `[N, F]`.
        target: Class of each row, int64 `[N]`.
        weights: How much each row counts as a question, float64 `[R, N]`.
        k: Neighbours that are looked at.

    Returns:
        `[R]`; NaN where no row that counts has another one of its class.
    """
    vectors, target, weights = _shuffled(vectors, target, weights)
    hits = [
        (target[squared.topk(min(k, len(target)), largest=False).indices] == target[rows, None])[:, : len(target) - 1].any(dim=1)
        for rows, squared in _portions(vectors)
    ]
    return _mean(hits, target, weights)


def first_ranks(vectors: Tensor, target: Tensor) -> Tensor:
    """At which place the nearest comes that belongs to each row, from 1, float64 `[N]`; infinite where none does.

    Rows that lie equally far come in their order.

    Args:
        vectors: Embeddings `[N, F]`, each row among all others; or `[N, n, F]`, the first thing of each row among the second ones of all.
        target: Class of each row, int64 `[N]`.
    """
    is_joint = vectors.ndim == 3
    asking, asked = vectors[:, 0] if is_joint else vectors, vectors[:, 1] if is_joint else vectors
    places = torch.arange(len(target))
    found: list[Tensor] = []
    for rows, squared in _portions(asking, asked if is_joint else None):
        belongs = (target[rows, None] == target) & squared.isfinite()
        nearest = squared.masked_fill(~belongs, torch.inf).amin(dim=1, keepdim=True)
        first = (belongs & (squared == nearest)).int().argmax(dim=1, keepdim=True)
        before = (squared < nearest) | ((squared == nearest) & (places < first))
        rank = 1 + before.sum(dim=1).double()
        found.append(rank.masked_fill(~belongs.any(dim=1), torch.inf))
    return torch.cat(found) if found else torch.zeros(0, dtype=torch.float64)


def reciprocal_rank(vectors: Tensor, target: Tensor, weights: Tensor) -> Tensor:
    """Mean of 1 / the rank of the nearest that belongs to a row; arguments as of `first_ranks` and `recall_at`, `[R]`."""
    vectors, target, weights = _shuffled(vectors, target, weights)
    return _over_ranked(first_ranks(vectors, target), lambda ranks: 1 / ranks, weights)


def joint_recall_at(vectors: Tensor, target: Tensor, weights: Tensor, k: int) -> Tensor:
    """Share of the rows of which what belongs to them is among the k nearest; arguments as of `first_ranks` and `recall_at`, `[R]`."""
    vectors, target, weights = _shuffled(vectors, target, weights)
    return _over_ranked(first_ranks(vectors, target), lambda ranks: (ranks <= k).double(), weights)


def nearer_share(vectors: Tensor, weights: Tensor) -> Tensor:
    """Share of the rows `[N, 3, F]` whose second thing lies nearer to the first than the third does, a tie counted half, `[R]`."""
    near, far = ((vectors[:, 0] - vectors[:, place]).double().square().sum(dim=1) for place in (1, 2))
    return weights @ ((near < far).double() + (near == far).double() / 2) / weights.sum(dim=1)


def _over_ranked(ranks: Tensor, value: Callable[[Tensor], Tensor], weights: Tensor) -> Tensor:
    """Weighted mean `[R]` over the rows that something belongs to."""
    is_ranked = ranks.isfinite()
    counted = weights * is_ranked
    return counted @ value(ranks).masked_fill(~is_ranked, 0) / counted.sum(dim=1)


def map_at_r(vectors: Tensor, target: Tensor, weights: Tensor) -> Tensor:
    """Mean over the rows of the average precision among the R nearest, R the number of others of the class; arguments as of `recall_at`."""
    vectors, target, weights = _shuffled(vectors, target, weights)
    others = target.bincount()[target] - 1 if len(target) else target
    most = int(others.max()) if len(target) else 0
    ranks = torch.arange(1, most + 1, dtype=torch.float64)
    found: list[Tensor] = []
    for rows, squared in _portions(vectors):
        nearest = squared.topk(most, largest=False).indices
        count = others[rows, None]
        hits = (target[nearest] == target[rows, None]) & (ranks <= count)
        precision = hits.cumsum(dim=1) / ranks
        found.append((precision * hits).sum(dim=1) / count[:, 0].clamp(min=1))
    return _mean(found, target, weights)


def pair_auroc(vectors: Tensor, target: Tensor, weights: Tensor) -> Tensor:
    """Chance that two rows of one class lie nearer than two of different classes, ties counted half; arguments as of `recall_at`.

    A pair counts by the weight of the row that asks, so that each counts from both sides.
    """
    vectors = _centred(vectors)
    farthest = max((float(squared[squared.isfinite()].max()) for _, squared in _portions(vectors) if len(target) > 1), default=0.0) ** 0.5
    same, other = (torch.zeros(len(weights), STEPS, dtype=torch.float64) for _ in range(2))
    for rows, squared in _portions(vectors):
        step = (squared.sqrt() * ((STEPS - 1) / max(farthest, 1e-30))).nan_to_num(posinf=0).long()
        is_same = target[rows, None] == target[None]
        apart = squared.isfinite()
        counts = [
            torch.zeros(len(squared), STEPS, dtype=torch.float64).scatter_add_(1, step, (kind & apart).double())
            for kind in (is_same, ~is_same)
        ]
        same, other = same + weights[:, rows] @ counts[0], other + weights[:, rows] @ counts[1]
    lost = other.sum(dim=1, keepdim=True) - other.cumsum(dim=1) + other / 2
    return (same * lost).sum(dim=1) / (same.sum(dim=1) * other.sum(dim=1))


def _shuffled(vectors: Tensor, target: Tensor, weights: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The rows in a drawn order, always the same: rows that lie equally far come in it, and the order of a file may tell their class."""
    order = torch.randperm(len(target), generator=torch.Generator().manual_seed(0))
    vectors = vectors[order]
    is_joint = vectors.ndim == 3  # one mean for all things then: it moves none of them nearer to another
    centred = _centred(vectors.flatten(0, 1)).reshape(vectors.shape) if is_joint else _centred(vectors)
    return centred, target[order], weights[:, order]


def _centred(vectors: Tensor) -> Tensor:
    """Around 0, where differences cancel least; equal rows are 0 then, and their distances too."""
    vectors = vectors.flatten(1).float()
    return vectors - vectors[:1] if len(vectors) < 2 or bool((vectors == vectors[:1]).all()) else vectors - vectors.mean(dim=0)


def _portions(vectors: Tensor, others: Tensor | None = None) -> Iterator[tuple[slice, Tensor]]:
    """Some rows, and their squared distances to all, float32 `[B, N]`, infinite to themselves; or to all of `others`."""
    asked = vectors if others is None else others
    own, squares = vectors.square().sum(dim=1), asked.square().sum(dim=1)
    size = max(1, _VALUES // max(1, len(vectors)))
    for start in range(0, len(vectors), size):
        rows = slice(start, min(start + size, len(vectors)))
        squared = (own[rows, None] + squares - 2 * vectors[rows] @ asked.T).clamp_(min=0)
        if others is None:
            index = torch.arange(len(squared))
            squared[index, index + start] = torch.inf
        yield rows, squared


def _mean(values: list[Tensor], target: Tensor, weights: Tensor) -> Tensor:
    """Weighted mean `[R]` over the rows whose class another row has."""
    if not values:
        return weights.new_full((len(weights),), torch.nan)
    counted = weights * (target.bincount()[target] > 1)
    return counted @ torch.cat(values).double() / counted.sum(dim=1)
