"""Losses of rows that hold two or three things, by row: near those of their own row, away from those of others.

Outputs are `[B, 2, F]` or `[B, 3, F]`: an anchor, what belongs to it, and, where there are three, what does not.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import normalize as unit_vectors

from nntrain.modules.embedding_losses import nearest_beyond


def others_of(target: Tensor, present: Tensor | None = None) -> Tensor:
    """Whether two rows are of different classes, bool `[B, B]`; `present`, bool `[B]`, are the rows that take part, `None`: all."""
    apart = target.unsqueeze(0) != target.unsqueeze(1)
    return apart if present is None else apart & present.unsqueeze(0) & present.unsqueeze(1)


def nt_xent(output: Tensor, other: Tensor, *, temperature: float) -> Tensor:
    """Mean of two cross-entropies by row `[B]`: which of the second things is the anchor's, and which of the anchors the second thing's.

    Candidates are those of the own row and of `other` rows; for the anchor the third things among them too. Cosines are divided by the
    temperature.
    """
    first, second, *rest = unit_vectors(output, dim=2).unbind(1)
    counted = other | torch.eye(len(other), dtype=torch.bool, device=other.device)
    logits = (first @ second.T / temperature).masked_fill(~counted, -torch.inf)
    own = logits.diagonal()
    candidates = [logits, *((first @ third.T / temperature).masked_fill(~counted, -torch.inf) for third in rest)]
    there, back = torch.cat(candidates, dim=1).logsumexp(dim=1) - own, logits.logsumexp(dim=0) - own
    return _scored((there + back) / 2, other)


def triplet(output: Tensor, other: Tensor, *, margin: float, mining: str, normalize: bool) -> Tensor:
    """max(0, d(a, p) - d(a, n) + margin) by row `[B]`, n among the second things of `other` rows.

    `semi_hard`: the nearest that lies farther than p, or the farthest where none does. `hard`: the nearest.
    """
    first, second = (unit_vectors(output, dim=2) if normalize else output).unbind(1)
    apart = _distances(first, second)
    own, far = apart.diagonal(), apart.masked_fill(~other, torch.inf)
    chosen = far.amin(dim=1) if mining == "hard" else nearest_beyond(far, own.unsqueeze(1), other).squeeze(1)
    return torch.where(other.any(dim=1), (own - chosen + margin).clamp(min=0), 0.0)


def contrastive(output: Tensor, other: Tensor, *, margin: float, normalize: bool) -> Tensor:
    """By row `[B]` d(a, p)^2, and the mean of max(0, margin - d(a, n))^2 over the second things n of `other` rows, added up."""
    first, second = (unit_vectors(output, dim=2) if normalize else output).unbind(1)
    apart = _distances(first, second)
    pushed = (margin - apart).clamp(min=0).square().masked_fill(~other, 0).sum(dim=1) / other.sum(dim=1).clamp(min=1)
    return _scored(apart.diagonal().square() + pushed, other)


def triplet_of_three(output: Tensor, target: Tensor, *, margin: float, normalize: bool) -> Tensor:
    """max(0, d(a, p) - d(a, n) + margin) of the three things of each row, `[B]`."""
    near, far = _own_distances(output, normalize=normalize)
    return (near - far + margin).clamp(min=0)


def contrastive_of_three(output: Tensor, target: Tensor, *, margin: float, normalize: bool) -> Tensor:
    """d(a, p)^2 + max(0, margin - d(a, n))^2 of the three things of each row, `[B]`."""
    near, far = _own_distances(output, normalize=normalize)
    return near.square() + (margin - far).clamp(min=0).square()


def _own_distances(output: Tensor, *, normalize: bool) -> tuple[Tensor, Tensor]:
    """Distances of the first thing to the second and to the third, `[B]` each."""
    first, second, third = (unit_vectors(output, dim=2) if normalize else output).unbind(1)
    near, far = ((first - each).square().sum(dim=1).clamp(min=1e-12).sqrt() for each in (second, third))
    return near, far


def _distances(first: Tensor, second: Tensor) -> Tensor:
    """Euclidean distances of rows `[A, F]` to rows `[B, F]`, `[A, B]`; with a gradient (0) where two are equal."""
    squared = first.square().sum(dim=1).unsqueeze(1) + second.square().sum(dim=1) - 2 * first @ second.T
    return squared.clamp(min=1e-12).sqrt()


def _scored(values: Tensor, other: Tensor) -> Tensor:
    """0 of rows that no other row is compared with."""
    return torch.where(other.any(dim=1), values, 0.0)
