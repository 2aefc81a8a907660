"""Losses of how the rows of a batch lie to each other, by row.

A row without another one of its class, or without one of another class, has none.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import normalize as unit_vectors


class Pairs(NamedTuple):
    """Which rows of a batch are compared, bool `[B, B]`: each row with all others."""

    same: Tensor
    """Two rows of one class."""
    other: Tensor
    """Two rows of different classes."""

    @property
    def scored(self) -> Tensor:
        """Rows that have both, bool `[B]`."""
        return self.same.any(dim=1) & self.other.any(dim=1)


def pairs_of(target: Tensor, present: Tensor | None = None) -> Pairs:
    """The pairs of some rows.

    Args:
        target: Class of each row, `[B]`.
        present: Rows that take part, bool `[B]`; `None`: all.
    """
    is_same = target.unsqueeze(0) == target.unsqueeze(1)
    apart = ~torch.eye(len(target), dtype=torch.bool, device=target.device)
    if present is not None:
        apart = apart & present.unsqueeze(0) & present.unsqueeze(1)
    return Pairs(is_same & apart, ~is_same & apart)


def distances(vectors: Tensor) -> Tensor:
    """Euclidean distances of all rows `[B, F]` to each other, `[B, B]`; with a gradient (0) where two rows are equal."""
    squares = vectors.square().sum(dim=1)
    squared = squares.unsqueeze(0) + squares.unsqueeze(1) - 2 * vectors @ vectors.T
    return squared.clamp(min=1e-12).sqrt()


def triplet(output: Tensor, pairs: Pairs, *, margin: float, mining: str, normalize: bool) -> Tensor:
    """max(0, d(a, p) - d(a, n) + margin) by row a `[B]`.

    Args:
        output: Embeddings `[B, F]`.
        pairs: Which rows are compared.
        margin: How much farther a row of another class is to lie.
        mining: `semi_hard`: the mean over all p, each with the nearest n that lies farther than p, or the farthest n where none does.
            `hard`: the farthest p with the nearest n.
        normalize: Whether embeddings are divided by their length first.
    """
    apart = distances(unit_vectors(output, dim=1) if normalize else output)
    far = apart.masked_fill(~pairs.other, torch.inf)
    if mining == "hard":
        farthest, nearest = apart.masked_fill(~pairs.same, 0).amax(dim=1), far.amin(dim=1)
        return torch.where(pairs.scored, (farthest - nearest + margin).clamp(min=0), 0.0)
    chosen = nearest_beyond(far, apart, pairs.other)
    short = torch.where(pairs.same & pairs.other.any(dim=1, keepdim=True), (apart - chosen + margin).clamp(min=0), 0.0)
    return _mean_of(short, pairs.same, pairs.scored)


def nearest_beyond(far: Tensor, apart: Tensor, counted: Tensor) -> Tensor:
    """Of each distance `apart` `[B, M]` the smallest of its row of `far` `[B, N]` that is larger, or the largest where none is.

    Args:
        far: Distances, infinite where they don't count.
        apart: What they are compared with.
        counted: Which of them count, bool `[B, N]`.
    """
    ordered = far.sort(dim=1).values
    place = torch.searchsorted(ordered.detach(), apart.detach().contiguous(), right=True)
    return ordered.gather(1, torch.minimum(place, (counted.sum(dim=1, keepdim=True) - 1).clamp(min=0)))


def contrastive(output: Tensor, pairs: Pairs, *, margin: float, normalize: bool) -> Tensor:
    """By row `[B]` the mean of d^2 over the rows of its class, and that of max(0, margin - d)^2 over the others, added up."""
    apart = distances(unit_vectors(output, dim=1) if normalize else output)
    near = _mean_of(apart.square(), pairs.same, pairs.scored)
    return near + _mean_of((margin - apart).clamp(min=0).square(), pairs.other, pairs.scored)


def nt_xent(output: Tensor, pairs: Pairs, *, temperature: float) -> Tensor:
    """By row `[B]` the mean over the rows p of its class of -log of the share of exp(cos(a, p) / temperature) in that of all others."""
    vectors = unit_vectors(output, dim=1)
    logits = (vectors @ vectors.T / temperature).masked_fill(~(pairs.same | pairs.other), -torch.inf)
    surprise = logits.logsumexp(dim=1, keepdim=True) - logits
    return _mean_of(surprise, pairs.same, pairs.scored)


def by_distance(output: Tensor, target: Tensor, *, margin: float) -> Tensor:
    """Of distances `[B, 1]` and targets of 0 or 1 `[B]`: y d^2 + (1 - y) max(0, margin - d)^2."""
    apart = output.reshape(target.shape)
    return target * apart.square() + (1 - target) * (margin - apart).clamp(min=0).square()


def widened(output: Tensor, target: Tensor, *, scale: float, margin: float) -> Tensor:
    """Logits `[B, K]` of cosines: those of the class at an angle larger by a margin, all times the scale (Deng et al. 2019, equation 3).

    Where the angle with the margin would pass pi, the cosine is made smaller by margin * sin(margin) instead, as in the published code, so
    that a larger angle never costs less.
    """
    index = target.long().unsqueeze(1)
    cosine = output.gather(1, index).clamp(-1 + 1e-7, 1 - 1e-7)
    angle = cosine.acos()
    turn = cosine.new_tensor(margin)
    moved = torch.where(angle + turn < torch.pi, (angle + turn).cos(), cosine - turn * turn.sin())
    return scale * output.scatter(1, index, moved)


def _mean_of(values: Tensor, counted: Tensor, scored: Tensor) -> Tensor:
    """Mean of each row of `[B, B]` over what counts; 0 of rows that are not scored."""
    count = counted.sum(dim=1).clamp(min=1)
    means = values.masked_fill(~counted, 0).sum(dim=1) / count
    return means.masked_fill(~scored, 0)
