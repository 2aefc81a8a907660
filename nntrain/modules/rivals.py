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

    The leave-one-out accuracy of the nearest neighbour (Lopez-Paz and Oquab 2017; Xu et al. 2018): 0.5 where the distributions are the
    same, 1 where no generated row lies among real ones; below 0.5 where generated rows are copies of these real ones.
    """

    told: Tensor
    """Whether the nearest other row of each compared real one is real, float64 `[M]`."""
    made: float
    """Share of the generated rows whose nearest other row is generated."""
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
        told = among.amin(dim=1) < across.amin(dim=1)
        return cls(told.double().cpu(), float((own.amin(dim=1) < across.amin(dim=0)).double().mean()), rows[places])

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
        """The accuracy for R weightings of the real rows, float64 `[R, N]`: `[R]`; generated rows count as much as real ones."""
        weights = weights[:, self.rows]
        return ((weights @ self.told) / weights.sum(dim=1) + self.made) / 2
