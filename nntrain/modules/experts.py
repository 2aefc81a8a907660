"""Feedforward layers of which each step uses a few."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from nntrain.modules.masking import true_steps


class Expert(nn.Module):
    """Two linear layers and an activation between them: `[S, F] -> [S, F]`."""

    def __init__(self, features: int, width: int, hidden: int, activation: nn.Module, *, bias: bool) -> None:
        """Make it.

        Args:
            features: What comes in and goes out.
            width: What the first layer gives.
            hidden: What the activation leaves of that, fewer if it is gated.
            activation: The activation.
            bias: Whether both layers have offsets.
        """
        super().__init__()
        self.up = nn.Linear(features, width, bias=bias)
        self.activation = activation
        self.down = nn.Linear(hidden, features, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        """Same shape."""
        return self.down(self.activation(self.up(x)))


class MixtureOfExperts(nn.Module):
    """A router gives each row `[B, F]` or step `[B, T, F]` to the experts that it finds likeliest."""

    def __init__(self, features: int, num_experts: int, top_k: int, make_expert: Callable[[], nn.Module]) -> None:
        super().__init__()
        self.top_k = top_k
        self.router = nn.Linear(features, num_experts, bias=False)
        self.experts = nn.ModuleList(make_expert() for _ in range(num_experts))

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Mix.

        Returns:
            The output, and how unevenly the experts are used: 1 if all alike, up to their number; `[B]`, the same for each row.
        """
        flat = x.flatten(0, -2)
        likely = self.router(flat).float().softmax(1)  # the choice is made in float32
        shares, chosen = likely.topk(self.top_k, dim=1)
        if self.top_k > 1:
            shares = shares / shares.sum(1, keepdim=True)
        out = torch.zeros_like(flat)
        for number, expert in enumerate(self.experts):
            steps, places = (chosen == number).nonzero(as_tuple=True)
            mixed = expert(flat[steps]) * shares[steps, places].unsqueeze(1)
            out = out.index_add(0, steps, mixed.to(out.dtype))
        return out.view(x.shape), self._balance(likely, chosen, x, lengths).expand(len(x))

    def _balance(self, likely: Tensor, chosen: Tensor, x: Tensor, lengths: Tensor | None) -> Tensor:
        """Number of experts times the sum of their shares of the steps times their mean probabilities (Fedus et al. 2021, equation 4)."""
        true = None if lengths is None else true_steps(lengths, x.shape[1]).flatten().to(likely.dtype).unsqueeze(1)
        used = torch.zeros_like(likely).scatter(1, chosen, 1.0 / self.top_k)
        if true is None:
            means = used.mean(0), likely.mean(0)
        else:
            count = true.sum().clamp(min=1)
            means = (used * true).sum(0) / count, (likely * true).sum(0) / count
        return likely.shape[1] * (means[0] * means[1]).sum()
