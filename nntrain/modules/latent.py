"""Distributions of rows, and how far they are from the one that rows are drawn from later."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class GaussianLatent(nn.Module):
    """Mean and log-variance of a normal distribution of each row, with independent numbers."""

    def __init__(self, features: int, dim: int) -> None:
        super().__init__()
        self.mean = nn.Linear(features, dim)
        self.log_variance = nn.Linear(features, dim)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """`[B, F]` to a draw `[B, dim]` (in evaluation the mean), and the divergence from the standard normal distribution `[B]`."""
        mean, log_variance = self.mean(x), self.log_variance(x).float()  # an exponential of half precision overflows early
        divergence = divergence_from_normal(mean.float(), log_variance)
        if not self.training:
            return mean, divergence
        deviation = (0.5 * log_variance).exp().to(mean.dtype)
        return mean + deviation * torch.randn_like(mean), divergence


def divergence_from_normal(mean: Tensor, log_variance: Tensor) -> Tensor:
    """Kullback-Leibler divergence KL(N(mean, variance) | N(0, 1)) in nats, `[B, D]` to `[B]` (Kingma & Welling 2013, appendix B)."""
    return 0.5 * (mean.square() + log_variance.exp() - log_variance - 1).sum(1)
