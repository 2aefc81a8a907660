"""What rivals are scored by, and how far what one of them makes lies from what is real."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

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
    [gradient] = torch.autograd.grad(scores.sum(), between, create_graph=True)
    return (gradient.flatten(1).norm(dim=1) - 1).square()


@dataclass(frozen=True, slots=True)
class Distances:
    """How far rows lie from generated ones, for weights of the rows that one chooses.

    The energy distance (Székely and Rizzo 2013) of two distributions: twice the mean distance of a row of one from a row of the other,
    less the mean distances within each. It is 0 where they are the same and above 0 elsewhere; estimated from different rows alone, so
    that by chance it may come out a little below 0, whatever the number of rows.
    """

    across: Tensor
    """Mean distance of each real row from the generated ones, float64 `[N]`."""
    among: Tensor
    """Distances between real rows, float32 `[N, N]`."""
    own: float
    """Mean distance between different generated rows; NaN of a single one."""

    @classmethod
    def of(cls, real: Tensor, made: Tensor) -> Distances:
        """Compare rows `[N, …]` with generated ones `[M, …]`; of both the first `MOST_COMPARED`."""
        real, made = (values[:MOST_COMPARED].flatten(1).float() for values in (real, made))
        pairs = len(made) * (len(made) - 1)
        own = float(torch.cdist(made, made).double().sum()) / pairs if pairs else float("nan")
        return cls(torch.cdist(real, made).double().mean(dim=1).cpu(), torch.cdist(real, real).cpu(), own)

    def energy(self, weights: Tensor) -> Tensor:
        """The energy distance for R weightings of the real rows, float64 `[R, N]`: `[R]`, NaN where a single row counts."""
        weights = weights[:, : len(self.across)]
        counts, squares = weights.sum(dim=1), weights.square().sum(dim=1)
        within = ((weights.float() @ self.among).double() * weights).sum(dim=1) / (counts.square() - squares)
        found = 2 * (weights @ self.across) / counts - within - self.own
        return torch.where(counts.square() > squares, found, torch.nan)
