"""Several networks in one that share most weights (TabM: Gorishniy, Kotelnikov, Babenko, 2025)."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

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


class MembersLinear(nn.Module):
    """A linear layer with common weights, and scales and offsets of each member: `[B, k, F] -> [B, k, O]`, s * (W (r * x)) + b."""

    def __init__(self, members: int, in_features: int, out_features: int, *, scale_inputs: bool) -> None:
        """Draw weights and offsets as torch's linear layer does, the offsets once for all members; the scales are ones.

        Args:
            members: Their number, k.
            in_features: F.
            out_features: O.
            scale_inputs: There is an r.
        """
        super().__init__()
        bound = 1 / math.sqrt(in_features)
        self.weight = nn.Parameter(torch.empty(out_features, in_features).uniform_(-bound, bound))
        self.input_scale = nn.Parameter(torch.ones(members, in_features)) if scale_inputs else None
        self.output_scale = nn.Parameter(torch.ones(members, out_features))
        self.bias = nn.Parameter(torch.empty(out_features).uniform_(-bound, bound).repeat(members, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Scale, multiply, scale."""
        x = x if self.input_scale is None else x * self.input_scale
        return torch.addcmul(self.bias, nn.functional.linear(x, self.weight), self.output_scale)


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


class Bag(nn.Module):
    """Several networks that read the same inputs, and answer as one: each output reads as the mean of what theirs read as."""

    def __init__(self, members: Sequence[nn.Module], pools: Mapping[str, Callable[[Tensor], Tensor]]) -> None:
        """Take the networks.

        Args:
            members: Each gives outputs by target, `[B, K]` or `[B, K, …]`, and a state.
            pools: By target what makes one output of theirs, `[B, M, K, …]`.
        """
        super().__init__()
        self.members = nn.ModuleList(members)
        self._pools = dict(pools)

    def forward(self, inputs: Mapping[str, Tensor], state: Mapping[str, Any] | None = None) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Ask all."""
        found = [member(inputs)[0] for member in self.members]
        return {name: pool(torch.stack([outputs[name] for outputs in found], dim=1)) for name, pool in self._pools.items()}, {}
