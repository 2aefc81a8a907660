"""What rivals are scored by, and whether what one of them makes can be told from what is real."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, cast

import torch
from torch import Tensor

MOST_COMPARED: Final = 2048
"""Rows of a split, and generated ones, of which all distances are taken: so many squared fit anywhere."""


def signed(output: Tensor, target: Tensor) -> Tensor:
    """Scores `[B, 1]` of real rows (target 1) with a minus, those of others (0) as they are: `[B]`."""
    return (1 - 2 * target) * output.reshape(len(target))


def gradient_penalty(score: Callable[[Tensor], Tensor], real: Tensor, made: Tensor, shares: Tensor) -> Tensor:
    """Squared distance from 1 of the norm of the score's gradient, on lines between rows (Gulrajani et al. 2017, algorithm 1): `[B]`.

    Args:
        score: Rows `[B, …]` to scores `[B, 1]`.
        real: Real rows `[B, …]`.
        made: Generated rows, `[B, …]`.
        shares: Where on the line between them the gradient is taken, from 0 to 1, `[B]`.
    """
    shares = shares.reshape(-1, *[1] * (real.ndim - 1))
    between = (shares * real + (1 - shares) * made).detach().requires_grad_()
    scores = score(between)
    gradient = torch.autograd.grad(scores.sum(), between, create_graph=True)[0]
    norms = cast("Tensor", torch.linalg.vector_norm(gradient.flatten(1), dim=1))
    return (norms - 1).square()


def spread(rows: int) -> Tensor:
    """Positions of the rows that are compared, evenly over all of them, int64 `[M]`: they may be in the order of their classes."""
    count = min(rows, MOST_COMPARED)
    return torch.arange(count) * rows // max(1, count)


@dataclass(frozen=True, slots=True)
class Neighbors:
    """How well the nearest other row tells whether a row is real, for weights of the real rows that one chooses.

    The leave-one-out two-sample test of the nearest neighbour (Lopez-Paz and Oquab 2017), for both sides by themselves (Xu et al. 2018):
    which share a of the rows of a side has its nearest neighbour on that side. Equal distances count half. Where the distributions are the
    same, a is 0.5 on both sides. Both ways to miss that are told from it: a is 1 on both sides where no generated row lies among real ones,
    0 on both where generated rows are copies of these real ones, and 1 of real rows with 0 of generated ones where these lie so far apart,
    as noise does, that a real one is always nearer. The mean of both sides, the accuracy of a classifier, is 0.5 for such noise too.
    """

    told: Tensor
    """Whether the nearest other row of each compared real one is real, 0.5 where a generated one is as near, float64 `[M]`."""
    made: float
    """Share of the generated rows whose nearest other row is generated, the same way."""
    rows: Tensor
    """Positions of the compared real rows among all, int64 `[M]`."""

    @classmethod
    def of(cls, real: Tensor, made: Tensor, rows: Tensor) -> Neighbors:
        """Compare real rows `[M, …]`, at positions `[M]` of all, with generated ones; as many of both, one or more."""
        count = min(len(real), len(made))
        places = spread(len(real))[:: max(1, len(real) // count)][:count]
        real, made = real[places].flatten(1).float(), made[:count].flatten(1).float()
        across, among, own = torch.cdist(real, made), torch.cdist(real, real), torch.cdist(made, made)
        for within in (among, own):
            within.fill_diagonal_(torch.inf)
        told, of_made = _nearer(among.amin(dim=1), across.amin(dim=1)), _nearer(own.amin(dim=1), across.amin(dim=0))
        return cls(told.cpu(), float(of_made.mean()), rows[places])

    @classmethod
    def among(cls, real: Tensor, rows: Tensor) -> Neighbors | None:
        """Compare one half of real rows `[M, …]`, at positions `[M]` of all, with the other half; `None` where there is a single row."""
        if len(real) < 2:
            return None
        order = torch.randperm(len(real), generator=torch.Generator().manual_seed(0))
        half = len(real) // 2
        one, other = order[:half].sort().values, order[half : 2 * half].sort().values
        return cls.of(real[one.to(real.device)], real[other.to(real.device)], rows[one])

    def accuracy(self, weights: Tensor) -> Tensor:
        """How surely both are told apart, for R weightings of the real rows, float64 `[R, N]`: `[R]`, from 0.5 to 1.

        The mean over the two sides of max(a, 1 - a): a classifier that knows of each side whether to believe the neighbour. Of N rows alike
        it is above 0.5 by chance, by about 0.5 / sqrt(N).
        """
        weights = weights[:, self.rows]
        of_real = (weights @ self.told) / weights.sum(dim=1)
        return (torch.maximum(of_real, 1 - of_real) + max(self.made, 1 - self.made)) / 2


def _nearer(one: Tensor, other: Tensor) -> Tensor:
    """Where distances are smaller than others: 1, or 0.5 where they are equal, float64."""
    return (one < other).double() + (one == other).double() / 2
