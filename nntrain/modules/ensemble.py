"""Several networks in one that share most weights (TabM: Gorishniy, Kotelnikov, Babenko, 2025)."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn


class Members(nn.Module):
    """A row for each member, scaled by numbers of its own: `[B, F] -> [B, k, F]`."""

    def __init__(self, members: int, sections: Sequence[int], *, signs: bool) -> None:
        """Draw the scales.

        Args:
            members: Their number, k.
            sections: How many neighbouring features share a draw, F in all.
            signs: Begin with -1 and 1 in place of normal numbers.
        """
        super().__init__()
        draws = torch.randint(0, 2, (members, len(sections))) * 2.0 - 1 if signs else torch.randn(members, len(sections))
        self.weight = nn.Parameter(draws.repeat_interleave(torch.tensor(sections), dim=1))

    def forward(self, x: Tensor) -> Tensor:
        """Scale."""
        return x.unsqueeze(1) * self.weight


class MembersHead(nn.Module):
    """A linear layer for each member: `[B, k, F]` to `[B * k, K]` in training, each row's members one after another, else to `[B, K]`."""

    def __init__(self, members: int, in_features: int, out_features: int, pool: Callable[[Tensor], Tensor]) -> None:
        """Draw the weights as torch's linear layer does.

        Args:
            members: Their number, k.
            in_features: F.
            out_features: K.
            pool: Makes of their outputs `[B, k, K]` the one that reads as the mean of what they predict, `[B, K]`.
        """
        super().__init__()
        bound = 1 / math.sqrt(in_features)
        self.weight = nn.Parameter(torch.empty(members, in_features, out_features).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(members, out_features).uniform_(-bound, bound))
        self._pool = pool

    def forward(self, x: Tensor) -> Tensor:
        """Multiply."""
        found = torch.matmul(x.transpose(0, 1), self.weight).transpose(0, 1) + self.bias
        return found.flatten(0, 1) if self.training else self._pool(found)
