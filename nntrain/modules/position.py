"""Vectors that say where a step stands in its sequence. The state is the number of steps before, int64 `[B]`."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from nntrain.errors import DataError


class LearnedPositions(nn.Embedding):
    """Adds a learned vector per step to `[B, T, F]`; begins at normal(0.02), as GPT-2's and BERT's."""

    def reset_parameters(self) -> None:
        """Draw the vectors anew."""
        nn.init.normal_(self.weight, std=0.02)

    def init_state(self, rows: int) -> Tensor:
        """No steps before the first."""
        return torch.zeros(rows, dtype=torch.int64, device=self.weight.device)

    def forward(self, input: Tensor, lengths: Tensor | None = None, state: Tensor | None = None) -> tuple[Tensor, Tensor | None]:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Same shape, and the steps so far where a state was given. Raises `DataError` for more steps than there are vectors."""
        steps = input.shape[1]
        if state is None:
            self._check(steps)
            return input + self.weight[:steps], None
        after = state + (steps if lengths is None else lengths)
        self._check(int(after.max()))
        places = _places(state, steps).clamp(max=self.num_embeddings - 1)  # beyond it there is padding alone
        return input + self.weight[places], after

    def _check(self, steps: int) -> None:
        if steps > self.num_embeddings:
            raise DataError(
                f"a row of {steps} steps, and position_embedding has vectors for {self.num_embeddings}: raise its max_length,"
                " use position_embedding: sinusoidal, or shorten the rows"
            )


class SinusoidalPositions(nn.Module):
    """Adds sines and cosines of a step's number to `[B, T, F]` (Vaswani et al. 2017, section 3.5)."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.rates: Tensor
        rates = torch.exp(torch.arange(0, features, 2) * (-math.log(10000.0) / features))
        self.register_buffer("rates", rates, persistent=False)

    def init_state(self, rows: int) -> Tensor:
        """No steps before the first."""
        return torch.zeros(rows, dtype=torch.int64, device=self.rates.device)

    def forward(self, x: Tensor, lengths: Tensor | None = None, state: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
        """Same shape, and the steps so far where a state was given."""
        steps = x.shape[1]
        places = torch.arange(steps, device=x.device) if state is None else _places(state, steps)
        angles = places.unsqueeze(-1).to(self.rates.dtype) * self.rates
        waves = torch.stack([angles.sin(), angles.cos()], -1).flatten(-2)
        after = None if state is None else state + (steps if lengths is None else lengths)
        return x + waves[..., : x.shape[2]].to(x.dtype), after


class ClassToken(nn.Module):
    """Puts a learned step before each row `[B, T, F]`; it begins at 0."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(1, features))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Back to where it begins."""
        nn.init.zeros_(self.weight)

    def forward(self, x: Tensor) -> Tensor:
        """`[B, T + 1, F]`."""
        return torch.cat([self.weight.to(x.dtype).expand(len(x), 1, -1), x], dim=1)


def _places(state: Tensor, steps: int) -> Tensor:
    """Numbers of the steps of each row, int64 `[B, T]`."""
    return state.unsqueeze(1) + torch.arange(steps, device=state.device)
