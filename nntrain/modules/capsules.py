"""Capsules: vectors whose direction says how something looks and whose length says how sure it is there (Sabour et al. 2017)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

EPS = 1e-8
"""Keeps the length of a vector of zeros differentiable."""


def squash(vectors: Tensor) -> Tensor:
    """Vectors along the last axis, of which short ones shrink to nearly 0 and long ones to nearly 1 (equation 1)."""
    squared = vectors.square().sum(-1, keepdim=True)
    return vectors * (squared / (1 + squared) * (squared + EPS).rsqrt())


class PrimaryCapsules(nn.Module):
    """A convolution whose channels are the numbers of capsules."""

    def __init__(self, conv: nn.Module, dim: int) -> None:
        """Make them of a convolution with a multiple of `dim` channels."""
        super().__init__()
        self.conv = conv
        self.dim = dim

    def forward(self, x: Tensor) -> Tensor:
        """`[B, C, H, W]` to `[B, n * H' * W', dim]`, those of one kind together."""
        maps: Tensor = self.conv(x)
        return squash(maps.reshape(len(maps), -1, self.dim, maps.shape[2] * maps.shape[3]).transpose(2, 3).flatten(1, 2))


class Capsules(nn.Module):
    """Capsules that get a vote of each capsule below, `[B, N, D] -> [B, K, dim]`."""

    def __init__(self, below: tuple[int, int], above: tuple[int, int], rounds: int) -> None:
        """Make them.

        Args:
            below: Number and size of the capsules that come in.
            above: Number and size of those that go out.
            rounds: Rounds of routing; 1 lets each capsule below vote for all above alike.
        """
        super().__init__()
        self.rounds = rounds
        self.weight = nn.Parameter(torch.empty(above[0], below[0], above[1], below[1]))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the weights: normal(0.1) of the paper's network, and as much more of fewer votes, so that their mean is as long."""
        above, below, dim, _ = self.weight.shape
        nn.init.normal_(self.weight, std=0.1 * (above / 10) * (1152 * 16 / (below * dim)) ** 0.5)

    def forward(self, x: Tensor) -> Tensor:
        """Route by agreement (procedure 1); only the last round has gradients."""
        votes = torch.einsum("bnd,knod->bkno", x, self.weight)
        coupling = votes.new_full((1, votes.shape[1], 1), 1 / votes.shape[1])
        known = votes.detach()
        logits: Tensor | None = None
        for _ in range(self.rounds - 1):
            agreed = squash((coupling.unsqueeze(-1) * known).sum(2))
            agreement = torch.einsum("bkno,bko->bkn", known, agreed)
            logits = agreement if logits is None else logits + agreement
            coupling = logits.softmax(1)
        return squash((coupling.unsqueeze(-1) * votes).sum(2))


class CapsuleLength(nn.Module):
    """Lengths of capsules."""

    def forward(self, x: Tensor) -> Tensor:
        """`[B, K, D]` to `[B, K]`."""
        return (x.square().sum(-1) + EPS).sqrt()


class CapsuleMask(nn.Module):
    """Keeps one capsule of each row."""

    def forward(self, x: Tensor, chosen: Tensor | None = None) -> Tensor:
        """`[B, K, D]` to `[B, K * D]`, 0 but for one capsule: that of `chosen` int64 `[B]` in training, else the longest."""
        if chosen is None or not self.training:
            chosen = x.square().sum(-1).argmax(1)
        keep = torch.zeros(x.shape[:2], dtype=x.dtype, device=x.device).scatter_(1, chosen.unsqueeze(1), 1.0)
        return (x * keep.unsqueeze(-1)).flatten(1)


class Reconstruction(nn.Module):
    """Compares what comes in with what it is to be."""

    def forward(self, x: Tensor, of: Tensor) -> tuple[Tensor, Tensor]:
        """What came in, `[B, …]`, and by row the sum of squared differences, `[B]`."""
        shown = x.reshape(of.shape)
        return x, (shown - of).square().reshape(len(of), -1).sum(1)
